//! The built program against a relay: hooks as Claude Code runs them, with a process that stands
//! for Claude's.
#![cfg(target_os = "linux")]

mod gate;
mod mail;
mod presence;
mod shortcut;

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
        run(program, arguments, &self.home, &self.env, input)
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

fn run(
    program: &Path,
    arguments: &[&str],
    home: &Path,
    env: &[(&'static str, String)],
    input: &str,
) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who does not read its input has ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
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
    plain: Relay,
    tester: Relay,
    home: TempDir,
}

impl World {
    async fn new() -> Self {
        let relay = TestRelay::start().await;
        let plain = Relay::new(&relay.url(), None).unwrap();
        let registered = plain.register_agent(&RegisterAgent::new("tester".parse().unwrap())).await;
        let tester = plain.with_token(&registered.unwrap().token.unwrap()).unwrap();
        Self { relay, plain, tester, home: tempfile::tempdir().unwrap() }
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
