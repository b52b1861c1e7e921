//! The gate before a tool: the verdict is core's; here it is asked for and told.
//!
//! Where a mode is set, what cannot be judged is denied. Claude Code lets a tool run when its hook
//! is too slow, and that cannot be helped.

use relay_client::config::{Config, environment};
use relay_core::{
    agent::{Approval, Status},
    approval::{Call, Place, Verdict, judge as verdict},
};
use serde_json::json;

use super::{Answer, Desk, Input};
use crate::program::ring;

/// Tools that are a question to the person.
const QUESTIONS: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// Before a tool runs.
pub fn judge(desk: &Desk, input: &Input) -> Answer {
    if QUESTIONS.contains(&input.tool_name.as_str()) && input.agent_id.is_none() {
        desk.be(Status::Waiting, Some("question"));
        ring(&desk.mailbox);
    }
    let project = desk.seat.cwd.to_string_lossy().into_owned();
    decide(desk.seat.approval, input, project)
}

/// An input that is no JSON may be of a call that is gated.
pub fn unreadable() -> Answer {
    match mode() {
        Approval::Open => Answer::default(),
        mode => refused(&format!("the call cannot be read, and the approval mode is {mode}")),
    }
}

/// An event of a session that was never begun. Its mode is that of the settings.
pub fn homeless(input: &Input) -> Answer {
    if input.hook_event_name != "PreToolUse" {
        return Answer::default();
    }
    decide(mode(), input, input.cwd.clone())
}

/// The mode of the settings; the strictest where they cannot be read and one of them sets it.
fn mode() -> Approval {
    match Config::from_env() {
        Ok(config) => config.approval,
        Err(_) if environment("AGENT_RELAY_APPROVAL").is_some_and(|mode| mode == "open") => {
            Approval::Open
        }
        Err(_) if environment("AGENT_RELAY_APPROVAL").is_some() => Approval::ReadOnly,
        Err(_) => Approval::Open,
    }
}

fn decide(mode: Approval, input: &Input, project: String) -> Answer {
    if mode == Approval::Open {
        return Answer::default();
    }
    let place = Place { cwd: input.cwd.clone(), home: environment("HOME"), ..Place::new(project) };
    let call = Call::tool(&input.tool_name, &input.tool_input);
    match verdict(mode, &call, &place) {
        Verdict::Allow => Answer::default(),
        Verdict::Ask(reason) => told("ask", mode, reason.as_str()),
        Verdict::Deny(reason) => told("deny", mode, reason.as_str()),
    }
}

/// In `-p`, where nobody is there, Claude Code denies what asks, with the reason.
fn told(decision: &str, mode: Approval, reason: &str) -> Answer {
    Answer::output(&json!({
        "hookEventName": "PreToolUse",
        "permissionDecision": decision,
        "permissionDecisionReason": format!("Agent Relay ({mode}): {reason}"),
    }))
}

fn refused(why: &str) -> Answer {
    Answer { stderr: format!("Agent Relay: {why}"), code: 2, ..Answer::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(mode: Approval, tool: &str, input: serde_json::Value) -> String {
        let input = Input {
            hook_event_name: "PreToolUse".into(),
            tool_name: tool.into(),
            tool_input: input,
            cwd: "/srv/app".into(),
            ..Input::default()
        };
        let answer = decide(mode, &input, "/srv/app".into());
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
        serde_json::from_str::<serde_json::Value>(&answer.stdout).map_or_else(
            |_| "allow".to_owned(),
            |told| told["hookSpecificOutput"]["permissionDecision"].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn the_mode_decides() {
        use Approval::{Guarded, Open, ReadOnly};
        let bash = |command: &str| ("Bash", json!({ "command": command }));
        let write = ("Write", json!({"file_path": "/srv/app/a", "content": "x"}));
        for (mode, (tool, input), expected) in [
            (Open, bash("rm -rf /"), "allow"),
            (Guarded, bash("rm -rf build"), "ask"),
            (Guarded, bash("cargo test"), "allow"),
            (Guarded, write.clone(), "allow"),
            (ReadOnly, write, "deny"),
            (ReadOnly, bash("ls | wc -l"), "allow"),
            (ReadOnly, bash("echo $(rm x)"), "deny"),
            (ReadOnly, bash("env x=1 rm y"), "deny"),
            (ReadOnly, bash("bash -c 'rm z'"), "deny"),
            (ReadOnly, bash("agent-relay reply 42 done"), "allow"),
            (ReadOnly, ("Read", json!({"file_path": "/etc/hosts"})), "allow"),
        ] {
            assert_eq!(decided(mode, tool, input.clone()), expected, "{mode} {input}");
        }
    }
}
