//! Being an agent: registered, alive, reading its mail, gone at the end.
//!
//! A [`Session`] registers, says that it is alive, and hands over each message once, over cut
//! connections and restarts of the relay. What it does by itself:
//!
//! - a relay that has forgotten the agent has it registered again;
//! - an owner's token that comes back to an id somebody took meanwhile is itself again;
//! - a process that a newer one has replaced ends with [`SessionError::Replaced`], and does not
//!   fight for the id;
//! - at the end the agent is offline. Its unread mail comes again to whoever is it next.
//!
//! It runs on tokio. [`Member`] is the part that can be cloned into other tasks.

mod member;
mod presence;
mod registration;
mod work;

use std::{ops::Deref, path::PathBuf, sync::Arc, time::Duration};

use relay_core::{api::request::RegisterAgent, message::Message};
use tokio::{sync::mpsc, task::JoinSet};

pub use self::member::Member;
pub(crate) use self::presence::Presence;
use crate::{
    error::{ClientError, Refusal},
    http::Relay,
    inbox, random,
};

/// Messages that were fetched and not asked for yet. Further ones wait in the relay.
const AHEAD: usize = 16;
/// Saying goodbye may not hold up a program's end for longer.
const FAREWELL: Duration = Duration::from_secs(3);

/// How a session is held.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// How often to say that the agent is alive; 30 seconds. A relay counts two minutes of silence
    /// as gone.
    pub heartbeat: Duration,
    /// The agent's own token from an earlier session, which proves that the id is ours.
    pub token: Option<String>,
    /// Where that token is kept from session to session. [`crate::identity::token_file`] is a place
    /// for it.
    pub token_file: Option<PathBuf>,
    /// True: wait for a relay that does not run yet. False: fail.
    pub wait_for_relay: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            token: None,
            token_file: None,
            wait_for_relay: false,
        }
    }
}

/// A message as it is handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// The message. With a `task_id` it announces a task: [`Member::task`] shows it.
    pub message: Message,
    /// True when it was waiting before this session looked, so that it may be old.
    pub waited: bool,
    /// True when it was handed over before and is offered again, because a claim on it was released.
    pub again: bool,
}

/// Why a session cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Another process is the agent now.
    #[error("another session has taken over: {0}")]
    Replaced(Box<Refusal>),
    /// The relay cannot be spoken to, or said no.
    #[error(transparent)]
    Relay(#[from] ClientError),
    /// The agent's token cannot be kept.
    #[error("cannot write {path}: {source}", path = path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// An agent's session. Dropping it ends it too, without waiting for the relay's answer.
pub struct Session {
    member: Member,
    mail: mpsc::Receiver<Incoming>,
    tasks: JoinSet<()>,
    ended: bool,
}

impl Session {
    /// Registers the agent and begins to follow its mail.
    ///
    /// `relay` carries the relay's token, where it asks for one; the agent's own comes from the
    /// registration. Fails with `agent_id_taken` when the id is live and the token does not prove to
    /// be it, and, unless told to wait, when no relay answers.
    pub async fn start(
        relay: Relay,
        mut register: RegisterAgent,
        options: SessionOptions,
    ) -> Result<Self, SessionError> {
        register.instance_id.get_or_insert_with(random::instance);
        let presence = Arc::new(Presence::begin(relay, register, options).await?);
        let (sender, mail) = mpsc::channel(AHEAD);
        let mut tasks = JoinSet::new();
        tasks.spawn(presence::keep(Arc::clone(&presence)));
        tasks.spawn(inbox::follow(Arc::clone(&presence), sender));
        Ok(Self { member: Member::new(presence), mail, tasks, ended: false })
    }

    /// Waits for the next message. Each is handed over once; it stays unread until
    /// [`Member::read`].
    ///
    /// Losing `next` in a `select!` loses no message. Fails when the session is over.
    pub async fn next(&mut self) -> Result<Incoming, SessionError> {
        let presence = Arc::clone(&self.member.presence);
        tokio::select! {
            biased;
            refusal = presence.over() => Err(SessionError::Replaced(Box::new(refusal))),
            Some(incoming) = self.mail.recv() => Ok(incoming),
        }
    }

    /// A handle for other tasks.
    pub fn member(&self) -> Member {
        self.member.clone()
    }

    /// Ends the session: the agent is offline, its claims are open again. A session that was
    /// replaced leaves its successor alone.
    pub async fn end(mut self) -> Result<(), SessionError> {
        self.ended = true;
        self.tasks.shutdown().await;
        farewell(&self.member.presence).await
    }
}

async fn farewell(presence: &Presence) -> Result<(), SessionError> {
    match tokio::time::timeout(FAREWELL, presence.leave()).await {
        Ok(left) => Ok(left?),
        Err(_) => Ok(()),
    }
}

impl Deref for Session {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.member
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.ended {
            let presence = Arc::clone(&self.member.presence);
            runtime.spawn(async move { farewell(&presence).await });
        }
    }
}
