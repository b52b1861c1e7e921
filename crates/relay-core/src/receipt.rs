//! Receipts: who has read, handled, claimed, answered a message, when, and by which path.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{AgentId, MessageId},
    text::Slug,
    time::Timestamp,
};

/// What one agent has done with one message. Facts only: a moment stands here once it was reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The message.
    pub message_id: MessageId,
    /// The agent.
    pub agent_id: AgentId,
    /// When it stood in the session's context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// The path by which it got there, as the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Slug>,
    /// When the turn that had it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_at: Option<Timestamp>,
    /// When it was last claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// When the claimed work was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// When it was first answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_id: Option<MessageId>,
}
