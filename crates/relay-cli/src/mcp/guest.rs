//! Guests: agents that this process registers itself, for clients that no provider hosts. A guest
//! is alive while its connection lasts, and offline afterwards.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use relay_client::{Member, Session, SessionOptions, http::Relay, session::SessionError};
use relay_core::{api::request::RegisterAgent, id::AgentId};
use tokio::{sync::oneshot, task::JoinSet};

use super::fault::Fault;

/// The sessions of all guests of this process, so that its end can wait for their farewells.
#[derive(Clone, Default)]
pub struct Lobby(Arc<Mutex<JoinSet<()>>>);

impl Lobby {
    fn spawn(&self, session: impl Future<Output = ()> + Send + 'static) {
        let mut sessions = self.sessions();
        while sessions.try_join_next().is_some() {}
        sessions.spawn(session);
    }

    /// Waits until those who were told to leave have left, but not for long.
    pub async fn empty(&self, patience: Duration) {
        let mut sessions = std::mem::take(&mut *self.sessions());
        let left = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, left).await.is_err() {
            tracing::warn!("some agents could not say goodbye");
        }
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a guest is registered.
pub struct Registration {
    pub relay: Relay,
    pub register: RegisterAgent,
    pub options: SessionOptions,
}

/// The guests of one connection, each by what tells it from the others. Dropping them ends them.
#[derive(Default)]
pub struct Guests {
    lobby: Lobby,
    present: tokio::sync::Mutex<HashMap<String, Guest>>,
}

struct Guest {
    member: Member,
    /// Dropping it tells the session to end; it is closed once the session is over.
    stay: oneshot::Sender<()>,
}

impl Guests {
    /// None yet.
    pub fn new(lobby: Lobby) -> Self {
        Self { lobby, present: tokio::sync::Mutex::default() }
    }

    /// The guest of that key, where it is there.
    pub async fn get(&self, key: &str) -> Option<Member> {
        let present = self.present.lock().await;
        present.get(key).filter(|guest| !guest.stay.is_closed()).map(|guest| guest.member.clone())
    }

    /// The guest of that key, registered now where it is not there. Calls that come together get
    /// one guest.
    pub async fn get_or_register<F>(
        &self,
        key: &str,
        register: impl FnOnce() -> F,
        left: fn(&AgentId),
    ) -> Result<Member, Fault>
    where
        F: Future<Output = Result<Session, Fault>>,
    {
        let mut present = self.present.lock().await;
        if let Some(guest) = present.get(key).filter(|guest| !guest.stay.is_closed()) {
            return Ok(guest.member.clone());
        }
        let session = register().await?;
        let (member, (stay, leave)) = (session.member(), oneshot::channel());
        self.lobby.spawn(host(session, leave, left));
        present.insert(key.to_owned(), Guest { member: member.clone(), stay });
        Ok(member)
    }

    /// Tells one guest to leave.
    pub async fn dismiss(&self, key: &str) {
        self.present.lock().await.remove(key);
    }

    /// Tells all to leave, and waits until they have.
    pub async fn close(&self, patience: Duration) {
        self.present.lock().await.clear();
        self.lobby.empty(patience).await;
    }
}

/// Holds a session until it is to end, or another process has it. Its mail stays unread in the
/// relay, from where `inbox` fetches it.
async fn host(mut session: Session, mut leave: oneshot::Receiver<()>, left: fn(&AgentId)) {
    let id = session.id().clone();
    loop {
        tokio::select! {
            _ = &mut leave => break,
            next = session.next() => if let Err(error) = next {
                tracing::warn!(agent.id = %id, %error, "the session is over");
                break;
            },
        }
    }
    left(&id);
    if let Err(error) = session.end().await {
        tracing::debug!(agent.id = %id, %error, "no goodbye");
    }
}

/// Registers a guest.
pub async fn start(registration: Registration) -> Result<Session, SessionError> {
    let Registration { relay, register, options } = registration;
    Session::start(relay, register, options).await
}
