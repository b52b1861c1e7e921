//! The commands that Claude Code runs for tools, as the plugin has them, in a shell: when they start
//! the program, and what becomes of a call when it cannot judge. This process stands for Claude's.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use relay_client::core::agent::Status;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{World, until};

const SESSION: &str = "5e55-10";
const GATED: i32 = 2;

/// A user with the plugin.
struct User {
    home: TempDir,
    env: Vec<(&'static str, String)>,
}

impl User {
    fn new(relay: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let plugin = plugin().to_string_lossy().into_owned();
        let data = home.path().join("data").to_string_lossy().into_owned();
        let env = vec![
            ("AGENT_RELAY_URL", relay.to_owned()),
            ("AGENT_RELAY_CLAUDE_PATHS", "file".to_owned()),
            ("CLAUDE_PLUGIN_ROOT", plugin),
            ("CLAUDE_PLUGIN_DATA", data),
            ("CLAUDE_CODE_SESSION_ID", SESSION.to_owned()),
        ];
        Self { home, env }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    /// A profile in this user's file, and the setting that chooses it.
    fn with_profile(self, text: &str) -> Self {
        let folder = self.home.path().join(".config/agent-relay");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("profiles.json"), text).unwrap();
        self.with("AGENT_RELAY_PROFILE", "auditor")
    }

    /// Installs the program, or something else in its place.
    fn install(&self, script: &str) {
        let folder = self.home.path().join(".local/bin");
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("agent-relay-claude");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn install_ours(&self) {
        let (log, ours) = (self.log(), env!("CARGO_BIN_EXE_agent-relay-claude"));
        self.install(&format!("echo \"$*\" >>'{}'\nexec '{ours}' \"$@\"", log.display()));
    }

    fn uninstall(&self) {
        fs::remove_file(self.home.path().join(".local/bin/agent-relay-claude")).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// How often the program was started so far.
    fn starts(&self) -> usize {
        fs::read_to_string(self.log()).unwrap_or_default().lines().count()
    }

    /// Runs what the plugin has for an event; the exit code and what was printed.
    fn hook(&self, event: &str, more: &Value) -> (i32, String) {
        let mut input = json!({
            "hook_event_name": event, "session_id": SESSION, "cwd": "/srv/web-app",
            "source": "startup", "tool_name": "Bash", "tool_input": {"command": "rm -rf x"},
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let output = crate::run(
            Path::new("/bin/sh"),
            &["-c", &command(event)],
            self.home.path(),
            &self.env,
            &input.to_string(),
        );
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn start(&self) -> String {
        self.hook("SessionStart", &json!({})).1
    }

    fn tool(&self) -> (i32, String) {
        self.hook("PreToolUse", &json!({}))
    }

    fn after_tool(&self) -> (i32, String) {
        self.hook("PostToolUse", &json!({"tool_response": {"stdout": "x".repeat(300_000)}}))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.install_ours();
        self.hook("SessionEnd", &json!({"reason": "other"}));
    }
}

fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers/claude").canonicalize().unwrap()
}

/// The plugin's command for an event.
fn command(event: &str) -> String {
    let hooks = fs::read_to_string(plugin().join("hooks/hooks.json")).unwrap();
    let hooks: Value = serde_json::from_str(&hooks).unwrap();
    hooks["hooks"][event][0]["hooks"][0]["command"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_mode_no_program_is_started_for_a_tool_that_nothing_has_come_for() {
    let world = World::new().await;
    let user = User::new(&world.relay.url());
    user.install_ours();
    assert!(user.start().contains("You are agent"));
    let agent = world.be(1, Status::Idle).await.remove(0);
    user.hook("UserPromptSubmit", &json!({"prompt": "hello"}));
    let before = user.starts();
    for _ in 0..3 {
        assert_eq!(user.tool(), (0, String::new()));
        assert_eq!(user.after_tool(), (0, String::new()));
    }
    assert_eq!(user.starts(), before);
    world.send(&agent, "hurry").await;
    let given = until("the message", async || {
        Some(user.after_tool().1).filter(|answer| !answer.is_empty())
    })
    .await;
    assert!(given.contains("from tester: hurry"), "{given}");
    assert_eq!(user.starts(), before + 1);
    user.hook("PermissionRequest", &json!({}));
    world.be(1, Status::Waiting).await;
    assert_eq!(user.after_tool().0, 0);
    world.be(1, Status::Busy).await;
    assert_eq!(user.starts(), before + 3, "it has to be said that nobody is waited for any more");
}

#[test]
fn a_mode_that_gates_holds_where_the_program_is_missing_or_crashes() {
    let strict = r#"{"auditor": {"approval": "read-only"}}"#;
    let users: [fn(&str) -> User; 2] = [
        |url| User::new(url).with("AGENT_RELAY_APPROVAL", "guarded"),
        |url| User::new(url).with_profile(r#"{"auditor": {"approval": "read-only"}}"#),
    ];
    for user in users {
        for started in [true, false] {
            let user = user("http://127.0.0.1:9");
            if started {
                user.install_ours();
                assert!(user.start().contains("You are agent"));
                // Only the start of a session could read it.
                let _ = fs::write(user.home.path().join(".config/agent-relay/profiles.json"), "{}");
                user.uninstall();
            }
            assert_eq!(user.tool().0, GATED, "missing, started: {started}");
            for broken in ["exit 1", "kill -9 $$", "exit 127", "echo '{'; exit 101"] {
                user.install(broken);
                assert_eq!(user.tool().0, GATED, "{broken}, started: {started}");
            }
            for (event, code) in [("UserPromptSubmit", 1), ("PostToolUse", 1)] {
                user.install("exit 1");
                assert_eq!(user.hook(event, &json!({})).0, code, "{event} blocks nothing");
            }
            let _ = fs::write(user.home.path().join(".config/agent-relay/profiles.json"), strict);
            user.install_ours();
            let (code, answer) = user.tool();
            assert!(code == 0 && answer.contains("permissionDecision"), "{answer}");
        }
    }
}

#[test]
fn without_the_program_a_profile_that_cannot_be_read_gates_and_one_that_is_open_does_not() {
    for (profiles, code) in [
        (r#"{"auditor": {"approval": "open"}}"#, 0),
        (r#"{"auditor": {}}"#, 0),
        (r#"{"auditor": {"approval":"guarded"}}"#, GATED),
        ("{\n  \"auditor\": {\n    \"approval\": \"read-only\" } }", GATED),
    ] {
        let user = User::new("http://127.0.0.1:9").with_profile(profiles);
        assert_eq!(user.tool().0, code, "{profiles}");
    }
    let missing = User::new("http://127.0.0.1:9").with("AGENT_RELAY_PROFILE", "auditor");
    assert_eq!(missing.tool().0, GATED);
    let open = missing.with("AGENT_RELAY_APPROVAL", "open");
    assert_eq!(open.tool().0, 0, "what is set explicitly wins over a profile");
}

#[test]
fn a_profile_that_is_broken_lets_a_session_read_and_nothing_else() {
    let user = User::new("http://127.0.0.1:9").with_profile("{");
    user.install_ours();
    assert!(user.start().contains("Agent Relay is off in this session: AGENT_RELAY_PROFILE"));
    assert!(user.tool().1.contains("\"permissionDecision\":\"deny\""));
    let read = json!({"tool_name": "Read", "tool_input": {"file_path": "/srv/web-app/a"}});
    assert_eq!(user.hook("PreToolUse", &read), (0, String::new()));
}
