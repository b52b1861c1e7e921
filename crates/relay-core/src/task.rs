//! Tasks: work with a history, created by integrations, agents and people.
//!
//! A task is announced by a claimable message, and whoever claims one of the two has claimed both:
//! they share one [lease](crate::lease). The rules here change a [`Work`], which is a task together
//! with that lease, and return the [`Step`] that goes into the history.

mod history;
mod source;
mod work;

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value, json};

use crate::{
    agent::{Agent, word_enum},
    error::{Code, Refused},
    id::{AgentId, MessageId, TaskId},
    lease::STALLED_AFTER,
    message::Claim,
    target::Target,
    text::{Line, Slug, TextError, Word},
    time::Timestamp,
};

pub use history::{Kind, Step, TaskEvent};
pub use source::Source;
pub use work::{Actor, Work};

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
#[schemars(rename = "TaskStatus")]
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
    type Err = TextError;

    /// `resolved` is another word for done.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = if text == "resolved" { "done" } else { text };
        Self::ALL.into_iter().find(|status| status.as_str() == word).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str);
            TextError(format!("must be one of {}", words.join(", ")))
        })
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
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

impl Task {
    /// True when its holder has said nothing of it for long. Who is blocked has said why.
    ///
    /// While it is in progress another report of it counts as news, too: which of the two came last
    /// is in its history only.
    pub fn is_stalled(&self, now: Timestamp) -> bool {
        let Some(claim) = self.claim.as_ref().filter(|claim| claim.done_at.is_none()) else {
            return false;
        };
        let heard = match self.status {
            Status::Claimed => claim.at,
            Status::InProgress => claim.at.max(self.updated_at),
            _ => return false,
        };
        now.since(heard) >= STALLED_AFTER
    }

    /// Those who have to do with it by name: who created it, and who holds it.
    pub fn parties(&self) -> impl Iterator<Item = &AgentId> {
        let creator = match &self.source {
            Source::Agent(id) => Some(id),
            Source::Integration(_) | Source::Token(_) | Source::Relay => None,
        };
        creator.into_iter().chain(self.claim.as_ref().map(|claim| &claim.by))
    }

    /// Refuses to delete the message of a task that is not finished.
    pub fn check_message_may_go(&self) -> Result<(), Refused> {
        if !self.status.is_active() {
            return Ok(());
        }
        let why = format!("the message announces task {}, which is {}", self.id, self.status);
        Err(Refused::new(Code::InvalidTransition, why)
            .hint("finish or cancel the task first")
            .with(json!({ "taskId": self.id, "status": self.status })))
    }

    /// True when the agent is one of those it is for, and listens on its channel.
    pub fn is_for(&self, agent: &Agent) -> bool {
        self.target.matches(agent) && agent.channels.hears(self.channel.as_ref())
    }
}

#[cfg(test)]
mod tests;
