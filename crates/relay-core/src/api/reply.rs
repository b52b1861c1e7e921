//! The bodies of answers. They are read leniently: a newer server may say more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    agent::Agent,
    id::{Seq, TokenId},
    message::Message,
    scope::Scope,
    time::Timestamp,
};

/// An agent after its registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The agent.
    #[serde(flatten)]
    pub agent: Agent,
    /// Its own token, when it is new or the caller proved to have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A message after it was stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// How many registered agents it is for now, the offline counted; 0 says that nobody is there yet.
    pub recipients: u64,
}

/// Where a new reader starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cursor {
    /// The newest message's id, 0 where there is none.
    pub cursor: Seq,
    /// The newest event's number.
    pub seq: Seq,
}

/// A scoped token, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// A scoped token at its making: the only time its secret is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedToken {
    /// What it is.
    #[serde(flatten)]
    pub about: Token,
    /// The secret.
    pub token: String,
}
