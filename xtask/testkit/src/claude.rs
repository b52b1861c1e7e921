//! The real Claude Code, in a terminal of its own, with a home of its own, and a model server that
//! is ours. Whatever it wants to send elsewhere goes to a proxy that is not there.

mod model;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use relay_client::core::id::MessageId;
use serde_json::json;
use tempfile::TempDir;

pub use self::model::Model;
use crate::{program, terminal::Terminal, until};

/// How a session is started.
#[derive(Clone, Default)]
pub struct Setup {
    /// The program.
    pub claude: PathBuf,
    /// More of the environment.
    pub env: Vec<(&'static str, String)>,
    /// More arguments.
    pub arguments: Vec<String>,
}

/// A home and a project, in which sessions run one after another.
pub struct Claude {
    /// Its model server.
    pub model: Model,
    folder: TempDir,
    relay: String,
    terminal: Terminal,
}

impl Claude {
    /// A home for sessions at that relay.
    pub async fn new(relay: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("arc").tempdir().unwrap();
        let claude = Self {
            model: Model::start().await,
            folder,
            relay: relay.to_owned(),
            terminal: Terminal::new(),
        };
        for name in ["home/.claude", "project", "tmp"] {
            fs::create_dir_all(claude.path(name)).unwrap();
        }
        claude.answer_beforehand();
        claude
    }

    /// A file or folder below that of the session.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// What a person has clicked away before, and the flag that older versions' monitors need.
    fn answer_beforehand(&self) {
        let project = self.path("project").to_string_lossy().into_owned();
        let trusted = json!({
            "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true, "allowedTools": [],
        });
        let state = json!({
            "hasCompletedOnboarding": true, "lastOnboardingVersion": "99.0.0", "theme": "dark",
            "numStartups": 5, "hasSeenAutoDefaultNudge": true, "hasSeenAutoModeEntryWarning": true,
            "autoModeClassifierBillingNoticeAcknowledgedAt": 1_800_000_000_000_i64,
            "customApiKeyResponses": {"approved": ["fake"], "rejected": []},
            "cachedGrowthBookFeatures": {"tengu_amber_sentinel": true},
            "projects": {project: trusted},
        });
        let settings = json!({
            "permissions": {"defaultMode": "default"}, "skipDangerousModePermissionPrompt": true,
        });
        let folder = self.path("home/.claude");
        fs::write(folder.join(".claude.json"), state.to_string()).unwrap();
        fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    }

    fn environment(&self, setup: &Setup) -> Vec<(String, String)> {
        let text = |name: &str| self.path(name).to_string_lossy().into_owned();
        let programs = program::folder().to_string_lossy().into_owned();
        let mut env = vec![
            ("PATH", format!("{programs}:{}", program::search_path())),
            ("TERM", "xterm-256color".into()),
            ("LANG", "C.UTF-8".into()),
            ("SHELL", "/bin/bash".into()),
            ("HOME", text("home")),
            ("CLAUDE_CONFIG_DIR", text("home/.claude")),
            ("CLAUDE_CODE_TMPDIR", text("tmp")),
            ("ANTHROPIC_BASE_URL", self.model.url()),
            ("ANTHROPIC_API_KEY", "fake".into()),
            ("DISABLE_AUTOUPDATER", "1".into()),
            ("DISABLE_ERROR_REPORTING", "1".into()),
            ("IS_SANDBOX", "1".into()),
            ("HTTPS_PROXY", "http://127.0.0.1:9".into()),
            ("HTTP_PROXY", "http://127.0.0.1:9".into()),
            ("NO_PROXY", "127.0.0.1,localhost".into()),
            ("AGENT_RELAY_URL", self.relay.clone()),
        ];
        env.extend(setup.env.iter().cloned());
        env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Starts a session in the terminal, and waits until it can be typed into.
    pub async fn start(&self, setup: &Setup) {
        let plugin = program::root().join("providers/claude");
        let mut line = vec![setup.claude.to_string_lossy().into_owned(), "--plugin-dir".into()];
        line.push(plugin.to_string_lossy().into_owned());
        line.extend(setup.arguments.iter().cloned());
        self.terminal.run(&self.path("project"), &self.environment(setup), &line).await;
        until("a prompt", async || {
            let screen = self.screen();
            let ready =
                ["for shortcuts", "for agents", "auto-accept", "bypass permissions", "auto mode"];
            ready.iter().any(|sign| screen.contains(sign)).then_some(())
        })
        .await;
    }

    /// Runs a command of Claude Code to its end, and returns what it printed.
    pub fn run(&self, setup: &Setup, arguments: &[&str]) -> String {
        let mut command = Command::new(&setup.claude);
        command.args(arguments).args(&setup.arguments).current_dir(self.path("project"));
        command.env_clear().envs(self.environment(setup)).stdin(Stdio::null());
        let output = command.output().unwrap();
        let printed = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{arguments:?}: {printed}");
        printed
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.terminal.screen()
    }

    /// Types a line.
    pub async fn say(&self, text: &str) {
        self.terminal.say(text).await;
    }

    /// Presses a key, by tmux's name for it.
    pub fn key(&self, key: &str) {
        self.terminal.key(key);
    }

    /// How often a message of `tester` stands in the session's context.
    pub fn times(&self, id: MessageId) -> usize {
        self.model.context().matches(&format!("[msg:{id}] from tester: ")).count()
    }

    /// The process of the session that runs.
    pub fn pid(&self) -> u32 {
        let folder = self.path("home/.local/state/agent-relay/claude/process");
        let mut seats: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap()).collect();
        seats.sort_by_key(|seat| seat.metadata().unwrap().modified().unwrap());
        seats.last().unwrap().path().file_stem().unwrap().to_str().unwrap().parse().unwrap()
    }

    /// What the companion wrote, for a test that fails.
    pub fn log(&self) -> String {
        let agents = self.path("home/.local/state/agent-relay/claude/agent");
        let logs = fs::read_dir(agents).into_iter().flatten().flatten();
        logs.filter_map(|agent| fs::read_to_string(agent.path().join("companion.log")).ok())
            .collect()
    }

    /// Ends the terminal, for another session in this home.
    pub fn close(&self) {
        self.terminal.close();
    }
}

impl Drop for Claude {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- companion\n{}", self.log());
        }
    }
}
