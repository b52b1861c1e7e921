//! Agents: who is there, what they can do, and how they are doing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    api::request::{Heartbeat, RegisterAgent, UpdateAgent},
    channel::{Bridge, Subscription, lenient},
    error::Refused,
    id::AgentId,
    text::{Folder, Label, Line, Slug, Word},
    time::Timestamp,
};

/// How an agent is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "AgentStatus")]
pub enum Status {
    /// Ready for work.
    #[default]
    Idle,
    /// In the middle of a turn.
    Busy,
    /// Waiting for a person: a permission or a question.
    Waiting,
    /// Gone; mail waits.
    Offline,
}

impl Status {
    /// Every status, in the order of the documentation.
    pub const ALL: [Status; 4] = [Status::Idle, Status::Busy, Status::Waiting, Status::Offline];

    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Waiting => "waiting",
            Self::Offline => "offline",
        }
    }
}

/// What an agent may do without asking a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// Nothing is gated.
    #[default]
    Open,
    /// What destroys or reaches outward asks the person.
    Guarded,
    /// Only tools and commands that read.
    ReadOnly,
}

impl Approval {
    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Guarded => "guarded",
            Self::ReadOnly => "read-only",
        }
    }
}

macro_rules! word_enum {
    ($type:ident, $what:literal, [$($variant:ident),+]) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
        impl std::str::FromStr for $type {
            type Err = crate::text::TextError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let all = [$($type::$variant),+];
                all.into_iter().find(|v| v.as_str() == text).ok_or_else(|| {
                    let words: Vec<_> = all.iter().map(|v| v.as_str()).collect();
                    crate::text::TextError(format!("must be one of {}", words.join(", ")))
                })
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            /// A derived reader would take `{"idle":null}` for a word, too.
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use word_enum;

word_enum!(Status, "status", [Idle, Busy, Waiting, Offline]);
word_enum!(Approval, "approval", [Open, Guarded, ReadOnly]);

/// A session, script or channel that can send and receive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Its id, deterministic for a session.
    pub id: AgentId,
    /// What it calls itself; its id by default.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What hosts it: `claude`, `codex`, `mcp`, `cli`, `channel` or any slug.
    pub provider: Slug,
    /// The machine it runs on.
    pub machine: Word,
    /// The project it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Line>,
    /// The folder it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Folder>,
    /// Groups it belongs to.
    pub tags: Vec<Word>,
    /// What it can do.
    pub capabilities: Vec<Word>,
    /// The channels it subscribes to.
    pub channels: Subscription,
    /// What it bridges to, for one of the provider `channel`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub channel: Option<Bridge>,
    /// What it may do without asking a person.
    pub approval: Approval,
    /// How it is doing.
    pub status: Status,
    /// More about the status, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_detail: Option<Line>,
    /// Whether it takes new work, apart from its status.
    pub ready: bool,
    /// The process that speaks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// Rises with every new process; an old process is fenced by it.
    pub epoch: i64,
    /// The version of its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Line>,
    /// Free facts.
    #[serde(default)]
    pub meta: Map<String, Value>,
    /// When the id was first registered.
    pub created_at: Timestamp,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
    /// When its status last changed.
    pub status_at: Timestamp,
}

impl Agent {
    /// A new agent as its registration describes it.
    pub fn register(request: RegisterAgent, now: Timestamp) -> Self {
        let mut agent = Self {
            name: request.id.to_string(),
            id: request.id.clone(),
            label: None,
            provider: "custom".parse().expect("a slug"),
            machine: "unknown".parse().expect("a word"),
            project: None,
            cwd: None,
            tags: Vec::new(),
            capabilities: Vec::new(),
            channels: Subscription::All,
            channel: None,
            approval: Approval::default(),
            status: Status::default(),
            status_detail: None,
            ready: true,
            instance_id: None,
            epoch: 1,
            version: None,
            meta: Map::new(),
            created_at: now,
            last_seen_at: now,
            status_at: now,
        };
        agent.describe(request, now);
        agent
    }

    /// Takes over what a registration says; what it leaves out stays, and nobody who registers is
    /// offline.
    pub fn describe(&mut self, request: RegisterAgent, now: Timestamp) {
        let RegisterAgent {
            id: _,
            name,
            label,
            provider,
            machine,
            project,
            cwd,
            tags,
            capabilities,
            channels,
            channel,
            approval,
            status,
            status_detail,
            ready,
            instance_id,
            version,
            meta,
        } = request;
        if let Some(name) = name {
            self.name = name.to_string();
        }
        replace(&mut self.label, label);
        replace(&mut self.project, project);
        replace(&mut self.cwd, cwd);
        replace(&mut self.instance_id, instance_id);
        replace(&mut self.version, version);
        replace(&mut self.channel, channel);
        set(&mut self.provider, provider);
        set(&mut self.machine, machine);
        set(&mut self.tags, tags.map(distinct));
        set(&mut self.capabilities, capabilities.map(distinct));
        set(&mut self.channels, channels);
        set(&mut self.approval, approval);
        set(&mut self.ready, ready);
        set(&mut self.meta, meta);
        let status = status.unwrap_or(if self.status == Status::Offline {
            Status::Idle
        } else {
            self.status
        });
        self.be(status, now);
        replace(&mut self.status_detail, status_detail);
        self.last_seen_at = now;
    }

    /// Applies a change of what the agent offers or how it is doing.
    pub fn update(&mut self, change: UpdateAgent, now: Timestamp) {
        set(&mut self.tags, change.tags.map(distinct));
        set(&mut self.capabilities, change.capabilities.map(distinct));
        set(&mut self.channels, change.channels);
        set(&mut self.approval, change.approval);
        set(&mut self.ready, change.ready);
        set(&mut self.meta, change.meta);
        set(&mut self.label, change.label);
        if let Some(status) = change.status {
            self.be(status, now);
        }
        set(&mut self.status_detail, change.status_detail);
    }

    /// Notes a sign of life; an offline agent is back. True when others would want to know.
    pub fn heartbeat(&mut self, beat: &Heartbeat, now: Timestamp) -> bool {
        let before = (self.status, self.status_detail.clone(), self.ready);
        self.last_seen_at = now;
        match beat.status {
            Some(status) => self.be(status, now),
            None if self.status == Status::Offline => self.be(Status::Idle, now),
            None => {}
        }
        set(&mut self.status_detail, beat.status_detail.clone());
        set(&mut self.ready, beat.ready);
        before != (self.status, self.status_detail.clone(), self.ready)
    }

    /// Changes the status; an offline agent has nothing more to say about it.
    pub fn be(&mut self, status: Status, now: Timestamp) {
        if self.status != status {
            self.status = status;
            self.status_at = now;
            self.status_detail = None;
        }
    }

    /// True while the agent is not known to be gone.
    pub fn is_live(&self) -> bool {
        self.status != Status::Offline
    }

    /// Refuses a process that a newer one has replaced.
    pub fn check_current(
        &self,
        instance: Option<&Line>,
        epoch: Option<i64>,
    ) -> Result<(), Refused> {
        let stale = epoch.is_some_and(|epoch| epoch != self.epoch)
            || (epoch.is_none() && instance.is_some() && instance != self.instance_id.as_ref());
        if !stale {
            return Ok(());
        }
        Err(Refused::new(
            crate::error::Code::StaleSession,
            format!("a newer process speaks for `{}` (epoch {})", self.id, self.epoch),
        )
        .hint("stop this process, or register again to take the id back")
        .with(serde_json::json!({ "epoch": self.epoch })))
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn replace<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

fn distinct(mut words: Vec<Word>) -> Vec<Word> {
    let mut seen = std::collections::HashSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An agent with nothing but an id, for the tables of other modules.
    pub(crate) fn agent(id: &str) -> Agent {
        Agent::register(
            serde_json::from_value(serde_json::json!({ "id": id })).unwrap(),
            Timestamp(1_000),
        )
    }

    #[test]
    fn registering_again_keeps_what_is_not_said() {
        let mut a = agent("a");
        a.describe(
            serde_json::from_value(
                serde_json::json!({"id": "a", "tags": ["x", "y", "x"], "label": "Bee"}),
            )
            .unwrap(),
            Timestamp(2_000),
        );
        a.describe(
            serde_json::from_value(serde_json::json!({"id": "a"})).unwrap(),
            Timestamp(3_000),
        );
        assert_eq!(a.tags.iter().map(Word::as_str).collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(a.label.as_deref(), Some("Bee"));
        assert_eq!((a.created_at, a.last_seen_at), (Timestamp(1_000), Timestamp(3_000)));
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let mut a = agent("a");
        a.label = Some("Bee".parse().unwrap());
        a.update(serde_json::from_str("{}").unwrap(), Timestamp(2_000));
        assert!(a.label.is_some());
        a.update(serde_json::from_str(r#"{"label":null}"#).unwrap(), Timestamp(2_000));
        assert!(a.label.is_none());
    }

    #[test]
    fn a_heartbeat_brings_an_offline_agent_back() {
        let mut a = agent("a");
        a.be(Status::Offline, Timestamp(2_000));
        assert!(a.heartbeat(&Heartbeat::default(), Timestamp(3_000)));
        assert_eq!((a.status, a.status_at), (Status::Idle, Timestamp(3_000)));
        assert!(!a.heartbeat(&Heartbeat::default(), Timestamp(4_000)), "nothing to announce");
    }

    #[test]
    fn an_old_process_is_fenced() {
        let mut a = agent("a");
        a.instance_id = Some("p2".parse().unwrap());
        a.epoch = 2;
        let p1: Line = "p1".parse().unwrap();
        let p2: Line = "p2".parse().unwrap();
        assert!(a.check_current(None, None).is_ok(), "a caller without a process id is not fenced");
        assert!(a.check_current(Some(&p2), Some(2)).is_ok());
        assert!(a.check_current(Some(&p1), Some(1)).is_err());
        assert!(a.check_current(Some(&p1), None).is_err());
        assert!(a.check_current(None, Some(1)).is_err());
    }
}
