//! The built program against a relay: hooks as Claude Code runs them, with a process that stands
//! for Claude's.
#![cfg(target_os = "linux")]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use relay_client::{
    Relay,
    core::{
        agent::{Agent, Status},
        api::{
            query,
            request::{RegisterAgent, SendMessage},
        },
        message::Message,
    },
};
use relay_server::testing::TestRelay;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A process that stands for Claude's, and the home of its user.
struct Session {
    claude: Child,
    home: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Session {
    fn new(home: &Path, url: &str) -> Self {
        let claude = Command::new("sleep").arg("1000").spawn().unwrap();
        let env = vec![
            ("AGENT_RELAY_URL", url.to_owned()),
            ("CLAUDE_PID", claude.id().to_string()),
            ("AGENT_RELAY_CLAUDE_PATHS", "file".to_owned()),
        ];
        Self { claude, home: home.to_owned(), env }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    fn run(&self, program: &Path, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", &self.home).env("PATH", "/usr/bin:/bin");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who does not read its input has ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn hook(&self, event: &str, more: &Value) -> (i32, String, String) {
        let mut input = json!({
            "hook_event_name": event, "session_id": "s-1", "cwd": "/srv/web-app",
            "transcript_path": "", "permission_mode": "default",
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let program = Path::new(env!("CARGO_BIN_EXE_agent-relay-claude"));
        let output = self.run(program, &["hook"], &input.to_string());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// What a hook gives to the model.
    fn context(&self, event: &str, more: &Value) -> Option<String> {
        let (code, stdout, stderr) = self.hook(event, more);
        assert_eq!((code, stderr.as_str()), (0, ""), "{event}");
        let output: Value = serde_json::from_str(&stdout).ok()?;
        let output = &output["hookSpecificOutput"];
        assert_eq!(output["hookEventName"], event);
        output["additionalContext"].as_str().map(str::to_owned)
    }

    fn start(&self) -> String {
        self.context("SessionStart", &json!({"source": "startup"})).expect("a primer")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.claude.kill();
        let _ = self.claude.wait();
    }
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let Ok(found) = tokio::time::timeout(Duration::from_secs(30), asked).await else {
        panic!("never: {what}")
    };
    found
}

struct World {
    relay: TestRelay,
    tester: Relay,
    home: TempDir,
}

impl World {
    async fn new() -> Self {
        let relay = TestRelay::start().await;
        let plain = Relay::new(&relay.url(), None).unwrap();
        let registered = plain.register_agent(&RegisterAgent::new("tester".parse().unwrap())).await;
        let tester = plain.with_token(&registered.unwrap().token.unwrap()).unwrap();
        Self { relay, tester, home: tempfile::tempdir().unwrap() }
    }

    fn session(&self) -> Session {
        Session::new(self.home.path(), &self.relay.url())
    }

    async fn sessions(&self) -> Vec<Agent> {
        let agents = self.tester.agents(&query::Agents::default()).await.unwrap().items;
        agents.into_iter().filter(|agent| agent.provider.as_str() == "claude").collect()
    }

    async fn be(&self, count: usize, status: Status) -> Vec<Agent> {
        until(&format!("{count} are {status}"), async || {
            let mut agents = self.sessions().await;
            agents.retain(|agent| agent.status == status);
            (agents.len() == count).then_some(agents)
        })
        .await
    }

    async fn send(&self, to: &Agent, body: &str) -> Message {
        let to = to.id.as_str().parse().unwrap();
        let request = SendMessage::new("tester".parse().unwrap(), to, body.parse().unwrap());
        self.tester.send_message(request).await.unwrap().message
    }

    /// The line that is to wake the session.
    async fn nudge(&self, agent: &Agent) -> (String, PathBuf) {
        let folder = self.home.path().join(".local/state/agent-relay/claude/agent");
        let file = folder.join(agent.id.folded()).join("nudge");
        let line = until("a nudge", async || std::fs::read_to_string(&file).ok()).await;
        (line, file)
    }
}

fn companions(agent: &str) -> usize {
    let output = Command::new("ps").args(["-eo", "args"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).matches(&format!("companion {agent}")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_an_agent_from_its_start_to_its_end() {
    let world = World::new().await;
    let session = world.session();
    let primer = session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    assert!(primer.contains(agent.id.as_str()) && primer.contains(&world.relay.url()), "{primer}");
    assert!(agent.id.as_str().contains("web-app"), "{}", agent.id);
    assert_eq!(agent.project.as_deref(), Some("web-app"));
    session.context("UserPromptSubmit", &json!({"prompt": "hello"}));
    world.be(1, Status::Busy).await;
    session.hook("PermissionRequest", &json!({"tool_name": "Bash"}));
    world.be(1, Status::Waiting).await;
    session.hook("Stop", &json!({}));
    world.be(1, Status::Idle).await;
    session.hook("SessionEnd", &json!({"reason": "prompt_input_exit"}));
    world.be(1, Status::Offline).await;
    until("no companion", async || (companions(agent.id.as_str()) == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_read_when_a_hook_gave_it_and_handled_when_the_turn_ended() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    let sent = world.send(&agent, "tests pass").await;
    let (line, file) = world.nudge(&agent).await;
    let changed = json!({"file_path": file, "event": "change"});
    let (code, _, stderr) = session.hook("FileChanged", &changed);
    assert_eq!((code, stderr), (2, line.clone()));
    let other = json!({"file_path": "/srv/web-app/a.rs", "event": "change"});
    assert_eq!(session.hook("FileChanged", &other).0, 0, "somebody else's file");
    let receipts = world.tester.receipts(sent.id).await.unwrap();
    assert!(receipts.iter().all(|receipt| receipt.read_at.is_none()), "a nudge is no reading");
    let prompt = format!(
        "<task-notification>\n<summary>x</summary>\n</task-notification>\n<system-reminder>\n{line}\n</system-reminder>"
    );
    let context = session.context("UserPromptSubmit", &json!({"prompt": prompt})).unwrap();
    assert_eq!(context, format!("[msg:{}] from tester: tests pass", sent.id));
    assert_eq!(session.context("UserPromptSubmit", &json!({"prompt": prompt})), None, "once");
    let via = until("a receipt", async || {
        let receipts = world.tester.receipts(sent.id).await.unwrap();
        receipts.into_iter().find(|receipt| receipt.read_at.is_some())?.via
    })
    .await;
    assert_eq!(via.as_str(), "claude-file");
    session.hook("Stop", &json!({}));
    until("the end of the turn", async || {
        let receipts = world.tester.receipts(sent.id).await.unwrap();
        receipts.iter().any(|receipt| receipt.handled_at.is_some()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_comes_between_tools_and_never_to_a_subagent() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    world.be(1, Status::Idle).await;
    session.context("UserPromptSubmit", &json!({"prompt": "work"}));
    let agent = world.be(1, Status::Busy).await.remove(0);
    world.send(&agent, "hurry").await;
    let tool = json!({"tool_name": "Bash", "tool_input": {}});
    let inside = json!({"tool_name": "Bash", "tool_input": {}, "agent_id": "sub"});
    let context = until("the message", async || {
        assert_eq!(session.context("PostToolUse", &inside), None);
        session.context("PostToolUse", &tool)
    })
    .await;
    assert!(context.ends_with("from tester: hurry"), "{context}");
    assert_eq!(session.context("PostToolUse", &tool), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_session_is_offline_and_its_companion_gone() {
    let world = World::new().await;
    let mut session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    session.claude.kill().unwrap();
    session.claude.wait().unwrap();
    world.be(1, Status::Offline).await;
    until("no companion", async || (companions(agent.id.as_str()) == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_live_claimant_gets_a_number_and_a_warning() {
    let world = World::new().await;
    let first = world.session().with("AGENT_RELAY_ID", "builder");
    let second = world.session().with("AGENT_RELAY_ID", "builder");
    assert!(first.start().contains("`builder`"));
    world.be(1, Status::Idle).await;
    let primer = second.start();
    assert!(primer.contains("agent `builder-2`") && primer.contains("Warning:"), "{primer}");
    world.be(2, Status::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_and_resuming_keep_the_agent() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    session.hook("SessionEnd", &json!({"reason": "clear"}));
    let start = json!({"source": "clear", "session_id": "s-2"});
    let primer = session.context("SessionStart", &start).unwrap();
    assert!(primer.contains(agent.id.as_str()), "{primer}");
    drop(session);
    world.be(1, Status::Offline).await;
    let resumed = world.session();
    let start = json!({"source": "resume", "session_id": "s-2"});
    let primer = resumed.context("SessionStart", &start).unwrap();
    assert!(primer.contains(agent.id.as_str()), "{primer}");
    assert_eq!(world.be(1, Status::Idle).await[0].id, agent.id);
}

#[test]
fn a_relay_that_is_away_and_settings_that_are_wrong_break_no_session() {
    let home = tempfile::tempdir().unwrap();
    let away = Session::new(home.path(), "http://127.0.0.1:9");
    assert!(away.start().contains("not reachable"));
    assert_eq!(away.context("UserPromptSubmit", &json!({"prompt": "hello"})), None);
    assert_eq!(away.hook("Stop", &json!({})), (0, String::new(), String::new()));
    let wrong = Session::new(home.path(), "nonsense");
    assert!(wrong.start().contains("Agent Relay is off in this session: AGENT_RELAY_URL"));
    assert_eq!(wrong.hook("NewEvent", &json!({"more": [1]})).0, 0);
}

#[test]
fn the_gate_holds_with_and_without_a_session() {
    let home = tempfile::tempdir().unwrap();
    let write = json!({"tool_name": "Bash", "tool_input": {"command": "rm -rf x"}});
    let open = Session::new(home.path(), "http://127.0.0.1:9");
    assert_eq!(open.hook("PreToolUse", &write), (0, String::new(), String::new()));
    for started in [false, true] {
        let strict = Session::new(home.path(), "http://127.0.0.1:9");
        let strict = strict.with("AGENT_RELAY_APPROVAL", "read-only");
        if started {
            assert!(strict.start().contains("read-only"));
        }
        let (code, stdout, _) = strict.hook("PreToolUse", &write);
        assert!(code == 0 && stdout.contains("\"permissionDecision\":\"deny\""), "{stdout}");
        let program = Path::new(env!("CARGO_BIN_EXE_agent-relay-claude"));
        let broken = strict.run(program, &["hook", "pre-tool-use"], "{");
        assert_eq!(broken.status.code(), Some(2));
    }
}

#[test]
fn without_the_program_a_session_is_told_how_to_install_it_and_a_gate_stays_shut() {
    let home = tempfile::tempdir().unwrap();
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers/claude/bin/run");
    let session = Session::new(home.path(), "http://127.0.0.1:9");
    let start = session.run(&run, &["hook", "session-start"], "{}");
    assert!(start.status.success());
    assert!(String::from_utf8_lossy(&start.stdout).contains("cargo install"));
    for arguments in [&["hook", "stop"][..], &["monitor"], &["hook", "pre-tool-use"]] {
        let output = session.run(&run, arguments, "{}");
        assert!(output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    }
    let strict = session.with("AGENT_RELAY_APPROVAL", "read-only");
    assert_eq!(strict.run(&run, &["hook", "pre-tool-use"], "{}").status.code(), Some(2));
}
