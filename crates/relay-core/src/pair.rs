//! Pairs: an exclusive live chat of two agents, carried by ordinary messages.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    agent::word_enum,
    id::{AgentId, PairId},
    text::Note,
    time::Timestamp,
};

/// How long an invitation waits.
pub const INVITATION: Duration = Duration::from_mins(10);

/// How far a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The partner is invited.
    Pending,
    /// Both talk.
    Active,
    /// The partner declined.
    Rejected,
    /// The partner did not answer in ten minutes.
    Expired,
    /// It is over.
    Ended,
}

impl Status {
    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }

    /// True while both are taken by it.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Active)
    }
}

word_enum!(Status, "status", [Pending, Active, Rejected, Expired, Ended]);

/// Why a pair ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// One of them hung up, or took the invitation back.
    Hangup,
    /// One of them went offline or was removed.
    Offline,
    /// A reason of a newer server.
    #[serde(other)]
    Unknown,
}

/// Two agents who talk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// Its id.
    pub id: PairId,
    /// Who invited.
    pub initiator: AgentId,
    /// Who was invited.
    pub partner: AgentId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Note>,
    /// How far it is.
    pub status: Status,
    /// When the invitation was sent.
    pub created_at: Timestamp,
    /// When it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// When it was declined, expired or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
}
