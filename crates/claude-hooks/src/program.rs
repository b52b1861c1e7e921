//! The program: which of its roles it plays.

use std::{
    io::{Read, Write},
    process::ExitCode,
};

use relay_core::version::VERSION;

use crate::hook::{self, Answer};

const HELP: &str = "\
Agent Relay for Claude Code. The plugin runs it; there is nothing to type.

agent-relay-claude hook [EVENT]           answers a hook, whose input stands on stdin
agent-relay-claude monitor                wakes the session when the companion asks
agent-relay-claude companion AGENT PID    is the agent of that Claude process
agent-relay-claude --version

docs/providers.md says how it works. Settings: AGENT_RELAY_URL, AGENT_RELAY_TOKEN and the others of
docs/configuration.md.";

/// Runs the role that the arguments name. Whatever goes wrong, a session is never broken by it.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["hook", "question"] => answer(hook::question),
        ["hook", ..] => answer(hook::answer),
        #[cfg(unix)]
        ["monitor"] => {
            crate::monitor::run();
            ExitCode::SUCCESS
        }
        #[cfg(unix)]
        ["companion", agent, pid] => crate::companion::main(agent, pid),
        ["--version" | "-V"] => say(&format!("agent-relay-claude {VERSION}")),
        ["--help" | "-h"] => say(HELP),
        _ => {
            eprintln!("{HELP}");
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) -> ExitCode {
    // Whoever reads our output may have gone.
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

fn answer(hook: fn(&str) -> Answer) -> ExitCode {
    let mut input = String::new();
    if std::io::stdin().read_to_string(&mut input).is_err() {
        input.clear();
    }
    let Answer { stdout, stderr, code, after } = hook(&input);
    let _ = std::io::stdout().write_all(stdout.as_bytes());
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().write_all(stderr.as_bytes());
    if let Some(after) = after {
        after();
    }
    ExitCode::from(code)
}

/// Tells the companion that something has changed; false when there is none.
pub fn ring(mailbox: &crate::mailbox::Mailbox) -> bool {
    #[cfg(unix)]
    return crate::wire::ring(mailbox);
    #[cfg(not(unix))]
    return false;
}
