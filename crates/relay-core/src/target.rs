//! Targets: whom a message is for, and which agents that is.

mod whom;

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    agent::Agent,
    id::{AgentId, IdError},
    text::{Label, TextError, Word, as_text},
};

pub use whom::{Whom, not_found, resolve};

/// Whom a message is for. Parsed once; printing it gives a text that parses to the same target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One agent, by id: `X` or `id:X`.
    Agent(AgentId),
    /// Every agent with the tag: `tag:X`.
    Tag(Word),
    /// Every agent with the capability: `cap:X`.
    Capability(Word),
    /// Whoever bears the label: `label:X`.
    Label(Label),
    /// Every agent on the machine: `machine:X`.
    Machine(Word),
    /// Every agent: `broadcast`.
    Broadcast,
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The word before the colon is none that we know.
    #[error(
        "`{0}:` is no kind of target; use an agent's id, id:X, tag:X, cap:X, label:X, machine:X or broadcast"
    )]
    Kind(String),
    /// The part after the colon does not fit.
    #[error("{kind}: {error}")]
    Value {
        /// The word before the colon.
        kind: &'static str,
        /// What is wrong after it.
        error: TextError,
    },
    /// The agent id does not fit.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// The normal form under which mail is filed and looked up: two targets with the same address reach
/// the same agents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The address of one agent.
    pub fn of_agent(id: &AgentId) -> Self {
        Self(format!("id:{}", id.folded()))
    }

    /// The text, for storage.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An address as it came from storage.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// True where mail waits for whoever holds the address next: `id:` and `label:`.
    pub fn keeps_mail(&self) -> bool {
        self.0.starts_with("id:") || self.0.starts_with("label:")
    }

    /// True for the address of one agent.
    pub fn is_agent(&self) -> bool {
        self.0.starts_with("id:")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Target {
    /// The normal form under which mail to this target is filed.
    pub fn address(&self) -> Address {
        Address(match self {
            Self::Agent(id) => return Address::of_agent(id),
            Self::Tag(word) => format!("tag:{word}"),
            Self::Capability(word) => format!("cap:{word}"),
            Self::Label(label) => format!("label:{}", label.folded()),
            Self::Machine(word) => format!("machine:{}", word.to_lowercase()),
            Self::Broadcast => "broadcast".to_owned(),
        })
    }

    /// True when the agent is one of those meant, whatever its status.
    pub fn matches(&self, agent: &Agent) -> bool {
        match self {
            Self::Agent(id) => agent.id == *id,
            Self::Tag(word) => agent.tags.contains(word),
            Self::Capability(word) => agent.capabilities.contains(word),
            Self::Label(label) => {
                agent.label.as_ref().is_some_and(|l| l.folded() == label.folded())
            }
            Self::Machine(word) => agent.machine.to_lowercase() == word.to_lowercase(),
            Self::Broadcast => true,
        }
    }
}

/// Every address under which mail reaches the agent.
pub fn addresses(agent: &Agent) -> Vec<Address> {
    if agent.id.is_human() {
        return vec![Address::of_agent(&agent.id)];
    }
    let targets = agent
        .tags
        .iter()
        .map(|t| Target::Tag(t.clone()))
        .chain(agent.capabilities.iter().map(|c| Target::Capability(c.clone())))
        .chain(agent.label.iter().map(|l| Target::Label(l.clone())))
        .chain([
            Target::Agent(agent.id.clone()),
            Target::Machine(agent.machine.clone()),
            Target::Broadcast,
        ]);
    let mut all: Vec<_> = targets.map(|t| t.address()).collect();
    all.sort();
    all.dedup();
    all
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        fn value<T: FromStr<Err = TextError>>(
            kind: &'static str,
            text: &str,
        ) -> Result<T, TargetError> {
            text.parse().map_err(|error| TargetError::Value { kind, error })
        }
        match text.split_once(':') {
            None if text.eq_ignore_ascii_case("broadcast") => Ok(Self::Broadcast),
            None => Ok(Self::Agent(text.parse()?)),
            Some(("id", id)) => Ok(Self::Agent(id.parse()?)),
            Some(("tag", word)) => Ok(Self::Tag(value("tag", word)?)),
            Some(("cap", word)) => Ok(Self::Capability(value("cap", word)?)),
            Some(("label", label)) => Ok(Self::Label(value("label", label)?)),
            Some(("machine", word)) => Ok(Self::Machine(value("machine", word)?)),
            Some((kind, _)) => Err(TargetError::Kind(kind.chars().take(32).collect())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(id) if id.as_str().eq_ignore_ascii_case("broadcast") => {
                write!(f, "id:{id}")
            }
            Self::Agent(id) => write!(f, "{id}"),
            Self::Tag(word) => write!(f, "tag:{word}"),
            Self::Capability(word) => write!(f, "cap:{word}"),
            Self::Label(label) => write!(f, "label:{label}"),
            Self::Machine(word) => write!(f, "machine:{word}"),
            Self::Broadcast => f.write_str("broadcast"),
        }
    }
}

as_text!(Target);

impl JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(broadcast|(id:)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}|(tag|cap|machine):[^\s:,]{1,64}|label:.{1,200})$",
            "description": "An agent's id or id:X, tag:X, cap:X, label:X, machine:X, or broadcast.",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::agent::tests::agent;

    #[test]
    fn targets_are_parsed_and_matched() {
        let mut reviewer = agent("reviewer-1");
        reviewer.tags = vec!["backend".parse().unwrap()];
        reviewer.capabilities = vec!["review".parse().unwrap()];
        reviewer.label = Some("Night Shift".parse().unwrap());
        reviewer.machine = "Build-01".parse().unwrap();
        let check = |text: &str, expected: bool| {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.matches(&reviewer), expected, "{text}");
            assert_eq!(
                addresses(&reviewer).contains(&target.address()),
                expected,
                "address of {text}"
            );
        };
        for text in
            ["reviewer-1", "REVIEWER-1", "id:reviewer-1", "tag:backend", "cap:review", "broadcast"]
        {
            check(text, true);
        }
        for text in ["label:night shift", "label: NIGHT SHIFT ", "machine:build-01"] {
            check(text, true);
        }
        for text in [
            "reviewer",
            "reviewer-11",
            "tag:Backend",
            "cap:reviews",
            "label:night",
            "machine:build",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn what_is_no_target_says_why() {
        let why = |text: &str| text.parse::<Target>().unwrap_err().to_string();
        assert_eq!(why("tag:"), "tag: must not be empty");
        assert!(why("group:x").contains("tag:X"));
        assert!(why("*").contains("letters"));
        assert!(why("").contains("letters"));
        assert!(why("id:a b").contains("letters"));
    }

    #[test]
    fn human_is_in_no_group() {
        let mut human = agent("human");
        human.tags = vec!["x".parse().unwrap()];
        assert_eq!(addresses(&human), [Address::of_agent(&AgentId::human())]);
    }

    fn targets() -> impl Strategy<Value = String> {
        prop_oneof![
            "(id:)?[A-Za-z0-9][A-Za-z0-9._-]{0,20}",
            "(tag|cap|machine):[a-zA-Z0-9äß/+-]{1,20}",
            "label:[a-z:äß ]{0,10}[a-zÄ]",
            Just("broadcast".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn printing_is_the_inverse_of_parsing(text in targets()) {
            let target: Target = text.parse().unwrap();
            prop_assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        }

        #[test]
        fn an_id_never_reaches_another_with_a_common_prefix(a in "[a-z][a-z0-9]{0,6}", tail in "[a-z0-9]{1,3}") {
            let target: Target = a.parse().unwrap();
            let longer = agent(&format!("{a}{tail}"));
            prop_assert!(!target.matches(&longer));
        }
    }
}
