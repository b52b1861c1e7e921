//! How agents read: a table, and one of them in a few lines.

use relay_core::{
    agent::{Agent, Status},
    text::Word,
    time::Timestamp,
};

use super::{inline, table};
use crate::input::short;

/// Agents as a table, in the order they came.
pub fn list(agents: &[Agent], now: Timestamp) -> String {
    let header = ["agent", "status", "label", "provider", "project", "machine", "tags", "seen"];
    table(&header, agents.iter().map(|agent| row(agent, now)))
}

fn row(agent: &Agent, now: Timestamp) -> Vec<String> {
    let or_dash = |text: Option<&str>| text.map_or("-".to_owned(), inline);
    vec![
        agent.id.to_string(),
        status(agent),
        or_dash(agent.label.as_deref()),
        agent.provider.to_string(),
        or_dash(agent.project.as_deref()),
        agent.machine.to_string(),
        words(&agent.tags),
        format!("{} ago", short(now.since(agent.last_seen_at))),
    ]
}

/// The status with its detail; who takes no new work says so.
pub fn status(agent: &Agent) -> String {
    let mut text = agent.status.to_string();
    if !agent.ready && agent.status != Status::Offline {
        text.push_str(", not ready");
    }
    if let Some(detail) = &agent.status_detail {
        text.push_str(": ");
        text.push_str(&inline(detail));
    }
    text
}

/// Tags or capabilities; a dash where there are none.
pub fn words(words: &[Word]) -> String {
    if words.is_empty() {
        return "-".to_owned();
    }
    words.iter().map(Word::as_str).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_of_agents_shows_who_is_there() {
        let agent: Agent = serde_json::from_value(json!({
            "id": "api-1", "name": "api", "label": "Night\u{2009}Shift", "provider": "codex",
            "machine": "box", "tags": ["a", "b"], "capabilities": [], "channels": "all",
            "approval": "open", "status": "busy", "statusDetail": "tests", "ready": false, "epoch": 1,
            "createdAt": 0, "lastSeenAt": 30_000, "statusAt": 0,
        }))
        .unwrap();
        assert_eq!(
            list(&[agent], Timestamp(90_000)),
            "AGENT  STATUS                  LABEL        PROVIDER  PROJECT  MACHINE  TAGS  SEEN\n\
             api-1  busy, not ready: tests  Night Shift  codex     -        box      a,b   1m ago"
        );
    }
}
