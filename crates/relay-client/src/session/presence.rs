//! An agent's registration, and keeping it true.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use relay_core::{
    agent::{Agent, Status},
    api::request::{Heartbeat, RegisterAgent},
    error::Code,
    event::{Event, Name},
    id::{AgentId, MessageId},
    text::Line,
};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::{Instant, sleep_until},
};

use super::{SessionError, SessionOptions, registration::Registration};
use crate::{
    error::{ClientError, Refusal},
    http::Relay,
    identity::TokenFile,
    retry::Backoff,
};

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// How many messages may be settled before somebody who listens looks.
const SETTLED: usize = 1_024;

/// A registered agent, shared by all that speak for it.
pub(crate) struct Presence {
    /// The relay with its own token, for what the agent's may not do: registering when unknown.
    base: Relay,
    register: RegisterAgent,
    heartbeat: Duration,
    token_file: Option<TokenFile>,
    state: Mutex<State>,
    /// One heartbeat at a time: two that find the agent gone would both register it.
    beating: tokio::sync::Mutex<()>,
    beat_now: Notify,
    registrations: watch::Sender<u64>,
    settled: broadcast::Sender<MessageId>,
    over: watch::Sender<Option<Refusal>>,
}

struct State {
    registration: Registration,
    mood: Mood,
}

/// What every heartbeat says about the agent.
#[derive(Clone, Default)]
struct Mood {
    status: Option<(Status, Option<Line>)>,
    ready: Option<bool>,
}

impl Presence {
    /// Registers the agent.
    pub(crate) async fn begin(
        relay: Relay,
        register: RegisterAgent,
        options: SessionOptions,
    ) -> Result<Self, SessionError> {
        let token_file = options.token_file.map(|path| TokenFile::new(path, &relay, &register.id));
        let kept = token_file.as_ref().and_then(TokenFile::read);
        let token = options.token.or(kept);
        let token = token.as_deref();
        let registration = if options.wait_for_relay {
            Registration::wait(&relay, &register, token).await?
        } else {
            Registration::make(&relay, &register, token).await?
        };
        let presence = Self {
            base: relay,
            register,
            heartbeat: options.heartbeat,
            token_file,
            state: Mutex::new(State { registration, mood: Mood::default() }),
            beating: tokio::sync::Mutex::new(()),
            beat_now: Notify::new(),
            registrations: watch::Sender::new(0),
            settled: broadcast::Sender::new(SETTLED),
            over: watch::Sender::new(None),
        };
        presence.keep_token()?;
        Ok(presence)
    }

    /// The agent's id.
    pub(crate) fn id(&self) -> &AgentId {
        &self.register.id
    }

    /// The agent as the relay last showed it.
    pub(crate) fn agent(&self) -> Agent {
        self.state().registration.agent.clone()
    }

    /// The relay, spoken to as the agent.
    pub(crate) fn relay(&self) -> Relay {
        self.state().registration.relay.clone()
    }

    /// The agent's own token.
    pub(crate) fn token(&self) -> Option<String> {
        self.state().registration.token.clone()
    }

    /// The process and the epoch that every action names, so that a replaced process does nothing.
    pub(crate) fn fence(&self) -> (Option<Line>, Option<i64>) {
        (self.register.instance_id.clone(), Some(self.state().registration.agent.epoch))
    }

    /// Rises whenever the agent was registered anew, and its mail must be looked through again.
    pub(crate) fn registrations(&self) -> watch::Receiver<u64> {
        self.registrations.subscribe()
    }

    /// True when the session was replaced.
    pub(crate) fn is_over(&self) -> bool {
        self.over.borrow().is_some()
    }

    /// Waits for the session's being replaced.
    pub(crate) async fn over(&self) -> Refusal {
        let mut over = self.over.subscribe();
        let Ok(refusal) = over.wait_for(Option::is_some).await else {
            return std::future::pending().await;
        };
        refusal.clone().expect("it was waited for")
    }

    /// Takes note of what the stream says about the agent. A registration that is not ours, or a
    /// removal, is looked into at once.
    pub(crate) fn note(&self, event: Event) {
        let Some(agent) = event.agent.filter(|agent| agent.id == *self.id()) else { return };
        let mut state = self.state();
        let ours = &mut state.registration.agent;
        if event.name == Name::AgentRemoved || agent.epoch > ours.epoch {
            self.look();
        } else if agent.epoch == ours.epoch {
            *ours = agent;
        }
    }

    /// The messages that need not be handed over any more.
    pub(crate) fn settled(&self) -> broadcast::Receiver<MessageId> {
        self.settled.subscribe()
    }

    /// Takes note of what the stream says about mail: read by us, deleted, or another's work.
    pub(crate) fn settle(&self, event: &Event) {
        let ours = event.by.as_ref() == Some(self.id());
        let id = match event.name {
            Name::MessageRead if ours => event.message_id,
            Name::MessageClaimed if !ours => event.message.as_ref().map(|message| message.id),
            Name::MessageDeleted | Name::MessageDone => {
                event.message.as_ref().map(|message| message.id)
            }
            _ => None,
        };
        if let Some(id) = id {
            // Nobody listens where mail is not kept on its way.
            let _ = self.settled.send(id);
        }
    }

    /// Says how the agent is doing, now and with every heartbeat.
    pub(crate) async fn be(
        &self,
        status: Status,
        detail: Option<Line>,
    ) -> Result<(), SessionError> {
        self.state().mood.status = Some((status, detail));
        self.beat().await
    }

    /// Says whether the agent takes new work.
    pub(crate) async fn be_ready(&self, ready: bool) -> Result<(), SessionError> {
        self.state().mood.ready = Some(ready);
        self.beat().await
    }

    /// Asks for a heartbeat soon: somebody found that the relay may not know us any more.
    pub(crate) fn look(&self) {
        self.beat_now.notify_one();
    }

    /// Says that the agent is alive, and sets right what the relay finds wrong.
    pub(crate) async fn beat(&self) -> Result<(), SessionError> {
        let _one = self.beating.lock().await;
        let (relay, beat) = (self.relay(), self.heartbeat());
        match relay.heartbeat(self.id(), &beat).await {
            Ok(agent) => {
                self.state().registration.agent = agent;
                Ok(())
            }
            Err(error) if error.is(Code::StaleSession) => Err(self.end(error)),
            Err(error) if error.status() == Some(404) => self.register_again().await,
            Err(error) if error.status() == Some(401) => self.prove_again(error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Goes offline, in a heartbeat because that is refused to a process that was replaced, which
    /// must not put its successor offline. Who is no agent any more has nothing to leave.
    pub(crate) async fn leave(&self) -> Result<(), ClientError> {
        if self.is_over() {
            return Ok(());
        }
        let relay = self.relay().with_retries(0);
        let last =
            Heartbeat { status: Some(Status::Offline), status_detail: None, ..self.heartbeat() };
        match relay.heartbeat(self.id(), &last).await {
            Err(error) if error.refusal().is_none() => Err(error),
            _ => Ok(()),
        }
    }

    fn heartbeat(&self) -> Heartbeat {
        let mood = self.state().mood.clone();
        let (instance_id, epoch) = self.fence();
        let (status, status_detail) = mood.status.unzip();
        Heartbeat { status, status_detail, ready: mood.ready, instance_id, epoch }
    }

    /// Our token is worth nothing any more: either the agent was removed, or somebody else is it.
    async fn prove_again(&self, error: ClientError) -> Result<(), SessionError> {
        match self.base.agent(self.id()).await {
            Ok(_) => Err(self.end(error)),
            Err(gone) if gone.status() == Some(404) => self.register_again().await,
            Err(error) => Err(error.into()),
        }
    }

    async fn register_again(&self) -> Result<(), SessionError> {
        tracing::info!(agent.id = %self.id(), "the relay does not know the agent; registering again");
        let (token, mood) = {
            let state = self.state();
            (state.registration.token.clone(), state.mood.clone())
        };
        let mut register = self.register.clone();
        if let Some((status, detail)) = mood.status.clone() {
            (register.status, register.status_detail) = (Some(status), detail);
        }
        register.ready = mood.ready.or(register.ready);
        match Registration::make(&self.base, &register, token.as_deref()).await {
            Ok(registration) => {
                self.state().registration = registration;
                self.keep_token()?;
                self.registrations.send_modify(|n| *n += 1);
                Ok(())
            }
            Err(error) if error.is(Code::AgentIdTaken) => Err(self.end(error)),
            Err(error) => Err(error.into()),
        }
    }

    fn end(&self, error: ClientError) -> SessionError {
        let (ClientError::Refused(refusal) | ClientError::Unauthorized(refusal)) = error else {
            return error.into();
        };
        self.over.send_replace(Some((*refusal).clone()));
        SessionError::Replaced(refusal)
    }

    fn keep_token(&self) -> Result<(), SessionError> {
        let (Some(file), Some(token)) = (&self.token_file, self.token()) else { return Ok(()) };
        file.write(&token)
            .map_err(|source| SessionError::TokenFile { path: file.path().to_owned(), source })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the agent alive until it is replaced.
pub(super) async fn keep(presence: Arc<Presence>) {
    let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
    let mut due = Instant::now() + presence.heartbeat;
    loop {
        tokio::select! {
            () = sleep_until(due) => {}
            () = presence.beat_now.notified() => {}
        }
        due = Instant::now()
            + match presence.beat().await {
                Ok(()) => {
                    backoff.reset();
                    presence.heartbeat
                }
                Err(SessionError::Replaced(refusal)) => {
                    tracing::warn!(agent.id = %presence.id(), %refusal, "the session was replaced");
                    return;
                }
                Err(error) => {
                    tracing::debug!(agent.id = %presence.id(), %error, "no heartbeat");
                    backoff.next().min(presence.heartbeat)
                }
            };
    }
}
