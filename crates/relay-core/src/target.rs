//! Targets: whom a message is for, and which agents that is.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::json;

use crate::{
    agent::{Agent, Status},
    error::{Code, Refused},
    id::{AgentId, IdError},
    text::{Label, Line, TextError, Word},
};

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

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

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

/// Who is meant, where it must be one agent: a [`Target`], or a word that one agent goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// What stands before a colon says what it is.
    Target(Target),
    /// An id, a label, a name, a provider or a project.
    Word(Line),
}

impl Whom {
    /// Finds the one agent that is meant: by its id whatever its status, else among the available.
    ///
    /// Refuses with `target_not_found` where none fits, with `ambiguous_target` and the candidates
    /// where several do. `human` is found by its id only.
    pub fn resolve<'a>(&self, agents: &'a [Agent]) -> Result<&'a Agent, Refused> {
        let target = match self {
            Self::Word(word) => return resolve(word, agents),
            Self::Target(Target::Agent(id)) => {
                let found = agents.iter().find(|agent| agent.id == *id);
                return found.ok_or_else(|| not_found(id.as_str(), agents.iter()));
            }
            Self::Target(target) => target,
        };
        let available = agents.iter().filter(|a| a.status != Status::Offline && !a.id.is_human());
        let fits: Vec<_> = available.filter(|agent| target.matches(agent)).collect();
        one(&target.to_string(), &fits, agents)
    }
}

impl FromStr for Whom {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.contains(':') || text.eq_ignore_ascii_case("broadcast") {
            return Ok(Self::Target(text.parse()?));
        }
        text.parse().map(Self::Word).map_err(|error| TargetError::Value { kind: "target", error })
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(Target::Agent(id)) => write!(f, "id:{id}"),
            Self::Target(target) => write!(f, "{target}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

impl Serialize for Whom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Whom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Whom {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Whom".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "An id, a label, a name, a provider or a project; or id:X, tag:X, cap:X, label:X, machine:X. One available agent must fit.",
        })
    }
}

/// Finds the one available agent that a bare word means: by id, else by label, name, provider or
/// project (all compared without case).
///
/// Refuses with `target_not_found` and near matches where none fits, with `ambiguous_target` and
/// the candidates where several do.
pub fn resolve<'a>(word: &str, agents: &'a [Agent]) -> Result<&'a Agent, Refused> {
    if let Some(agent) = agents.iter().find(|a| a.id.as_str().eq_ignore_ascii_case(word)) {
        return Ok(agent);
    }
    let available = agents.iter().filter(|a| a.status != Status::Offline);
    let fits: Vec<_> = available.filter(|a| is_called(a, word)).collect();
    one(word, &fits, agents)
}

fn one<'a>(word: &str, fits: &[&'a Agent], agents: &'a [Agent]) -> Result<&'a Agent, Refused> {
    match fits {
        [one] => Ok(one),
        [] => Err(not_found(word, agents.iter().filter(|a| a.status != Status::Offline))),
        several => {
            let ids: Vec<&str> = several.iter().map(|a| a.id.as_str()).collect();
            Err(Refused::new(Code::AmbiguousTarget, format!("`{word}` fits {} agents", ids.len()))
                .hint(format!("name one of them: {}", ids.join(", ")))
                .with(json!({ "candidates": ids })))
        }
    }
}

fn is_called(agent: &Agent, word: &str) -> bool {
    let word = word.trim().to_lowercase();
    let same = |text: &str| text.to_lowercase() == word;
    agent.label.as_ref().is_some_and(|l| l.folded() == word)
        || same(&agent.name)
        || same(&agent.provider)
        || agent.project.as_ref().is_some_and(|p| same(p))
}

/// The refusal for a word that no agent fits, with the ids and labels nearest to it.
pub fn not_found<'a>(word: &str, agents: impl Iterator<Item = &'a Agent>) -> Refused {
    let word: String = word.chars().take(128).collect();
    let mut near: Vec<(f64, &str)> = agents
        .map(|a| {
            let names = [Some(a.id.as_str()), a.label.as_deref(), Some(a.name.as_str())];
            let score = names.into_iter().flatten().map(|n| likeness(&word, n)).fold(0.0, f64::max);
            (score, a.id.as_str())
        })
        .filter(|(score, _)| *score > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, id)| id).collect();
    let refused = Refused::new(Code::TargetNotFound, format!("no agent `{word}` is registered"));
    let hint = match near.as_slice() {
        [] => "list the agents with `agent-relay agents` or GET /api/agents".to_owned(),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    refused.hint(hint).with(json!({ "near": near }))
}

fn likeness(a: &str, b: &str) -> f64 {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    if a.len() >= 3 && (b.starts_with(&a) || b.contains(&a)) {
        0.9
    } else {
        strsim::jaro_winkler(&a, &b)
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

    #[test]
    fn a_bare_word_finds_the_one_agent_it_means() {
        let mut api = agent("host-api-1a2b");
        api.label = Some("backend".parse().unwrap());
        let mut web = agent("host-web-3c4d");
        web.provider = "codex".parse().unwrap();
        let agents = [api, web];
        let id = |word: &str| resolve(word, &agents).map(|a| a.id.as_str().to_owned());
        assert_eq!(id("Backend").unwrap(), "host-api-1a2b");
        assert_eq!(id("codex").unwrap(), "host-web-3c4d");
        assert_eq!(id("HOST-WEB-3C4D").unwrap(), "host-web-3c4d");
        assert_eq!(id("frontend").unwrap_err().code, Code::TargetNotFound);
        let near = id("host-api").unwrap_err();
        assert_eq!(near.details.unwrap()["near"][0], "host-api-1a2b");
    }

    #[test]
    fn several_fits_are_listed_and_the_offline_left_out() {
        let [mut a, mut b, mut c] = [agent("a-1"), agent("b-2"), agent("c-3")];
        for agent in [&mut a, &mut b, &mut c] {
            agent.project = Some("shop".parse().unwrap());
        }
        c.status = Status::Offline;
        let refused = resolve("shop", &[a, b, c]).unwrap_err();
        assert_eq!(refused.code, Code::AmbiguousTarget);
        assert_eq!(refused.details.unwrap()["candidates"], json!(["a-1", "b-2"]));
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
