//! Sources: who creates tasks.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    id::{AgentId, IdError, TokenId},
    text::as_text,
};

/// Who created a task. Two sources never share a dedupe key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An integration, by its name.
    Integration(AgentId),
    /// An agent or the operator: `agent:X`.
    Agent(AgentId),
    /// A scoped token: `token:7`.
    Token(TokenId),
    /// Somebody with the relay's own token: `relay`.
    Relay,
}

impl Source {
    /// Whom the task's message is from.
    pub fn sender(&self) -> AgentId {
        match self {
            Self::Integration(id) | Self::Agent(id) => id.clone(),
            Self::Token(_) | Self::Relay => AgentId::human(),
        }
    }

    /// The normal form, under which tasks are filed.
    pub fn folded(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integration(name) => write!(f, "{name}"),
            Self::Agent(id) => write!(f, "agent:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Relay => f.write_str("relay"),
        }
    }
}

impl FromStr for Source {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("agent", id)) => Ok(Self::Agent(id.parse()?)),
            Some(("token", id)) => Ok(Self::Token(id.parse()?)),
            Some(_) => Err(IdError::Shape),
            None if text == "relay" => Ok(Self::Relay),
            None => Ok(Self::Integration(text.parse()?)),
        }
    }
}

as_text!(Source);

impl JsonSchema for Source {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(agent:|token:)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
            "description": "Who created it: an integration's name, agent:X, token:N, or relay.",
        })
    }
}
