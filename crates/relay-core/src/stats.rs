//! Counts: how much there is, and how much moves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{id::Seq, time::Timestamp};

/// Counts of the present moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The server's version.
    pub version: String,
    /// When the server started.
    pub started_at: Timestamp,
    /// Agents by status.
    pub agents: AgentCounts,
    /// Messages and work.
    pub messages: MessageCounts,
    /// Tasks that are not finished.
    #[serde(default)]
    pub tasks: TaskCounts,
    /// Pairs.
    #[serde(default)]
    pub pairs: PairCounts,
    /// Callbacks to integrations.
    #[serde(default)]
    pub callbacks: CallbackCounts,
    /// The newest event's number.
    pub seq: Seq,
    /// Streams open on this server.
    pub streams: u64,
}

/// Agents by status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentCounts {
    /// All registered, the offline too.
    pub total: u64,
    /// Ready for work.
    pub idle: u64,
    /// In a turn.
    pub busy: u64,
    /// Waiting for a person.
    pub waiting: u64,
    /// Gone.
    pub offline: u64,
}

/// Messages and work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageCounts {
    /// All that are stored.
    pub total: u64,
    /// Claimable ones that nobody holds.
    pub open: u64,
    /// Claimable ones in somebody's hands.
    pub claimed: u64,
    /// Claimed for 15 minutes or longer without an end.
    pub stalled: u64,
    /// Finished ones.
    pub done: u64,
}

/// Tasks that are not finished, by how far they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskCounts {
    /// Nobody has them.
    pub open: u64,
    /// Somebody has them.
    pub claimed: u64,
    /// Their holders have reported progress.
    pub in_progress: u64,
    /// Their holders cannot go on.
    pub blocked: u64,
}

/// Pairs that are not over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PairCounts {
    /// Invitations that wait.
    pub pending: u64,
    /// Pairs that talk.
    pub active: u64,
}

/// Callbacks that were not delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CallbackCounts {
    /// Waiting to be sent, or to be sent again.
    pub waiting: u64,
    /// Given up on.
    pub dead: u64,
}

/// Counts of one minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Minute {
    /// The minute's beginning.
    pub at: Timestamp,
    /// Messages sent in it.
    pub messages: u64,
    /// Claims granted in it.
    pub claims: u64,
    /// Claimed work finished in it.
    pub done: u64,
}

/// The detailed health of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// True when every check is.
    pub ok: bool,
    /// The server's version.
    pub version: String,
    /// Each check by name.
    pub checks: Vec<Check>,
}

/// One health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found, and what to do.
    pub detail: String,
}
