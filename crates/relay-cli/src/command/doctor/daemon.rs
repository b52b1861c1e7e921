//! The relay as a service of this user.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use relay_core::doctor::Finding;

use super::relay::Seen;
use crate::daemon::Manager;

const CHECK: &str = "daemon";

/// Looks at how the service stands.
pub fn look(seen: &Seen) -> Finding {
    let manager = match Manager::here() {
        Ok(manager) => manager,
        Err(failure) => return Finding::skipped(CHECK, failure.to_string()),
    };
    if !manager.has_it() {
        let found = "not installed; agent-relay daemon install keeps a relay running";
        return Finding::skipped(CHECK, found);
    }
    if let Some(program) = manager.program().filter(|program| !Path::new(program).is_file()) {
        return Finding::failed(CHECK, format!("its program {program} is not there"))
            .hint("agent-relay daemon install --yes");
    }
    judge(&asked(&manager.activity()), seen.answers)
}

/// The word of the service manager, or why there is none.
fn asked(line: &[String]) -> Result<String, String> {
    let (program, arguments) = line.split_first().ok_or("nothing to ask")?;
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|why| format!("{program}: {why}"))?;
    let word = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok("active".to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    match word.as_str() {
        "" => Err(said.trim().lines().next().unwrap_or("it does not say").to_owned()),
        word => Ok(word.lines().next().unwrap_or(word).to_owned()),
    }
}

fn judge(word: &Result<String, String>, answers: bool) -> Finding {
    match word.as_deref() {
        Ok("active" | "activating" | "reloading") => Finding::ok(CHECK, "installed, and runs"),
        Ok("failed") => Finding::failed(CHECK, "installed, and has failed")
            .hint("agent-relay daemon logs says why; agent-relay daemon restart"),
        Ok(word) if answers => Finding::warning(
            CHECK,
            format!("installed, and {word}: the relay that answers was started otherwise"),
        ),
        Ok(word) => Finding::failed(CHECK, format!("installed, and {word}"))
            .hint("agent-relay daemon start"),
        Err(why) => {
            Finding::warning(CHECK, format!("installed, but its manager cannot be asked: {why}"))
                .hint("in a container, start the relay yourself: agent-relay serve")
        }
    }
}

#[cfg(test)]
mod tests {
    use relay_core::doctor::State;

    use super::*;

    #[test]
    fn how_the_service_stands_decides_what_to_do() {
        let word = |word: &str| Ok(word.to_owned());
        for (word, answers, state, hint) in [
            (word("active"), true, State::Ok, None),
            (word("failed"), false, State::Failed, Some("logs")),
            (word("inactive"), false, State::Failed, Some("daemon start")),
            (word("inactive"), true, State::Warning, None),
            (Err("Failed to connect to bus".to_owned()), false, State::Warning, Some("serve")),
        ] {
            let finding = judge(&word, answers);
            assert_eq!(finding.state, state, "{finding:?}");
            let said = finding.hint.as_deref();
            assert_eq!(said.is_some(), hint.is_some(), "{finding:?}");
            assert!(said.unwrap_or("").contains(hint.unwrap_or("")), "{finding:?}");
        }
    }
}
