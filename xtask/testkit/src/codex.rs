//! The real Codex, started by `codex-relay` in a terminal of its own, with a home of its own, and a
//! model server that is ours. Whatever it wants to send elsewhere goes to a proxy that is not there.

mod app_server;
pub mod measure;
mod model;
mod script;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use relay_client::core::id::MessageId;
use tempfile::TempDir;

pub use self::{app_server::AppServer, model::Model};
use crate::{program, terminal::Terminal, until};

/// How a session is started.
#[derive(Clone, Default)]
pub struct Setup {
    /// The program of Codex.
    pub codex: PathBuf,
    /// More of the environment.
    pub env: Vec<(&'static str, String)>,
    /// More arguments of `codex-relay`.
    pub arguments: Vec<String>,
}

impl Setup {
    /// With the program of Codex as it is here; `None` skips the test aloud.
    pub fn find() -> Option<Self> {
        Some(Self { codex: program::codex()?, ..Self::default() })
    }

    /// With these arguments.
    #[must_use]
    pub fn with(&self, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { arguments, ..self.clone() }
    }
}

/// A home and a project, in which sessions run one after another, or at once.
pub struct Codex {
    /// Its model server.
    pub model: Model,
    folder: TempDir,
    relay: String,
    terminal: Terminal,
}

impl Codex {
    /// A home for sessions at that relay.
    pub async fn new(relay: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("arx").tempdir().unwrap();
        let codex = Self {
            model: Model::start().await,
            folder,
            relay: relay.to_owned(),
            terminal: Terminal::new(),
        };
        for name in ["home/.codex", "project", "tmp"] {
            fs::create_dir_all(codex.path(name)).unwrap();
        }
        codex.configure();
        codex
    }

    /// A file or folder below that of the session.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// A provider that is ours, and what a person has clicked away before.
    fn configure(&self) {
        let text = format!(
            "model = \"gpt-5.1-codex\"\n\
             model_provider = \"scripted\"\n\
             check_for_update_on_startup = false\n\
             [model_providers.scripted]\n\
             name = \"scripted\"\n\
             base_url = \"{}\"\n\
             wire_api = \"responses\"\n\
             requires_openai_auth = false\n\
             supports_websockets = false\n\
             [projects.\"{}\"]\n\
             trust_level = \"trusted\"\n",
            self.model.url(),
            self.path("project").display(),
        );
        fs::write(self.path("home/.codex/config.toml"), text).unwrap();
    }

    /// The whole environment of what runs in this home.
    pub fn environment(&self, setup: &Setup) -> Vec<(String, String)> {
        let text = |name: &str| self.path(name).to_string_lossy().into_owned();
        let programs = program::folder().to_string_lossy().into_owned();
        let mut env = vec![
            ("PATH", format!("{programs}:{}", program::search_path())),
            ("TERM", "xterm-256color".into()),
            ("LANG", "C.UTF-8".into()),
            ("SHELL", "/bin/bash".into()),
            ("HOME", text("home")),
            ("CODEX_HOME", text("home/.codex")),
            ("TMPDIR", text("tmp")),
            ("HTTPS_PROXY", "http://127.0.0.1:9".into()),
            ("HTTP_PROXY", "http://127.0.0.1:9".into()),
            ("NO_PROXY", "127.0.0.1,localhost".into()),
            ("AGENT_RELAY_URL", self.relay.clone()),
            ("AGENT_RELAY_CODEX_BIN", setup.codex.to_string_lossy().into_owned()),
        ];
        env.extend(setup.env.iter().cloned());
        env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The program `codex-relay`.
    pub fn launcher(&self) -> String {
        program::folder().join("codex-relay").to_string_lossy().into_owned()
    }

    /// Starts a session in the terminal, and waits until it can be typed into.
    pub async fn start(&self, setup: &Setup) {
        self.begin(setup).await;
        until("a prompt", async || self.screen().contains("Ask Codex").then_some(())).await;
    }

    /// Starts a session in the terminal.
    pub async fn begin(&self, setup: &Setup) {
        let mut line = vec![self.launcher()];
        line.extend(setup.arguments.iter().cloned());
        self.run_in(&self.terminal, setup, &line).await;
    }

    /// Runs a command in a terminal, as a session would be.
    pub async fn run_in(&self, terminal: &Terminal, setup: &Setup, line: &[String]) {
        let script = "\"$0\" \"$@\"; echo \"CODE=$? \"";
        let shell = ["sh", "-c", script].map(str::to_owned);
        let line = [&shell, line].concat();
        terminal.run(&self.path("project"), &self.environment(setup), &line).await;
    }

    /// Waits until the session in the terminal has ended, and says with which exit code.
    pub async fn exit_code(&self) -> u8 {
        until("the session's end", async || {
            let screen = self.screen();
            let (_, code) = screen.rsplit_once("CODE=")?;
            code.split_whitespace().next()?.parse().ok()
        })
        .await
    }

    /// A command in the project, with the environment of a session and no input.
    pub fn command(&self, setup: &Setup, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path("project")).env_clear().envs(self.environment(setup));
        command.stdin(Stdio::null());
        command
    }

    /// An app-server alone, without the launcher.
    pub async fn app_server(&self, setup: &Setup) -> AppServer {
        let command = self.command(setup, &setup.codex.to_string_lossy());
        AppServer::start(command, &self.path("tmp")).await
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.terminal.screen()
    }

    /// Types a line.
    pub async fn say(&self, text: &str) {
        say(&self.terminal, text).await;
    }

    /// Presses a key, by tmux's name for it.
    pub fn key(&self, key: &str) {
        self.terminal.key(key);
    }

    /// Waits until a text is on the screen.
    pub async fn shows(&self, text: &str) {
        let what = format!("the screen shows {text}");
        until(&what, async || self.screen().contains(text).then_some(())).await;
    }

    /// How often a message of `tester` stands in the session's context.
    pub fn times(&self, id: MessageId) -> usize {
        self.model.context().matches(&format!("[msg:{id}] from tester: ")).count()
    }

    /// The command lines of all processes that were started in this home, by their numbers.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let home = format!("HOME={}\0", self.path("home").display());
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let of_home = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&home)
        };
        let line = |pid: u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            (pid, String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned())
        };
        // What has ended and is not yet collected has no line.
        pids.filter(of_home).map(line).filter(|(_, line)| !line.is_empty()).collect()
    }

    /// The launcher of the newest session in this home.
    pub fn launcher_pid(&self) -> u32 {
        let is_it = |line: &str| {
            line.strip_prefix(&self.launcher()).is_some_and(|rest| !rest.starts_with(" guardian"))
        };
        let found = self.processes().into_iter().filter(|(_, line)| is_it(line));
        found.map(|(pid, _)| pid).max().expect("a session runs")
    }

    /// Waits for a process of this home whose command line has these words.
    pub async fn process(&self, words: &str) -> u32 {
        until(&format!("a process `{words}`"), async || {
            self.processes().into_iter().find(|(_, line)| line.contains(words)).map(|(pid, _)| pid)
        })
        .await
    }

    /// Waits until nothing runs that was started in this home.
    pub async fn nothing_is_left(&self) {
        let left = tokio::time::timeout(crate::PATIENCE / 2, async {
            while !self.processes().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(left.await.is_ok(), "still there: {:#?}", self.processes());
    }

    /// What the launcher and the bridge wrote, for a test that fails.
    pub fn log(&self) -> String {
        let folder = self.path("home/.local/state/agent-relay/codex/launch");
        let seats = fs::read_dir(folder).into_iter().flatten().flatten();
        seats.filter_map(|seat| fs::read_to_string(seat.path().join("log")).ok()).collect()
    }

    /// Ends the terminal, for another session in this home.
    pub fn close(&self) {
        self.terminal.close();
    }
}

impl Drop for Codex {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- log of codex-relay\n{}", self.log());
        }
    }
}

/// Types a line into a session in a terminal, and sees to it that it is taken: an Enter right behind
/// many keys passes for a part of something pasted, and one while the session connects is lost.
pub async fn say(terminal: &Terminal, text: &str) {
    let begin: String = text.chars().take(40).collect();
    // `None` while the screen is drawn anew.
    let stands = || {
        let screen = terminal.screen();
        let prompt = screen.rsplit_once('›').map(|(_, prompt)| prompt.trim_start().to_owned());
        let ended = screen.contains("CODE=").then_some(false);
        ended.or(prompt.map(|prompt| prompt.starts_with(&begin)))
    };
    terminal.write(text);
    until("what is typed is in the prompt", async || stands()?.then_some(())).await;
    until("what is typed is taken", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        terminal.key("Enter");
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if stands() == Some(false) {
                return Some(());
            }
        }
        None
    })
    .await;
}

/// Sends a signal to a process, or with a `-` before its number to a process group.
pub fn kill(signal: &str, pid: &str) {
    let mut command = Command::new("kill");
    let _ = command.args(["-s", signal, "--", pid]).stderr(Stdio::null()).status();
}
