//! Where the story is played: its agents as sessions, and what earlier steps left for later ones.

mod actor;

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use relay_client::{SessionError, error::ClientError, http::Relay, session::Member};
use relay_core::{
    api::{
        query,
        request::{
            ActOnPair, CreateTask, Heartbeat, InvitePair, PostEvent, SayInPair, SendMessage,
        },
    },
    id::PairId,
    message::Message,
    task::Task,
};
use secrecy::ExposeSecret as _;

use self::actor::Actor;
use super::{
    cast::CAST,
    clock::Behind,
    relay::Temporary,
    story::{BEGINS_MINUTES_AGO, HUMAN, Report, Step},
};
use crate::failure::Failure;

/// Between two steps of the past.
const MOMENT_MS: i64 = 12_000;
/// The longest between two heartbeats of the past: no claim lapses meanwhile.
const PULSE_MS: i64 = 2 * 60_000;
/// How long the past may wait until everything is read.
const PATIENCE: Duration = Duration::from_secs(5);

/// A relay, the agents of the story there, and what has happened so far.
pub struct Stage {
    relay: Relay,
    past: Option<Past>,
    actors: HashMap<&'static str, Actor>,
    /// True once strangers are answered.
    present: Arc<AtomicBool>,
    messages: HashMap<&'static str, Message>,
    tasks: HashMap<&'static str, Task>,
    pairs: HashMap<&'static str, PairId>,
}

/// What only the demo's own relay has.
struct Past {
    clock: Behind,
    /// How much longer ago than it says the story is, in milliseconds.
    earlier: i64,
    operator: Relay,
    sources: HashMap<&'static str, Relay>,
}

/// Why a step was not done.
enum Missed {
    /// The relay said no, as it does when people take part; or an earlier step was missed.
    Step,
    Play(Failure),
}

impl From<ClientError> for Missed {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(_) => Self::Step,
            error => Self::Play(error.into()),
        }
    }
}

impl From<SessionError> for Missed {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Relay(error) => error.into(),
            SessionError::Replaced(_) => Self::Step,
            error @ SessionError::TokenFile { .. } => Self::Play(Failure::refused(error)),
        }
    }
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self::Play(failure)
    }
}

impl Stage {
    /// The agents on somebody's relay: they have no past there.
    pub fn new(relay: Relay) -> Self {
        Self {
            relay,
            past: None,
            actors: HashMap::new(),
            present: Arc::default(),
            messages: HashMap::new(),
            tasks: HashMap::new(),
            pairs: HashMap::new(),
        }
    }

    /// The agents on the demo's own relay.
    pub fn with_past(own: &Temporary) -> Result<Self, Failure> {
        let relay = |token: Option<&str>| Relay::new(&own.url, token).map_err(Failure::refused);
        let source = |(name, token): &(&'static str, String)| Ok((*name, relay(Some(token))?));
        let past = Past {
            clock: own.clock.clone(),
            earlier: own.clock.ms() - Behind::minutes(BEGINS_MINUTES_AGO),
            operator: relay(Some(own.operator.expose_secret()))?,
            sources: own.integrations.iter().map(source).collect::<Result<_, Failure>>()?,
        };
        Ok(Self { past: Some(past), ..Self::new(relay(None)?) })
    }

    /// Registers everybody.
    pub async fn assemble(&mut self) -> Result<(), Failure> {
        for role in &CAST {
            let actor = Actor::enter(role, &self.relay, None, Arc::clone(&self.present)).await?;
            self.actors.insert(role.label, actor);
        }
        Ok(())
    }

    /// The past is over: it is now, and strangers are answered.
    pub async fn arrive(&self) -> Result<(), Failure> {
        if let Some(past) = &self.past {
            past.clock.catch_up(0);
        }
        self.present.store(true, Ordering::Relaxed);
        self.beat().await
    }

    /// Plays some steps, with a pause after each. Without one they are the past, which waits for its
    /// readers, and which only the demo's own relay has.
    pub async fn play(&mut self, steps: &[Step], pause: Option<Duration>) -> Result<(), Failure> {
        if pause.is_none() && self.past.is_none() {
            return Ok(());
        }
        for step in steps {
            match self.act(*step).await {
                Ok(()) | Err(Missed::Step) => {}
                Err(Missed::Play(failure)) => return Err(failure),
            }
            match (pause, &self.past) {
                (None, Some(past)) => {
                    past.clock.catch_up(past.clock.ms() - MOMENT_MS);
                    self.beat().await?;
                    self.settle().await?;
                }
                (pause, _) => tokio::time::sleep(pause.unwrap_or_default()).await,
            }
        }
        Ok(())
    }

    /// Keeps everybody who is here alive by the relay's clock. The sessions' own heartbeats follow ours.
    async fn beat(&self) -> Result<(), Failure> {
        for actor in self.actors.values().filter(|actor| actor.is_here()) {
            let relay = actor.member.relay();
            relay.heartbeat(actor.member.id(), &Heartbeat::default()).await?;
        }
        Ok(())
    }

    /// Removes the agents again, from a relay that goes on.
    pub async fn clear(self) -> Result<(), Failure> {
        for actor in self.actors.into_values() {
            let (relay, id) = (actor.member.relay(), actor.member.id().clone());
            actor.leave().await;
            match relay.remove_agent(&id).await {
                Ok(()) | Err(ClientError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn act(&mut self, step: Step) -> Result<(), Missed> {
        match step {
            Step::Ago(minutes) => self.wait_until(minutes).await?,
            Step::Is(who, status, what) => {
                let what = if what.is_empty() { None } else { Some(text(what)?) };
                self.member(who)?.status(status, what).await?;
            }
            Step::Says(key, who, to, words) => self.send(key, who, to, words, false).await?,
            Step::Offers(key, who, to, words) => self.send(key, who, to, words, true).await?,
            Step::Answers(who, key, words) => {
                let sent = self.member(who)?.reply(self.message(key)?, words).await?;
                // The next answer goes to who spoke last, unless they talk to themselves.
                if sent.message.from != self.message(key)?.from {
                    self.messages.insert(key, sent.message);
                }
            }
            Step::Claims(who, key) => {
                self.member(who)?.claim(self.message(key)?).await?;
            }
            Step::Reports(key, report) => {
                let task = self.report(report).await?;
                self.tasks.insert(key, task);
            }
            Step::Orders(key, who, to, title, words) => {
                let mut request = CreateTask::new(text(title)?, text(to)?);
                request.body = Some(text(words)?);
                let task = self.member(who)?.create_task(request).await?;
                self.tasks.insert(key, task);
            }
            Step::Takes(who, key) => {
                let task = self.member(who)?.claim_task(self.task(key)?.id).await?;
                self.tasks.insert(key, task);
            }
            Step::Tells(who, key, status, words) => {
                let task = self.member(who)?.report(self.task(key)?, status, Some(words)).await?;
                self.tasks.insert(key, task);
            }
            Step::Invites(key, who, whom, objective) => {
                let mut request = InvitePair::new(text(&format!("label:{whom}"))?);
                request.objective = Some(text(objective)?);
                let pair = self.member(who)?.relay().invite_pair(&request).await?;
                self.pairs.insert(key, pair.id);
            }
            Step::Accepts(who, key) => {
                self.member(who)?
                    .relay()
                    .accept_pair(self.pair(key)?, &ActOnPair::default())
                    .await?;
            }
            Step::Talks(who, key, words) => {
                let request = SayInPair::new(text(words)?);
                self.member(who)?.relay().say_in_pair(self.pair(key)?, &request).await?;
            }
            Step::HangsUp(who, key) => {
                self.member(who)?
                    .relay()
                    .hang_up_pair(self.pair(key)?, &ActOnPair::default())
                    .await?;
            }
            Step::Leaves(who) => {
                let actor = self.actors.get_mut(who).ok_or(Missed::Step)?;
                actor.go().await;
            }
            Step::Returns(who) => {
                let role = CAST.iter().find(|role| role.label == who).ok_or(Missed::Step)?;
                let token = self.member(who)?.token();
                let present = Arc::clone(&self.present);
                self.actors.insert(who, Actor::enter(role, &self.relay, token, present).await?);
            }
        }
        Ok(())
    }

    async fn send(
        &mut self,
        key: &'static str,
        who: &str,
        to: &str,
        words: &str,
        claimable: bool,
    ) -> Result<(), Missed> {
        let from = if who == HUMAN { text(HUMAN)? } else { self.member(who)?.id().clone() };
        let mut request = SendMessage::new(from, text(to)?, text(words)?);
        request.claimable = claimable.then_some(true);
        let sent = if who == HUMAN {
            let past = self.past.as_ref().ok_or(Missed::Step)?;
            past.operator.send_message(request).await?
        } else {
            self.member(who)?.send(request).await?
        };
        self.messages.insert(key, sent.message);
        Ok(())
    }

    /// Somebody's relay knows no integration of ours; there the work comes from an agent.
    async fn report(&self, report: Report) -> Result<Task, Missed> {
        let Some(past) = &self.past else {
            let mut request = CreateTask::new(text(report.title)?, text(report.target)?);
            request.body = Some(text(report.body)?);
            request.severity = Some(report.severity);
            request.dedupe_key = Some(text(report.title)?);
            return Ok(self.member("release")?.create_task(request).await?);
        };
        let source = past.sources.get(report.source).ok_or(Missed::Step)?;
        let event = PostEvent {
            kind: text(report.kind)?,
            severity: Some(report.severity),
            dedupe_key: Some(text(report.title)?),
            title: Some(text(report.title)?),
            body: Some(text(report.body)?),
            target: Some(text(report.target)?),
            channel: None,
            status: None,
            meta: None,
        };
        Ok(source.post_event(&event).await?)
    }

    /// Moves the clock on, in steps that no claim lapses between.
    async fn wait_until(&self, minutes: u32) -> Result<(), Missed> {
        let Some(past) = &self.past else { return Ok(()) };
        let then = Behind::minutes(minutes.into()) + past.earlier;
        while past.clock.ms() > then {
            past.clock.catch_up(then.max(past.clock.ms() - PULSE_MS));
            self.beat().await?;
        }
        Ok(())
    }

    /// Waits until everybody who is here has read everything, so that the past has an order.
    async fn settle(&self) -> Result<(), Failure> {
        let started = tokio::time::Instant::now();
        for actor in self.actors.values().filter(|actor| actor.is_here()) {
            let unread = query::Messages {
                reader: Some(actor.member.id().clone()),
                unread: Some(true),
                ..query::Messages::default()
            };
            while !actor.member.relay().messages(&unread).await?.items.is_empty()
                && started.elapsed() < PATIENCE
            {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        Ok(())
    }

    fn member(&self, who: &str) -> Result<&Member, Missed> {
        Ok(&self.actors.get(who).ok_or(Missed::Step)?.member)
    }

    fn message(&self, key: &str) -> Result<&Message, Missed> {
        self.messages.get(key).ok_or(Missed::Step)
    }

    fn task(&self, key: &str) -> Result<&Task, Missed> {
        self.tasks.get(key).ok_or(Missed::Step)
    }

    fn pair(&self, key: &str) -> Result<&PairId, Missed> {
        self.pairs.get(key).ok_or(Missed::Step)
    }
}

/// A text of the story as what it stands for. The tests play all of it, so none is wrong.
pub fn text<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|why| Failure::refused(format_args!("`{text}`: {why}")))
}
