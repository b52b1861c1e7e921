//! Tasks: work with a history, created by integrations, agents and people.
//!
//! A task is announced by a claimable message, and whoever claims one of the two has claimed both:
//! they share one [lease](crate::lease). The rules here change a [`Work`], which is a task together
//! with that lease, and return the [`Step`] that goes into the history.

use std::{fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value, json};

use crate::{
    agent::{Agent, word_enum},
    api::request::UpdateTask,
    error::{Code, Refused},
    event::{Name, ReleaseReason},
    id::{AgentId, MessageId, Seq, TaskId, TokenId},
    lease::{Lease, Outcome},
    message::Claim,
    target::Target,
    text::{Line, Slug, Word},
    time::Timestamp,
};

/// How bad it is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// May become a problem.
    Warning,
    /// Something is broken.
    Error,
    /// Somebody must act now.
    Critical,
}

impl Severity {
    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

word_enum!(Severity, "severity", [Info, Warning, Error, Critical]);

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has it.
    Open,
    /// Somebody has it.
    Claimed,
    /// Its holder has reported progress.
    InProgress,
    /// Its holder cannot go on.
    Blocked,
    /// Finished.
    Done,
    /// Given up.
    Failed,
    /// Called off.
    Cancelled,
}

impl Status {
    /// Every status, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Claimed,
        Self::InProgress,
        Self::Blocked,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::InProgress => "in_progress",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// True until it is done, failed or cancelled.
    pub fn is_active(self) -> bool {
        !matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = crate::text::TextError;

    /// `resolved` is another word for done.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = if text == "resolved" { "done" } else { text };
        Self::ALL.into_iter().find(|status| status.as_str() == word).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str);
            crate::text::TextError(format!("must be one of {}", words.join(", ")))
        })
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// Who created a task. Two sources never share a dedupe key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An integration, by its name.
    Integration(AgentId),
    /// An agent or the operator: `agent:X`.
    Agent(AgentId),
    /// A scoped token: `token:7`.
    Token(TokenId),
    /// Somebody with the relay's own token: `relay`.
    Relay,
}

impl Source {
    /// Whom the task's message is from.
    pub fn sender(&self) -> AgentId {
        match self {
            Self::Integration(id) | Self::Agent(id) => id.clone(),
            Self::Token(_) | Self::Relay => AgentId::human(),
        }
    }

    /// The normal form, under which tasks are filed.
    pub fn folded(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integration(name) => write!(f, "{name}"),
            Self::Agent(id) => write!(f, "agent:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Relay => f.write_str("relay"),
        }
    }
}

impl FromStr for Source {
    type Err = crate::id::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("agent", id)) => Ok(Self::Agent(id.parse()?)),
            Some(("token", id)) => Ok(Self::Token(id.parse()?)),
            Some(_) => Err(crate::id::IdError::Shape),
            None if text == "relay" => Ok(Self::Relay),
            None => Ok(Self::Integration(text.parse()?)),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Source {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(agent:|token:)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
            "description": "Who created it: an integration's name, agent:X, token:N, or relay.",
        })
    }
}

/// Work with a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id, which is the sequence number of its own event.
    pub id: TaskId,
    /// Who created it.
    pub source: Source,
    /// What kind of work it is: `alert`, `build`, `ticket` or any slug.
    #[serde(rename = "type")]
    pub kind: Slug,
    /// How bad it is.
    pub severity: Severity,
    /// What makes two events of one source the same task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_key: Option<String>,
    /// What it is about, in a line.
    pub title: Line,
    /// The text.
    pub body: String,
    /// Whom it is for.
    pub target: Target,
    /// The channel it is sent on; only subscribers get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word>,
    /// How far it is.
    pub status: Status,
    /// Who has it, or who had it at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// How often it was reported while it was active.
    pub occurrence_count: i64,
    /// What its holder last reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The claimable message that announces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Free facts.
    #[serde(default)]
    pub meta: Map<String, Value>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last reported.
    pub last_seen_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// What can happen to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was created.
    Created,
    /// It was reported again while it was active.
    Repeated,
    /// Somebody claimed it.
    Claimed,
    /// Its holder reported progress, or goes on after it was blocked.
    Progress,
    /// Its holder cannot go on.
    Blocked,
    /// Its claim ended without a result; it is open again.
    Released,
    /// It is finished: by its holder, or because its source says that it is resolved.
    Done,
    /// Its holder gave it up.
    Failed,
    /// It was called off.
    Cancelled,
}

impl Kind {
    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Repeated => "repeated",
            Self::Claimed => "claimed",
            Self::Progress => "progress",
            Self::Blocked => "blocked",
            Self::Released => "released",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The event that everybody hears.
    pub fn event(self) -> Name {
        match self {
            Self::Created => Name::TaskCreated,
            Self::Claimed => Name::TaskClaimed,
            Self::Released => Name::TaskReleased,
            _ => Name::TaskUpdated,
        }
    }
}

word_enum!(
    Kind,
    "kind",
    [Created, Repeated, Claimed, Progress, Blocked, Released, Done, Failed, Cancelled]
);

/// One entry of a task's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskEvent {
    /// Its id, which is the sequence number of its event.
    pub id: Seq,
    /// The task.
    pub task_id: TaskId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Who did it; nobody where the task's source did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AgentId>,
    /// More about it: `progress`, `result`, `reason`, `generation`, `occurrenceCount`.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

/// What a rule did to a task: the entry of its history, before it has a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What happened.
    pub kind: Kind,
    /// Who did it.
    pub by: Option<AgentId>,
    /// More about it.
    pub data: Map<String, Value>,
}

impl Step {
    /// A step with nothing more to say.
    pub fn new(kind: Kind, by: Option<&AgentId>) -> Self {
        Self { kind, by: by.cloned(), data: Map::new() }
    }

    #[must_use]
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    fn with_text(self, key: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(key, text),
            None => self,
        }
    }
}

/// A task with the lease that it shares with its message.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The task; its status and claim follow the lease.
    pub task: Task,
    /// Who holds it.
    pub lease: Lease,
}

/// Who changes a task's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An agent or a person.
    Agent(AgentId),
    /// The integration that created it.
    Source,
}

impl Work {
    /// Claims the task. The holder who asks again gets the same grant, renewed, and no step.
    ///
    /// Refuses with `already_claimed`, with `invalid_transition` after the end.
    pub fn claim(
        &mut self,
        by: &AgentId,
        span: Duration,
        now: Timestamp,
    ) -> Result<Option<Step>, Refused> {
        self.check_active("claimed")?;
        let outcome = self.lease.claim(by, span, now)?;
        if outcome == Outcome::Same {
            self.task.claim = Claim::of(&self.lease);
            return Ok(None);
        }
        self.follow(Status::Claimed, now);
        let step = Step::new(Kind::Claimed, Some(by)).with("generation", self.lease.generation);
        Ok(Some(step))
    }

    /// Gives the task back.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub fn release(
        &mut self,
        by: &AgentId,
        generation: Option<i64>,
        now: Timestamp,
    ) -> Result<Step, Refused> {
        self.check_active("released")?;
        self.lease.release(by, generation, now)?;
        self.follow(Status::Open, now);
        Ok(Step::new(Kind::Released, Some(by)).with("reason", json!(ReleaseReason::Released)))
    }

    /// Opens the task again because its holder is gone or its time is up. `None` where nobody held
    /// it.
    pub fn revoke(&mut self, reason: ReleaseReason, now: Timestamp) -> Option<Step> {
        let holder = self.lease.held()?.by.clone();
        self.lease.revoke();
        self.follow(Status::Open, now);
        Some(Step::new(Kind::Released, Some(&holder)).with("reason", json!(reason)))
    }

    /// Reports progress, or ends the task.
    ///
    /// Progress, `done` and `failed` are the holder's to say; who created a task may cancel it or
    /// call it done whoever holds it, and so may the operator. Refuses with `invalid_transition`
    /// what the state does not allow, with `not_claimed` and `lease_lost` whoever does not hold it.
    pub fn update(
        &mut self,
        actor: &Actor,
        change: &UpdateTask,
        now: Timestamp,
    ) -> Result<Step, Refused> {
        let to = change.status;
        self.check_active(to.as_str())?;
        if matches!(to, Status::Open | Status::Claimed) {
            return Err(self.invalid(to.as_str()).hint("claim it, or release it, instead"));
        }
        let by = match actor {
            Actor::Agent(id) => Some(id),
            Actor::Source => None,
        };
        let calls_off = to == Status::Cancelled && by.is_none_or(|id| self.may_call_off(id));
        let resolves = to == Status::Done && by.is_none();
        if calls_off || resolves {
            self.lease.close(by.unwrap_or(&AgentId::system()), now);
        } else {
            let holder = by.ok_or_else(|| self.not_the_sources(to))?;
            self.lease.check_held(holder, change.generation, now)?;
            if !to.is_active() {
                self.lease.finish(holder, change.generation, now)?;
            }
        }
        if let Some(progress) = &change.progress {
            self.task.progress = Some(progress.to_string());
        }
        if let Some(result) = &change.result {
            self.task.result = Some(result.to_string());
        }
        self.follow(to, now);
        let kind = match to {
            Status::Blocked => Kind::Blocked,
            Status::Done => Kind::Done,
            Status::Failed => Kind::Failed,
            Status::Cancelled => Kind::Cancelled,
            _ => Kind::Progress,
        };
        Ok(Step::new(kind, by)
            .with_text("progress", change.progress.as_deref())
            .with_text("result", change.result.as_deref()))
    }

    /// Finishes the task because its holder finished its message: by `done`, or by an answer, whose
    /// text is then the result. No step where it is finished already.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub fn finish(
        &mut self,
        by: &AgentId,
        generation: Option<i64>,
        result: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Step>, Refused> {
        if self.lease.finish(by, generation, now)? == Outcome::Same {
            return Ok(None);
        }
        if let Some(result) = result {
            self.task.result = Some(result.to_owned());
        }
        self.follow(Status::Done, now);
        Ok(Some(Step::new(Kind::Done, Some(by)).with_text("result", result)))
    }

    /// Ends the task because its source says that it is resolved.
    pub fn resolve(&mut self, now: Timestamp) -> Step {
        self.lease.close(&AgentId::system(), now);
        self.task.last_seen_at = now;
        self.follow(Status::Done, now);
        Step::new(Kind::Done, None).with("resolved", true)
    }

    /// Counts another report of it.
    pub fn repeat(&mut self, by: Option<&AgentId>, severity: Severity, now: Timestamp) -> Step {
        self.task.occurrence_count += 1;
        self.task.last_seen_at = now;
        self.task.updated_at = now;
        Step::new(Kind::Repeated, by)
            .with("occurrenceCount", self.task.occurrence_count)
            .with("severity", severity.as_str())
    }

    fn follow(&mut self, status: Status, now: Timestamp) {
        self.task.status = status;
        self.task.claim = Claim::of(&self.lease);
        self.task.updated_at = now;
    }

    fn may_call_off(&self, by: &AgentId) -> bool {
        by.is_human() || self.task.source == Source::Agent(by.clone())
    }

    fn check_active(&self, verb: &str) -> Result<(), Refused> {
        if self.task.status.is_active() { Ok(()) } else { Err(self.invalid(verb)) }
    }

    fn invalid(&self, verb: &str) -> Refused {
        let Task { id, status, .. } = &self.task;
        let refused = Refused::new(
            Code::InvalidTransition,
            format!("task {id} is {status} and cannot become {verb}"),
        )
        .with(json!({ "status": status }));
        if status.is_active() { refused } else { refused.hint("a finished task never opens again") }
    }

    fn not_the_sources(&self, to: Status) -> Refused {
        Refused::new(
            Code::Forbidden,
            format!("task {} becomes {to} by who holds it, not by its source", self.task.id),
        )
        .hint("a source may say `done` (it is resolved) or `cancelled`")
    }
}

impl Task {
    /// Those who have to do with it by name: who created it, and who holds it.
    pub fn parties(&self) -> impl Iterator<Item = &AgentId> {
        let creator = match &self.source {
            Source::Agent(id) => Some(id),
            Source::Integration(_) | Source::Token(_) | Source::Relay => None,
        };
        creator.into_iter().chain(self.claim.as_ref().map(|claim| &claim.by))
    }

    /// True when the agent is one of those it is for, and listens on its channel.
    pub fn is_for(&self, agent: &Agent) -> bool {
        self.target.matches(agent) && agent.channels.hears(self.channel.as_ref())
    }
}

#[cfg(test)]
mod tests;
