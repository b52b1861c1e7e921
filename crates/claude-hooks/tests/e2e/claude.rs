//! The real Claude Code, in a terminal of its own, with a home of its own, and a model server that
//! is ours. Whatever it wants to send elsewhere goes to a proxy that is not there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{model::Model, program};

/// Whatever takes longer than this has hung.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Waits for a condition, but not for ever; `what` is said when it does not come.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let Ok(found) = tokio::time::timeout(PATIENCE, asked).await else { panic!("never: {what}") };
    found
}

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
    pub model: Model,
    folder: TempDir,
    relay: String,
    tmux: String,
}

impl Claude {
    /// A home for sessions at that relay.
    pub async fn new(relay: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("arc").tempdir().unwrap();
        let claude = Self {
            model: Model::start().await,
            folder,
            relay: relay.to_owned(),
            tmux: format!("agent-relay-{}-{number}", std::process::id()),
        };
        for name in ["home/.claude", "project", "tmp"] {
            fs::create_dir_all(claude.path(name)).unwrap();
        }
        claude.answer_beforehand();
        claude
    }

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
        let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers/claude");
        let mut line = vec!["env".to_owned(), "-i".into()];
        line.extend(self.environment(setup).iter().map(|(name, value)| format!("{name}={value}")));
        line.push(setup.claude.to_string_lossy().into_owned());
        line.push("--plugin-dir".into());
        line.push(plugin.canonicalize().unwrap().to_string_lossy().into_owned());
        line.extend(setup.arguments.iter().cloned());
        let quoted: Vec<_> =
            line.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
        let project = self.path("project").to_string_lossy().into_owned();
        let command = format!("{}; echo EXITED; exec sleep 1000", quoted.join(" "));
        let shown = "new-session -d -s c -x 160 -y 50 -c";
        let mut arguments: Vec<&str> = shown.split(' ').collect();
        arguments.extend([project.as_str(), &command]);
        until("a terminal", async || self.tmux(&arguments).status.success().then_some(())).await;
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
        command.env_clear().envs(self.environment(setup)).stdin(std::process::Stdio::null());
        let output = command.output().unwrap();
        let printed = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{arguments:?}: {printed}");
        printed
    }

    fn tmux(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.tmux, "-f", "/dev/null"]).args(arguments);
        command.output().expect("tmux runs")
    }

    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-t", "c"]).stdout).into_owned()
    }

    /// Types a line.
    pub async fn say(&self, text: &str) {
        self.tmux(&["send-keys", "-t", "c", "-l", "--", text]);
        // Keys that come in one piece are taken for something pasted.
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.key("Enter");
    }

    pub fn key(&self, key: &str) {
        self.tmux(&["send-keys", "-t", "c", key]);
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
        self.tmux(&["kill-server"]);
    }
}

impl Drop for Claude {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- screen\n{}\n-- companion\n{}", self.screen(), self.log());
        }
        self.close();
    }
}
