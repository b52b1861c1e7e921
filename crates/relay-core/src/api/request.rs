//! The bodies of requests. Unknown fields are refused by name; a null clears, or counts as absent
//! where there is nothing to clear.

mod pair;
mod task;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::facts;
use crate::{
    agent::{Approval, Status},
    channel::{Bridge, Subscription},
    error::{Code, Refused},
    id::{AgentId, MessageId},
    message::Urgency,
    scope::Scope,
    target::Target,
    text::{Body, Folder, Key, Label, Line, Slug, Word},
};

pub use pair::{ActOnPair, InvitePair, SayInPair};
pub use task::{CreateTask, EventStatus, PostEvent, UpdateTask};

/// The most entries in a list of tags, capabilities or channels.
pub const MOST_WORDS: usize = 32;
/// The most bytes of `meta` and of `payload`.
pub const MOST_META_BYTES: usize = 8 * 1024;
/// The most keys of `meta` and of `payload`, nested ones counted.
pub const MOST_META_KEYS: usize = 64;
/// The longest that a message or a token may last: ten years.
pub const MOST_MILLIS: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// Registers an agent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterAgent {
    /// Its id.
    pub id: AgentId,
    /// What it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Line>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What hosts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Slug>,
    /// The machine it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Word>,
    /// The project it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Line>,
    /// The folder it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Folder>,
    /// Groups it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    #[schemars(length(max = 32))]
    pub tags: Option<Vec<Word>>,
    /// What it can do.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    #[schemars(length(max = 32))]
    pub capabilities: Option<Vec<Word>>,
    /// The channels it subscribes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Subscription>,
    /// What it bridges to, for one of the provider `channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Bridge>,
    /// What it may do without asking a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// More about the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_detail: Option<Line>,
    /// Whether it takes new work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// The process that speaks for it; a new one fences the old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The version of its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Line>,
    /// Free facts: 8 KiB and 64 keys at most.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "facts::read")]
    pub meta: Option<Map<String, Value>>,
}

impl RegisterAgent {
    /// A registration that says nothing but the id.
    pub fn new(id: AgentId) -> Self {
        Self {
            id,
            name: None,
            label: None,
            provider: None,
            machine: None,
            project: None,
            cwd: None,
            tags: None,
            capabilities: None,
            channels: None,
            channel: None,
            approval: None,
            status: None,
            status_detail: None,
            ready: None,
            instance_id: None,
            version: None,
            meta: None,
        }
    }
}

/// Changes what an agent offers or how it is doing. What is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpdateAgent {
    /// Groups it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    #[schemars(length(max = 32))]
    pub tags: Option<Vec<Word>>,
    /// What it can do.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    #[schemars(length(max = 32))]
    pub capabilities: Option<Vec<Word>>,
    /// The channels it subscribes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Subscription>,
    /// What people call it; null clears.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "clearable")]
    pub label: Option<Option<Label>>,
    /// What it may do without asking a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// More about the status; null clears.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "clearable")]
    pub status_detail: Option<Option<Line>>,
    /// Whether it takes new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Free facts: 8 KiB and 64 keys at most; replaces the old.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "facts::read")]
    pub meta: Option<Map<String, Value>>,
}

/// Changes an agent's label.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetLabel {
    /// What people call it; null clears.
    #[serde(deserialize_with = "nullable")]
    pub label: Option<Label>,
}

/// Changes an agent's status.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetStatus {
    /// How it is doing.
    pub status: Status,
    /// More about it, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Line>,
}

/// Keeps an agent alive, and may say how it is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Heartbeat {
    /// How it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// More about the status; null clears.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "clearable")]
    pub status_detail: Option<Option<Line>>,
    /// Whether it takes new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// The process that speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

/// Sends a message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendMessage {
    /// Who sends it; by default the agent whose token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<AgentId>,
    /// Whom it is for.
    pub to: Target,
    /// What it is about, in a line of at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Line>,
    /// The text, at most 64 KiB.
    pub body: Body,
    /// `chat` by default.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "type")]
    pub kind: Option<Slug>,
    /// When it should reach its reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// The channel it is sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word>,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// True for work that one agent may claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimable: Option<bool>,
    /// After this many milliseconds nobody gets it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "span")]
    #[schemars(range(min = 1, max = MOST_MILLIS))]
    pub expires_in_ms: Option<i64>,
    /// The sender's key against sending twice; the `Idempotency-Key` header says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Key>,
    /// Data for programs: 8 KiB and 64 keys at most.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "facts::read")]
    pub payload: Option<Map<String, Value>>,
    /// Free facts: 8 KiB and 64 keys at most.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "facts::read")]
    pub meta: Option<Map<String, Value>>,
    /// The process that sends, against a replaced one sending on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

impl SendMessage {
    /// A plain message.
    pub fn new(from: AgentId, to: Target, body: Body) -> Self {
        Self {
            from: Some(from),
            to,
            subject: None,
            body,
            kind: None,
            urgency: None,
            channel: None,
            reply_to: None,
            claimable: None,
            expires_in_ms: None,
            idempotency_key: None,
            payload: None,
            meta: None,
            instance_id: None,
            epoch: None,
        }
    }
}

/// Claims, releases or finishes a message, claims or releases a task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActOnClaim {
    /// Who does it; by default the agent whose token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The process that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// The grant that the claim returned; an old one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// Marks a message as read or handled.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkMessage {
    /// The reader; by default the agent whose token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// True: it stands in that session's context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<bool>,
    /// True: the turn that had it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled: Option<bool>,
    /// The path by which it got there, as the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Slug>,
    /// The process that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

impl MarkMessage {
    /// Refuses a request that marks nothing: nothing is unread or unhandled again.
    pub fn check(&self) -> Result<(), Refused> {
        for (name, value) in [("read", self.read), ("handled", self.handled)] {
            if value == Some(false) {
                return Err(Refused::field(name, "can only be true: what was seen stays seen"));
            }
        }
        if self.read.or(self.handled).is_none() {
            return Err(Refused::new(Code::MissingField, "`read` or `handled` is missing")
                .with(serde_json::json!({ "field": "read" })));
        }
        Ok(())
    }
}

/// Makes a scoped token.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateToken {
    /// What it is for, for people.
    pub name: Line,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// After this many milliseconds it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "span")]
    #[schemars(range(min = 1, max = MOST_MILLIS))]
    pub expires_in_ms: Option<i64>,
}

/// A present null clears, absence keeps.
#[expect(clippy::option_option, reason = "absent, null and set are three things in a change")]
fn clearable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(d).map(Some)
}

/// The field must be there, null or not.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(d)
}

fn words<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<Word>>, D::Error> {
    match Option::<Vec<Word>>::deserialize(d)? {
        Some(words) if words.len() > MOST_WORDS => {
            Err(de::Error::custom("has more than 32 entries"))
        }
        words => Ok(words),
    }
}

fn span<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    match Option::<i64>::deserialize(d)? {
        Some(ms) if !(1..=MOST_MILLIS).contains(&ms) => {
            Err(de::Error::custom(format!("must be a whole number from 1 to {MOST_MILLIS}")))
        }
        ms => Ok(ms),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn send(extra: &Value) -> Result<SendMessage, String> {
        let mut request = json!({"from": "a", "to": "b", "body": "hi"});
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value(request).map_err(|e| e.to_string())
    }

    #[test]
    fn a_message_may_say_type_for_kind() {
        assert_eq!(send(&json!({"type": "task"})).unwrap().kind.as_deref(), Some("task"));
        assert!(send(&json!({"type": "task", "kind": "chat"})).is_err());
    }

    #[test]
    fn limits_hold() {
        let many: Map<String, Value> = (0..65).map(|i| (format!("k{i}"), json!(0))).collect();
        let nested: Map<String, Value> =
            (0..60).map(|i| (format!("k{i}"), json!({"x": 0}))).collect();
        for (extra, why) in [
            (json!({"claimble": true}), "unknown field `claimble`"),
            (json!({"createdAt": 0}), "unknown field"),
            (json!({"meta": many}), "64 keys"),
            (json!({"payload": nested}), "64 keys"),
            (json!({"meta": {"k": "x".repeat(9000)}}), "8 KiB"),
            (json!({"meta": {"k": "a\u{0}b"}}), "U+0000"),
            (json!({"meta": []}), "must be an object"),
            (json!({"expiresInMs": 0}), "whole number"),
            (json!({"replyTo": 9_007_199_254_740_993_i64}), "whole number"),
            (json!({"replyTo": 1.5}), "invalid type"),
            (json!({"subject": "a\nb"}), "control character"),
            (json!({"to": ["b"]}), "invalid type"),
        ] {
            let error = send(&extra).unwrap_err();
            assert!(error.contains(why), "{extra}: {error}");
        }
        assert!(send(&json!({"subject": null, "meta": {"__proto__": {"admin": true}}})).is_ok());
    }

    #[test]
    fn a_mark_marks_something() {
        let code = |mark: Value| {
            serde_json::from_value::<MarkMessage>(mark).unwrap().check().map_err(|r| r.code)
        };
        assert_eq!(code(json!({"read": true})), Ok(()));
        assert_eq!(code(json!({"handled": true})), Ok(()));
        assert_eq!(code(json!({"read": true, "handled": true})), Ok(()));
        assert_eq!(code(json!({"agentId": "a"})), Err(Code::MissingField));
        assert_eq!(code(json!({"read": false})), Err(Code::InvalidField));
        assert_eq!(code(json!({"read": true, "handled": false})), Err(Code::InvalidField));
    }

    #[test]
    fn a_label_must_be_said_to_be_cleared() {
        assert!(serde_json::from_str::<SetLabel>("{}").is_err());
        assert_eq!(serde_json::from_str::<SetLabel>(r#"{"label":null}"#).unwrap().label, None);
    }
}
