//! The real Claude Code, in a terminal of its own, with a home of its own, and a model server that
//! is ours. Whatever it wants to send elsewhere goes to a proxy that is not there.

mod home;
pub mod measure;
mod model;
mod run;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use relay_client::core::id::MessageId;

use self::home::Home;
pub use self::{model::Model, run::Run};
use crate::{program, terminal::Terminal, until};

/// What stands on the screen when a session can be typed into.
const READY: [&str; 7] = [
    "for shortcuts",
    "for agents",
    "auto-accept",
    "bypass permissions",
    "auto mode",
    "plan mode",
    "don't ask",
];

/// Where a session's plugin is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plugin {
    /// This repository, named on the command line.
    #[default]
    Named,
    /// Wherever it was installed from, if it was.
    Installed,
}

/// How a session is started.
#[derive(Clone, Default)]
pub struct Setup {
    /// The program.
    pub claude: PathBuf,
    /// Where its plugin is from.
    pub plugin: Plugin,
    /// More of the environment.
    pub env: Vec<(&'static str, String)>,
    /// More arguments.
    pub arguments: Vec<String>,
}

impl Setup {
    /// With a variable.
    #[must_use]
    pub fn with_env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn with_arguments(mut self, words: &[&str]) -> Self {
        self.arguments.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// In the permission mode in which Claude Code asks nothing.
    #[must_use]
    pub fn bypassing(self) -> Self {
        self.with_arguments(&["--dangerously-skip-permissions"])
    }

    /// Where a path that works is not taken for dead on a busy machine.
    #[must_use]
    pub fn patient(self) -> Self {
        self.with_env("AGENT_RELAY_CLAUDE_PATIENCE_MS", "30000")
    }

    /// With the plugin that is installed, in place of this repository's.
    #[must_use]
    pub fn installed(self) -> Self {
        Self { plugin: Plugin::Installed, ..self }
    }

    fn line(&self) -> Vec<String> {
        let mut words = self.arguments.clone();
        if self.plugin == Plugin::Named {
            let plugin = program::root().join("providers/claude").to_string_lossy().into_owned();
            words.extend(["--plugin-dir".into(), plugin]);
        }
        words
    }
}

/// A home and a project, in which sessions run one after another.
pub struct Claude {
    /// Its model server.
    pub model: Model,
    // The home is dropped last: by then nothing may run in it.
    terminal: Terminal,
    project: PathBuf,
    home: Arc<Home>,
}

impl Claude {
    /// A home for sessions at that relay.
    pub async fn new(relay: &str) -> Self {
        let home = Arc::new(Home::new(relay));
        let project = home.path("project");
        Self { model: Model::start().await, home, project, terminal: Terminal::new() }
    }

    /// Another terminal in the same home, in a folder of that name.
    pub async fn beside(&self, project: &str) -> Self {
        let home = Arc::clone(&self.home);
        let project = home.path(project);
        Self { model: Model::start().await, home, project, terminal: Terminal::new() }
    }

    /// A file or folder below that of the session.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }

    /// The folder that it works in.
    pub fn project(&self) -> String {
        self.project.to_string_lossy().into_owned()
    }

    /// Starts a session in the terminal, and waits until it can be typed into.
    pub async fn start(&self, setup: &Setup) {
        let line = [vec![setup.claude.to_string_lossy().into_owned()], setup.line()].concat();
        let env = self.home.environment(&self.model, setup);
        self.terminal.run(&self.project, &env, &line).await;
        until("a prompt", async || {
            let screen = self.screen();
            READY.iter().any(|sign| screen.contains(sign)).then_some(())
        })
        .await;
    }

    /// Runs a command of Claude Code to its end, and returns what it printed.
    pub fn run(&self, setup: &Setup, arguments: &[&str]) -> String {
        let output = self.command(setup).args(arguments).stdin(Stdio::null()).output().unwrap();
        let printed = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{arguments:?}: {printed}");
        printed
    }

    /// Asks once, without a terminal, and returns what was answered.
    pub fn ask(&self, setup: &Setup, prompt: &str) -> String {
        let words = setup.line();
        let words: Vec<_> = words.iter().map(String::as_str).chain(["-p", prompt]).collect();
        self.run(setup, &words)
    }

    /// Starts a session without a terminal, with these arguments.
    pub fn spawn(&self, setup: &Setup, arguments: &[&str]) -> Run {
        let mut command = self.command(setup);
        command.args(setup.line()).args(arguments);
        Run::start(command, self.path("printed"))
    }

    fn command(&self, setup: &Setup) -> Command {
        let mut command = Command::new(&setup.claude);
        command.current_dir(&self.project).env_clear();
        command.envs(self.home.environment(&self.model, setup));
        command
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.terminal.screen()
    }

    /// Waits for words on the screen.
    pub async fn shows(&self, words: &str) {
        let what = format!("{words:?} on the screen");
        until(&what, async || self.screen().contains(words).then_some(())).await;
    }

    /// Types a line.
    pub async fn say(&self, text: &str) {
        self.terminal.say(text).await;
    }

    /// Presses a key, by tmux's name for it.
    pub fn key(&self, key: &str) {
        self.terminal.key(key);
    }

    /// Presses a key until words are gone from the screen: a dialog that has just opened takes none.
    pub async fn answer(&self, words: &str, key: &str) {
        let mut looks = 0;
        until(&format!("{words:?} is gone"), async || {
            let is_open = self.screen().contains(words);
            if is_open && looks % 20 == 0 {
                self.key(key);
            }
            looks += 1;
            (!is_open).then_some(())
        })
        .await;
    }

    /// How often a message of `tester` stands in the session's context with its text; a reminder
    /// of it has none.
    pub fn times(&self, id: MessageId) -> usize {
        let context = self.model.context();
        let header = format!("[msg:{id}] from tester");
        let has_text = |rest: &&str| {
            let marks = rest.strip_prefix(" (").and_then(|marks| marks.split_once(')'));
            marks.map_or(*rest, |(_, rest)| rest).starts_with(": ")
        };
        context.split(&header).skip(1).filter(has_text).count()
    }

    /// How much waits in the mailboxes of this home.
    pub fn queued(&self) -> usize {
        let queue = |agent: PathBuf| fs::read_dir(agent.join("queue")).into_iter().flatten();
        self.mailboxes().into_iter().flat_map(queue).flatten().count()
    }

    /// The process of the session that began last in this home.
    pub fn pid(&self) -> u32 {
        let folder = self.path("home/.local/state/agent-relay/claude/process");
        let mut seats: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap()).collect();
        seats.sort_by_key(|seat| seat.metadata().unwrap().modified().unwrap());
        seats.last().unwrap().path().file_stem().unwrap().to_str().unwrap().parse().unwrap()
    }

    /// Our processes in this home, by their command lines.
    pub fn processes(&self) -> Vec<(u32, String)> {
        self.home.processes()
    }

    /// What the companions wrote, for a test that fails.
    pub fn log(&self) -> String {
        let log = |agent: PathBuf| fs::read_to_string(agent.join("companion.log")).ok();
        self.mailboxes().into_iter().filter_map(log).collect()
    }

    fn mailboxes(&self) -> Vec<PathBuf> {
        let agents = fs::read_dir(self.path("home/.local/state/agent-relay/claude/agent"));
        agents.into_iter().flatten().flatten().map(|agent| agent.path()).collect()
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
            eprintln!("-- the model was asked\n{}", self.model.results());
        }
    }
}
