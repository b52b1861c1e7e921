//! Finding the one agent that is meant: by a target, or by a word that it goes by.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::{Target, TargetError};
use crate::{
    agent::{Agent, Status},
    error::{Code, Refused},
    text::{Line, as_text},
};

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

as_text!(Whom);

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
    use super::*;
    use crate::agent::tests::agent;

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

    #[test]
    fn a_group_means_the_one_available_agent_in_it() {
        let [mut a, mut b] = [agent("a-1"), agent("b-2")];
        a.capabilities = vec!["review".parse().unwrap()];
        b.capabilities = a.capabilities.clone();
        b.status = Status::Offline;
        let agents = [a, b, agent("human")];
        let find = |text: &str| {
            let whom: Whom = text.parse().unwrap();
            assert_eq!(whom.to_string().parse::<Whom>().unwrap(), whom);
            whom.resolve(&agents).map(|a| a.id.to_string()).map_err(|r| r.code)
        };
        assert_eq!(find("cap:review"), Ok("a-1".into()));
        assert_eq!(find("id:B-2"), Ok("b-2".into()), "by its id, whatever its status");
        assert_eq!(find("broadcast"), Ok("a-1".into()), "`human` is in no group");
        assert_eq!(find("human"), Ok("human".into()));
        assert_eq!(find("tag:x"), Err(Code::TargetNotFound));
        assert_eq!(find("id:ghost"), Err(Code::TargetNotFound));
    }
}
