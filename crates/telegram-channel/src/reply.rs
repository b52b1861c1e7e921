//! What the channel itself says in a chat.

use std::fmt::Write as _;

use relay_core::{
    agent::{Agent, Status},
    id::AgentId,
    target::Target,
};

use crate::chat::Chat;

/// How many agents a list names.
const LISTED: usize = 50;

/// For `/to` without somebody or something.
pub const NOT_WHOLE: &str =
    "Say to whom and what: /to backend Please look at the build, or @backend Please look.";

/// For a text in a chat that is bound to nobody.
pub const TO_NOBODY: &str = "this chat is bound to nobody. Answer a message, or say \
                             to whom: /to backend Please look at the build. /agents lists who is there.";

/// How the chat is used.
pub fn help(chat: &Chat) -> String {
    let bound = match &chat.target {
        Some(target) => format!("What you write here goes to {target}."),
        None => "This chat is bound to nobody: say to whom, or answer a message.".to_owned(),
    };
    format!(
        "This chat is connected to Agent Relay. {bound}\n\n\
         Answer a message to answer whoever sent it.\n\
         /to NAME TEXT or @NAME TEXT: to somebody else (an agent, label:X, tag:X, cap:X, broadcast)\n\
         /agents: who is there\n\
         /help: this"
    )
}

/// Who is there.
pub fn agents(agents: &[Agent], me: &AgentId) -> String {
    let there =
        |agent: &&Agent| agent.status != Status::Offline && agent.id != *me && !agent.id.is_human();
    let there: Vec<&Agent> = agents.iter().filter(there).collect();
    if there.is_empty() {
        return "Nobody is there.".to_owned();
    }
    let mut text = String::new();
    for agent in there.iter().take(LISTED) {
        let label = agent.label.as_ref().map(|label| format!(" “{label}”")).unwrap_or_default();
        let detail = agent.status_detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default();
        let _ = writeln!(text, "{}{label}, {}{detail}", agent.id, agent.status);
    }
    if there.len() > LISTED {
        let _ = writeln!(text, "and {} more", there.len() - LISTED);
    }
    text
}

/// Why something did not reach the relay.
pub fn not_delivered(why: &str) -> String {
    format!("Not delivered: {why}")
}

/// It is stored, and waits.
pub fn nobody_yet(to: &Target) -> String {
    format!("Stored, but nobody is {to} now.")
}

/// It is stored, and the one it is for is away.
pub fn is_offline(id: &AgentId) -> String {
    format!("Stored, but {id} is offline now; it gets this when it is back.")
}

/// A reason with what to do about it.
pub fn with_hint(why: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| why.to_owned(), |hint| format!("{why} ({hint})"))
}

#[cfg(test)]
mod tests {
    use relay_core::{api::request::RegisterAgent, time::Timestamp};

    use super::*;

    fn agent(id: &str, label: Option<&str>, status: Status) -> Agent {
        let mut register = RegisterAgent::new(id.parse().unwrap());
        register.label = label.map(|label| label.parse().unwrap());
        let mut agent = Agent::register(register, Timestamp(0));
        agent.status = status;
        agent
    }

    #[test]
    fn the_list_names_who_is_there_besides_ourselves() {
        let me = "telegram".parse().unwrap();
        let list = [
            agent("backend", Some("Night Shift"), Status::Busy),
            agent("gone", None, Status::Offline),
            agent("telegram", None, Status::Idle),
            agent("web", None, Status::Idle),
        ];
        assert_eq!(agents(&list, &me), "backend “Night Shift”, busy\nweb, idle\n");
        assert_eq!(agents(&list[1..3], &me), "Nobody is there.");
        let many: Vec<_> = (0..60).map(|i| agent(&format!("a{i}"), None, Status::Idle)).collect();
        assert!(agents(&many, &me).ends_with("a49, idle\nand 10 more\n"));
    }

    #[test]
    fn help_says_whom_the_chat_is_bound_to() {
        let bound = Chat { id: 1, target: Some("tag:backend".parse().unwrap()) };
        assert!(help(&bound).contains("goes to tag:backend."));
        assert!(help(&Chat { id: 1, target: None }).contains("bound to nobody"));
    }
}
