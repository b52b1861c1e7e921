//! The bodies of requests about tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::word_enum,
    api::facts,
    id::AgentId,
    target::Target,
    task::{Severity, Status},
    text::{Body, DedupeKey, Line, Slug, Word},
};

/// Creates a task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTask {
    /// Who creates it; by default the agent whose token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<AgentId>,
    /// `task` by default.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    pub kind: Option<Slug>,
    /// `info` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What makes it the same task as one that is active: that one is counted then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_key: Option<DedupeKey>,
    /// What it is about, in a line of at most 200 characters.
    pub title: Line,
    /// The text, at most 64 KiB; empty by default.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub body: Option<Body>,
    /// Whom it is for.
    pub target: Target,
    /// The channel it is sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word>,
    /// Free facts: 8 KiB and 64 keys at most.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "facts::read")]
    pub meta: Option<Map<String, Value>>,
    /// The process that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

impl CreateTask {
    /// A task with nothing but what it is about and whom it is for.
    pub fn new(title: Line, target: Target) -> Self {
        Self {
            from: None,
            kind: None,
            severity: None,
            dedupe_key: None,
            title,
            body: None,
            target,
            channel: None,
            meta: None,
            instance_id: None,
            epoch: None,
        }
    }
}

/// What an event may say of its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// It began, or goes on; the same as saying nothing.
    Firing,
    /// It is over: the active task with its key is done.
    Resolved,
}

impl EventStatus {
    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

word_enum!(EventStatus, "status", [Firing, Resolved]);

/// Reports an event of an integration. A resolved one needs its `dedupeKey` only; another needs
/// `severity`, `title`, `body` and `target`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostEvent {
    /// What kind of work it is: `alert`, `build`, `ticket` or any slug.
    #[serde(rename = "type")]
    pub kind: Slug,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What makes two events the same task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_key: Option<DedupeKey>,
    /// What it is about, in a line of at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Line>,
    /// The text, at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The channel it is sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word>,
    /// `resolved` ends the active task with this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<EventStatus>,
    /// Free facts: 8 KiB and 64 keys at most.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "facts::read")]
    pub meta: Option<Map<String, Value>>,
}

/// Reports progress on a task, or ends it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateTask {
    /// How far it is now; `resolved` is another word for `done`.
    pub status: Status,
    /// Who reports; by default the agent whose token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The grant that the claim returned; an old one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// What was done so far, at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Body>,
    /// What came of it, at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Body>,
    /// The process that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

/// An empty text is no text.
fn text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Body>, D::Error> {
    match Option::<String>::deserialize(d)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}
