//! Agents: whether each has a name of its own, and whether mail gets to it.

use std::collections::BTreeMap;

use super::Finding;
use crate::{
    agent::{Agent, Status},
    text::Label,
};

/// Whether two agents that are there go by one name.
///
/// A second session that claims an id becomes `ID-2`; whoever writes to a label or a name that two
/// have is asked which one is meant.
pub fn doubles(agents: &[Agent]) -> Finding {
    let live: Vec<_> = agents.iter().filter(|agent| agent.is_live()).collect();
    let mut found: Vec<String> = Vec::new();
    let labels = shared(&live, |agent| agent.label.as_ref().map(Label::folded));
    found.extend(labels.iter().map(|(_, ids)| format!("{} have one label", listed(ids))));
    let names = shared(&live, |agent| Some(agent.name.to_lowercase()));
    found.extend(names.iter().map(|(_, ids)| format!("{} have one name", listed(ids))));
    for agent in &live {
        let second = format!("{}-2", agent.id);
        let is_second = |other: &&&Agent| {
            other.id.as_str().eq_ignore_ascii_case(&second) && other.provider == agent.provider
        };
        if let Some(second) = live.iter().find(is_second) {
            found
                .push(format!("{} and {} are two sessions that claim one id", agent.id, second.id));
        }
    }
    if found.is_empty() {
        return Finding::ok("agents", format!("{} live, each under a name of its own", live.len()));
    }
    Finding::warning("agents", format!("two agents under one name: {}", found.join("; "))).hint(
        "give one another label: agent-relay label TEXT --agent ID; where AGENT_RELAY_ID is set for both, set it for one",
    )
}

/// What more than one agent has, with their ids.
fn shared(agents: &[&Agent], key: impl Fn(&Agent) -> Option<String>) -> Vec<(String, Vec<String>)> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for agent in agents {
        if let Some(key) = key(agent) {
            groups.entry(key).or_default().push(agent.id.to_string());
        }
    }
    groups.into_iter().filter(|(_, ids)| ids.len() > 1).collect()
}

fn listed(ids: &[String]) -> String {
    match ids {
        [first, last] => format!("{first} and {last}"),
        ids => ids.join(", "),
    }
}

/// How far a test message came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whom it was for.
    pub agent: String,
    /// What hosts that agent.
    pub provider: String,
    /// How it was doing when the message was sent.
    pub status: Status,
    /// How long the relay took to store it.
    pub stored_ms: i64,
    /// When it stood in the session's context, after it was stored, and by which path.
    pub read: Option<(i64, Option<String>)>,
    /// When the turn that had it ended, after it was stored.
    pub handled_ms: Option<i64>,
    /// How long was waited.
    pub waited_ms: i64,
}

/// What a test message shows of the way to an agent.
pub fn delivery(progress: &Progress) -> Finding {
    let Progress { agent, provider, status, stored_ms, read, handled_ms, waited_ms } = progress;
    let stored = format!("{agent} ({provider}, {status}): stored in {}", span(*stored_ms));
    let Some((read_ms, via)) = read else {
        return unread(
            provider,
            *status,
            &format!("{stored}, not read within {}", span(*waited_ms)),
        );
    };
    let via = via.as_ref().map(|via| format!(" by {via}")).unwrap_or_default();
    let read = format!("{stored}, read after {}{via}", span(*read_ms));
    match handled_ms {
        Some(ms) => Finding::ok("deliver", format!("{read}, handled after {}", span(*ms))),
        None => Finding::ok(
            "deliver",
            format!("{read}; the turn that has it had not ended after {}", span(*waited_ms)),
        ),
    }
}

fn unread(provider: &str, status: Status, found: &str) -> Finding {
    let late = |why: &str| Finding::warning("deliver", format!("{found}: {why}"));
    match (provider, status) {
        (_, Status::Offline) => late("it has gone; mail waits for it"),
        (_, Status::Busy) => late("it is in a turn, and gets it when the tool that runs has ended"),
        (_, Status::Waiting) => late("it waits for a person, and gets it after that"),
        ("mcp", Status::Idle) => late("an MCP client gets its mail when its model asks for it"),
        (_, Status::Idle) => Finding::failed("deliver", format!("{found}, though it is idle"))
            .hint(match provider {
                "claude" => {
                    "look at that session; does it have the plugin? /agent-relay:status there says"
                }
                "codex" => "look at that session; codex-relay doctor says what is in its way",
                _ => "look at that session: it may hang, or not follow its mail",
            }),
    }
}

/// A span as people read it.
fn span(ms: i64) -> String {
    match ms {
        ..1000 => format!("{} ms", ms.max(0)),
        1000..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::State, *};
    use crate::time::Timestamp;

    fn agent(value: Value) -> Agent {
        Agent::register(serde_json::from_value(value).unwrap(), Timestamp(1))
    }

    fn found(agents: &[Value]) -> (State, String) {
        let agents: Vec<_> = agents.iter().cloned().map(agent).collect();
        let finding = doubles(&agents);
        (finding.state, finding.found)
    }

    #[test]
    fn two_under_one_name_are_named() {
        let none = [json!({"id": "a", "label": "X"}), json!({"id": "b", "label": "Y"})];
        assert_eq!(found(&none), (State::Ok, "2 live, each under a name of its own".into()));
        for (agents, expected) in [
            (
                vec![
                    json!({"id": "a", "label": "Backend"}),
                    json!({"id": "b", "label": "backend"}),
                ],
                "a and b have one label",
            ),
            (
                vec![json!({"id": "a", "name": "Same"}), json!({"id": "b", "name": "same"})],
                "a and b have one name",
            ),
            (
                vec![
                    json!({"id": "x", "provider": "claude"}),
                    json!({"id": "X-2", "provider": "claude"}),
                ],
                "x and X-2 are two sessions that claim one id",
            ),
        ] {
            let (state, said) = found(&agents);
            assert_eq!(state, State::Warning);
            assert!(said.contains(expected), "{said}");
        }
        let apart =
            [json!({"id": "x", "provider": "claude"}), json!({"id": "x-2", "provider": "codex"})];
        assert_eq!(found(&apart).0, State::Ok);
    }

    #[test]
    fn who_has_gone_shares_no_name() {
        let mut gone = agent(json!({"id": "a", "label": "X"}));
        gone.status = Status::Offline;
        assert_eq!(doubles(&[gone, agent(json!({"id": "b", "label": "X"}))]).state, State::Ok);
    }

    #[test]
    fn how_far_it_came_is_said_with_how_long_it_took() {
        let read = Some((210, Some("claude-socket".to_owned())));
        for (provider, status, read, handled_ms, state, expected) in [
            (
                "claude",
                Status::Idle,
                read.clone(),
                Some(1_250),
                State::Ok,
                "a (claude, idle): stored in 3 ms, read after 210 ms by claude-socket, handled after 1.2 s",
            ),
            ("claude", Status::Idle, read, None, State::Ok, "had not ended after 30 s"),
            ("other", Status::Idle, Some((5, None)), None, State::Ok, "read after 5 ms; the turn"),
            (
                "claude",
                Status::Idle,
                None,
                None,
                State::Failed,
                "not read within 30 s, though it is idle",
            ),
            ("codex", Status::Busy, None, None, State::Warning, "it is in a turn"),
            ("codex", Status::Waiting, None, None, State::Warning, "waits for a person"),
            ("mcp", Status::Idle, None, None, State::Warning, "when its model asks"),
        ] {
            let (agent, provider) = ("a".to_owned(), provider.to_owned());
            let progress = Progress {
                agent,
                provider,
                status,
                stored_ms: 3,
                read,
                handled_ms,
                waited_ms: 30_000,
            };
            let finding = delivery(&progress);
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.found.contains(expected), "{finding:?}");
            assert_eq!(finding.hint.is_some(), state == State::Failed);
        }
    }
}
