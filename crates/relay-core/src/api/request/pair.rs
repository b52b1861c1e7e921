//! The bodies of requests about pairs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::AgentId,
    target::Whom,
    text::{Body, Line, Note},
};

/// Invites an agent to a pair.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvitePair {
    /// Who invites; by default the agent whose token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<AgentId>,
    /// Who is invited: an id, a label, a name, a provider, a project, or any target that one
    /// available agent fits.
    pub target: Whom,
    /// What it is for, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Note>,
    /// The process that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

impl InvitePair {
    /// An invitation from whose token is used, for whatever it may be.
    pub fn new(target: Whom) -> Self {
        Self { from: None, target, objective: None, instance_id: None, epoch: None }
    }
}

/// Accepts, declines or ends a pair.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ActOnPair {
    /// Who does it; by default the agent whose token is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The process that speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

/// Says something to the other side of a pair.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SayInPair {
    /// Who says it; by default the agent whose token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<AgentId>,
    /// The text, at most 64 KiB.
    pub body: Body,
    /// The process that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

impl SayInPair {
    /// A text from whose token is used.
    pub fn new(body: Body) -> Self {
        Self { from: None, body, instance_id: None, epoch: None }
    }
}
