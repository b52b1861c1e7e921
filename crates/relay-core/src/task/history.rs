//! The history of a task: what can happen to it, and the entries that tell of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::word_enum,
    event::Name,
    id::{AgentId, Seq, TaskId},
    time::Timestamp,
};

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
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(super) fn with_text(self, key: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(key, text),
            None => self,
        }
    }
}
