//! What an agent says and does. It can be cloned into other tasks.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use relay_core::{
    agent::{Agent, Status},
    api::{
        reply::Sent,
        request::{ActOnClaim, MarkMessage, SendMessage},
    },
    error::Code,
    id::{AgentId, MessageId},
    message::Message,
    target::Target,
    text::{Body, Line, Slug},
};
use tokio::sync::broadcast;

use super::{Presence, SessionError};
use crate::{error::ClientError, http::Relay};

/// An agent in its session. Every action names the process, so that one which was replaced does
/// nothing in its successor's name.
#[derive(Clone)]
pub struct Member {
    pub(super) presence: Arc<Presence>,
    /// The grants this session holds: finishing names the grant, so that a lost one is noticed.
    grants: Arc<Mutex<HashMap<MessageId, i64>>>,
}

impl Member {
    pub(super) fn new(presence: Arc<Presence>) -> Self {
        Self { presence, grants: Arc::default() }
    }

    /// The agent's id.
    pub fn id(&self) -> &AgentId {
        self.presence.id()
    }

    /// The agent as the relay last showed it.
    pub fn agent(&self) -> Agent {
        self.presence.agent()
    }

    /// The agent's own token. It is a secret.
    pub fn token(&self) -> Option<String> {
        self.presence.token()
    }

    /// The messages that need not be handed over any more: read by this agent, by whatever path (a
    /// command in its own session is one), deleted, or another's work. For who keeps mail between
    /// [`Session::next`](crate::Session::next) and its session.
    pub fn settled(&self) -> broadcast::Receiver<MessageId> {
        self.presence.settled()
    }

    /// The relay, spoken to with the agent's token, for everything else.
    pub fn relay(&self) -> Relay {
        self.presence.relay()
    }

    /// Says how the agent is doing.
    pub async fn status(&self, status: Status, detail: Option<Line>) -> Result<(), SessionError> {
        self.presence.be(status, detail).await
    }

    /// Says whether the agent takes new work.
    pub async fn ready(&self, ready: bool) -> Result<(), SessionError> {
        self.presence.be_ready(ready).await
    }

    /// Says that the message stands in the session's context. Until then it comes again to whoever
    /// is this agent next.
    pub async fn read(&self, message: &Message) -> Result<Message, SessionError> {
        self.mark(message.id, |mark| mark.read = Some(true)).await
    }

    /// Says the same, and by which path the message got there.
    pub async fn read_via(&self, message: &Message, via: Slug) -> Result<Message, SessionError> {
        self.mark(message.id, |mark| {
            mark.read = Some(true);
            mark.via = Some(via.clone());
        })
        .await
    }

    /// Says that the turn which had the message has ended.
    pub async fn handled(&self, message: &Message) -> Result<Message, SessionError> {
        self.mark(message.id, |mark| mark.handled = Some(true)).await
    }

    /// Answers a message in its thread. Who holds a claim on the thread's work finishes it so.
    pub async fn reply(&self, message: &Message, text: &str) -> Result<Sent, SessionError> {
        let body = body(text)?;
        let mut request =
            SendMessage::new(self.id().clone(), Target::Agent(message.from.clone()), body);
        request.reply_to = Some(message.id);
        self.send(request).await
    }

    /// Sends a message as this agent.
    pub async fn send(&self, mut request: SendMessage) -> Result<Sent, SessionError> {
        request.from = Some(self.id().clone());
        // One key for both attempts of `fenced`, so that they cannot become two messages.
        request.idempotency_key.get_or_insert_with(crate::random::key);
        self.fenced(|relay, (instance_id, epoch)| {
            let request = SendMessage { instance_id, epoch, ..request.clone() };
            async move { relay.send_message(request).await }
        })
        .await
    }

    /// Claims a claimable message. The session's heartbeats keep the claim.
    ///
    /// Refused with `already_claimed` when somebody else was first.
    pub async fn claim(&self, message: &Message) -> Result<Message, SessionError> {
        let id = message.id;
        let claimed = self
            .act(None, move |relay, act| async move { relay.claim_message(id, &act).await })
            .await?;
        if let Some(claim) = &claimed.claim {
            self.grants().insert(id, claim.generation);
        }
        Ok(claimed)
    }

    /// Finishes claimed work for good. Refused with `lease_lost` when the claim is no longer ours.
    pub async fn done(&self, message: &Message) -> Result<Message, SessionError> {
        let id = message.id;
        let done = self
            .act(self.grant(message), move |relay, act| async move {
                relay.finish_message(id, &act).await
            })
            .await?;
        self.grants().remove(&id);
        Ok(done)
    }

    /// Gives a claim back, for others.
    pub async fn release(&self, message: &Message) -> Result<Message, SessionError> {
        let id = message.id;
        let released = self
            .act(self.grant(message), move |relay, act| async move {
                relay.release_message(id, &act).await
            })
            .await?;
        self.grants().remove(&id);
        Ok(released)
    }

    /// The grant this session has, or, after a restart, the one that the message shows.
    fn grant(&self, message: &Message) -> Option<i64> {
        let shown = message.claim.as_ref().filter(|claim| claim.by == *self.id());
        self.grants().get(&message.id).copied().or(shown.map(|claim| claim.generation))
    }

    pub(super) fn grants(&self) -> std::sync::MutexGuard<'_, HashMap<MessageId, i64>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn mark(
        &self,
        id: MessageId,
        what: impl Fn(&mut MarkMessage),
    ) -> Result<Message, SessionError> {
        self.fenced(|relay, (instance_id, epoch)| {
            let mut mark = MarkMessage {
                agent_id: Some(self.id().clone()),
                read: None,
                handled: None,
                via: None,
                instance_id,
                epoch,
            };
            what(&mut mark);
            async move { relay.mark_message(id, &mark).await }
        })
        .await
    }

    /// Claims, finishes or releases as the current process.
    pub(super) async fn act<T, F>(
        &self,
        generation: Option<i64>,
        act: impl Fn(Relay, ActOnClaim) -> F,
    ) -> Result<T, SessionError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.fenced(|relay, (instance_id, epoch)| {
            let agent_id = Some(self.id().clone());
            act(relay, ActOnClaim { agent_id, instance_id, epoch, generation })
        })
        .await
    }

    /// Does something as the current process. A refusal that may be about who we are is looked
    /// into with a heartbeat: it ends the session, or sets it right for a second attempt.
    pub(super) async fn fenced<T, F>(
        &self,
        act: impl Fn(Relay, (Option<Line>, Option<i64>)) -> F,
    ) -> Result<T, SessionError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let attempt = || act(self.presence.relay(), self.presence.fence());
        match attempt().await {
            Err(error) if error.is(Code::StaleSession) || error.status() == Some(401) => {
                self.presence.beat().await?;
                Ok(attempt().await?)
            }
            other => Ok(other?),
        }
    }
}

/// A text that no relay would take is refused here in the relay's words.
pub(super) fn body(text: &str) -> Result<Body, ClientError> {
    text.parse::<Body>().map_err(|why| {
        let refused = relay_core::error::Refused::field("body", why);
        crate::error::Refusal::new(400, refused.to_body().error, None).into_error()
    })
}
