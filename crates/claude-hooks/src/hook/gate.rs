//! The gate before a tool: the verdict is core's; here it is asked for and told.
//!
//! Where a mode is set, what cannot be judged is denied. Claude Code lets a tool run when its hook
//! is too slow, and that cannot be helped.

use relay_client::config::{Config, environment};
use relay_core::{
    agent::Approval,
    approval::{Call, Place, Verdict, judge as verdict},
    env,
};
use serde_json::json;

use super::{Answer, Desk, Input};
use crate::program::ring;

/// Before a tool runs.
pub fn judge(desk: &Desk, input: &Input) -> Answer {
    let project = desk.seat.cwd.to_string_lossy().into_owned();
    let mode = desk.seat.approval;
    let verdict = decide(mode, input, project);
    if let Verdict::Ask(reason) = &verdict
        && is_unattended()
    {
        desk.mailbox.note(&format!(
            "`{}` was not allowed to run {} ({reason}): nobody is there to ask.",
            desk.seat.agent, input.tool_name
        ));
        ring(&desk.mailbox);
    }
    told(mode, verdict)
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
    let mode = mode();
    told(mode, decide(mode, input, input.cwd.clone()))
}

/// The mode of the settings, whatever else is wrong with them; the strictest where they mean to set
/// one that cannot be read.
fn mode() -> Approval {
    let names = [env::APPROVAL.name, env::PROFILE.name, env::PROFILES_FILE.name];
    let gate = |name: &str| names.contains(&name).then(|| environment(name)).flatten();
    match Config::read(&gate) {
        Ok(config) => config.approval,
        Err(_) if gate(env::APPROVAL.name).is_some_and(|mode| mode == "open") => Approval::Open,
        Err(_) => Approval::ReadOnly,
    }
}

fn decide(mode: Approval, input: &Input, project: String) -> Verdict {
    if mode == Approval::Open {
        return Verdict::Allow;
    }
    let place = Place {
        cwd: input.cwd.clone(),
        home: environment("HOME"),
        also: temporary(&environment),
        ..Place::new(project)
    };
    verdict(mode, &Call::tool(&input.tool_name, &input.tool_input), &place)
}

/// The folders for temporary files; Claude Code keeps a session's scratch folder in one of them.
fn temporary(get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let set = ["TMPDIR", "CLAUDE_CODE_TMPDIR"].into_iter().filter_map(get);
    let usual = ["/tmp", "/private/tmp", "/var/tmp"].map(str::to_owned);
    set.filter(|folder| folder.starts_with('/')).chain(usual).collect()
}

/// Whether nobody is there to be asked: newer versions say so, older ones only how they began.
fn is_unattended() -> bool {
    match environment("CLAUDE_CODE_SESSION_ATTENDED").as_deref() {
        Some("0") => true,
        Some("1") => false,
        _ => environment("CLAUDE_CODE_ENTRYPOINT").is_some_and(|entry| entry == "sdk-cli"),
    }
}

/// What is to be asked where nobody is there is denied.
fn told(mode: Approval, verdict: Verdict) -> Answer {
    let verdict = if is_unattended() { verdict.unattended() } else { verdict };
    let (decision, reason) = match verdict {
        Verdict::Allow => return Answer::default(),
        Verdict::Ask(reason) => ("ask", reason),
        Verdict::Deny(reason) => ("deny", reason),
    };
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

    fn decided(mode: Approval, tool: &str, input: serde_json::Value) -> &'static str {
        let input = Input {
            hook_event_name: "PreToolUse".into(),
            tool_name: tool.into(),
            tool_input: input,
            cwd: "/srv/app".into(),
            ..Input::default()
        };
        match decide(mode, &input, "/srv/app".into()) {
            Verdict::Allow => "allow",
            Verdict::Ask(_) => "ask",
            Verdict::Deny(_) => "deny",
        }
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
            (Guarded, ("Write", json!({"file_path": "/tmp/notes", "content": "x"})), "allow"),
            (Guarded, bash("cargo test > /tmp/log"), "allow"),
            (Guarded, bash("cargo test > /tmp/../etc/log"), "ask"),
            (Guarded, ("Write", json!({"file_path": "/home/me/a", "content": "x"})), "ask"),
            (ReadOnly, ("Write", json!({"file_path": "/tmp/notes", "content": "x"})), "deny"),
            (ReadOnly, bash("ls > /tmp/log"), "deny"),
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

    #[test]
    fn what_is_no_absolute_folder_is_no_place_for_temporary_files() {
        let set = |name: &str| match name {
            "TMPDIR" => Some("/srv/scratch".to_owned()),
            _ => Some("..".to_owned()),
        };
        assert_eq!(temporary(&set), ["/srv/scratch", "/tmp", "/private/tmp", "/var/tmp"]);
    }
}
