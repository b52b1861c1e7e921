//! Scopes: what a token allows.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

macro_rules! scopes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal),+ $(,)?) => {
        /// One thing that a token may allow.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema,
        )]
        pub enum Scope { $($(#[doc = $doc])+ #[serde(rename = $word)] $name),+ }

        impl Scope {
            /// Every scope with its meaning.
            pub const ALL: &[(Scope, &str)] = &[$((Scope::$name, concat!($($doc),+))),+];

            /// The word as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Scope::$name => $word),+ }
            }
        }

        impl FromStr for Scope {
            type Err = UnknownScope;
            fn from_str(text: &str) -> Result<Self, UnknownScope> {
                match text { $($word => Ok(Scope::$name),)+ _ => Err(UnknownScope(text.to_owned())) }
            }
        }
    };
}

scopes! {
    /// Everything.
    All = "*",
    /// See agents.
    AgentsRead = "agents:read",
    /// Register, change and remove agents.
    AgentsWrite = "agents:write",
    /// Read messages.
    MessagesRead = "messages:read",
    /// Send, claim, finish, mark and delete messages.
    MessagesWrite = "messages:write",
    /// See pairs.
    PairsRead = "pairs:read",
    /// Invite, accept, talk and hang up.
    PairsWrite = "pairs:write",
    /// See tasks and integrations.
    TasksRead = "tasks:read",
    /// Create tasks through the ingress.
    TasksCreate = "tasks:create",
    /// Create, claim and change tasks.
    TasksWrite = "tasks:write",
    /// Follow the stream.
    EventsRead = "events:read",
    /// Post events through the ingress.
    EventsCreate = "events:create",
    /// See channels.
    ChannelsRead = "channels:read",
    /// Read counts and metrics.
    StatsRead = "stats:read",
    /// Read the detailed health checks.
    HealthRead = "health:read",
    /// Make and revoke tokens, and other administration.
    SystemWrite = "system:write",
}

/// A word that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope; scopes are {list}", list = Scope::ALL.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>().join(", "))]
pub struct UnknownScope(pub String);

impl<'de> Deserialize<'de> for Scope {
    /// A derived reader would take `{"stats:read":null}` for a word, too.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_print_as_they_parse() {
        for (scope, _) in Scope::ALL {
            assert_eq!(scope.to_string().parse::<Scope>().as_ref(), Ok(scope));
        }
        assert!("agents".parse::<Scope>().is_err());
    }
}
