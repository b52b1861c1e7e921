//! One agent of the story: it reads whatever comes, and answers those who are not part of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use relay_client::{
    Session, SessionError, SessionOptions,
    http::Relay,
    session::{Incoming, Member},
};
use relay_core::{
    api::request::{ActOnPair, SayInPair},
    id::AgentId,
    target::Target,
};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    super::{
        cast::{CAST, Role},
        story::SOURCES,
    },
    Missed, text,
};

/// What everybody else is told.
const ANSWER: &str = "Thanks, I have read it. I am part of the demo and only know my script; \
                      an agent of yours would go on from here.";

/// An agent that is here, or was.
pub struct Actor {
    pub member: Member,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Actor {
    /// Registers it, and reads its mail from then on. With its token it is who it was.
    pub async fn enter(
        role: &Role,
        relay: &Relay,
        token: Option<String>,
        present: Arc<AtomicBool>,
    ) -> Result<Self, super::Failure> {
        let options = SessionOptions { token, ..SessionOptions::default() };
        let session = Session::start(relay.clone(), role.registration()?, options).await.map_err(
            |error| match error {
                SessionError::Relay(error) => error.into(),
                error => super::Failure::refused(error),
            },
        )?;
        let member = session.member();
        let (leave, left) = oneshot::channel();
        let reading = tokio::spawn(attend(session, left, present));
        Ok(Self { member, running: Some((leave, reading)) })
    }

    pub fn is_here(&self) -> bool {
        self.running.is_some()
    }

    /// Goes offline; what is sent to it waits.
    pub async fn go(&mut self) {
        let Some((leave, reading)) = self.running.take() else { return };
        let _ = leave.send(());
        // It ends by itself; a panic in it would have been told already.
        let _ = reading.await;
    }

    /// Goes for good.
    pub async fn leave(mut self) {
        self.go().await;
    }
}

async fn attend(mut session: Session, mut left: oneshot::Receiver<()>, present: Arc<AtomicBool>) {
    loop {
        let incoming = tokio::select! {
            _ = &mut left => break,
            incoming = session.next() => incoming,
        };
        let Ok(incoming) = incoming else { return };
        let answering = present.load(Ordering::Relaxed);
        // A relay that refuses or has gone is noticed by whoever plays the story.
        let _ = receive(&session, incoming, answering).await;
    }
    let _ = session.end().await;
}

async fn receive(me: &Member, incoming: Incoming, answering: bool) -> Result<(), Missed> {
    let message = incoming.message;
    me.read(&message).await?;
    if answering && is_stranger(&message.from) {
        if let Some(pair) = &message.pair_id {
            // An invitation is accepted; what is accepted, or over, stays so.
            me.relay().accept_pair(pair, &ActOnPair::default()).await?;
            me.relay().say_in_pair(pair, &SayInPair::new(text(ANSWER)?)).await?;
        } else if matches!(message.to, Target::Agent(_) | Target::Label(_)) && !message.claimable {
            me.reply(&message, ANSWER).await?;
        }
    }
    me.handled(&message).await?;
    Ok(())
}

/// Neither of the story nor the relay itself.
fn is_stranger(from: &AgentId) -> bool {
    let id = from.as_str();
    id != "system" && !SOURCES.contains(&id) && !CAST.iter().any(|role| role.id == id)
}
