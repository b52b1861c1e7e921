//! `agents`: who is there.

use std::{cmp::Reverse, fmt::Write as _};

use relay_client::Relay;
use relay_core::{
    agent::Agent,
    api::query::{self, Within},
    target::Target,
    text::{Label, Line, Word},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Call;
use crate::{
    mcp::{arguments, fault::Fault},
    output::{agent::status, inline},
};

/// How many are listed at once.
const FEW: usize = 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Agents {
    #[serde(rename = "match")]
    wanted: Option<String>,
}

/// Lists those who are there; with a filter those who are away, too, for whom mail waits.
pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let Agents { wanted } = arguments::read(arguments)?;
    let wanted = wanted.filter(|text| !text.trim().is_empty());
    let target = wanted.as_deref().filter(|text| is_target(text)).map(str::parse::<Target>);
    let target = target.transpose().map_err(|why| Fault::argument("match", why))?;
    let all = |relay: Relay| async move {
        let page = query::Agents { limit: Some(Within(500)), ..query::Agents::default() };
        relay.all_agents(&page).await
    };
    let mut agents = call.voice.ask(all).await?;
    let fits = |agent: &Agent| match (&target, &wanted) {
        (Some(target), _) => target.matches(agent),
        (None, Some(text)) => is_called(agent, text),
        (None, None) => agent.is_live(),
    };
    let away = agents.iter().filter(|agent| !agent.is_live()).count();
    agents.retain(|agent| fits(agent) && !agent.id.is_human());
    agents.sort_by_key(|agent| (Reverse(agent.is_live()), Reverse(agent.last_seen_at)));
    let lines: Vec<String> = agents.iter().take(FEW).map(|agent| line(agent, call)).collect();
    let mut lines = if lines.is_empty() { vec!["nobody".to_owned()] } else { lines };
    if agents.len() > FEW {
        lines.push(format!("and {} more: narrow with `match`", agents.len() - FEW));
    } else if wanted.is_none() && away > 0 {
        lines.push(format!("and {away} offline"));
    }
    Ok(lines.join("\n"))
}

fn is_target(text: &str) -> bool {
    text.contains(':') || text.eq_ignore_ascii_case("broadcast")
}

fn is_called(agent: &Agent, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let label = agent.label.as_ref().map(Label::as_str);
    let project = agent.project.as_ref().map(Line::as_str);
    let own = [agent.id.as_str(), agent.name.as_str(), agent.provider.as_str()];
    let words = agent.tags.iter().chain(&agent.capabilities).map(Word::as_str);
    let mut names = own.into_iter().chain(label).chain(project).chain(words);
    names.any(|name| name.to_lowercase().contains(&text))
}

/// One agent in a line: `api-1 (busy: tests) "API" codex in web, tags a,b, can chat`.
fn line(agent: &Agent, call: &Call<'_>) -> String {
    let mut line = format!("{} ({})", agent.id, status(agent));
    if agent.id == call.voice.me {
        line.push_str(" you");
    }
    if let Some(label) = &agent.label {
        let _ = write!(line, " \"{}\"", inline(label));
    }
    let _ = write!(line, " {}", agent.provider);
    if let Some(project) = &agent.project {
        let _ = write!(line, " in {}", inline(project));
    }
    for (what, words) in [("tags", &agent.tags), ("can", &agent.capabilities)] {
        if !words.is_empty() {
            let words: Vec<&str> = words.iter().map(Word::as_str).collect();
            let _ = write!(line, ", {what} {}", words.join(","));
        }
    }
    line
}
