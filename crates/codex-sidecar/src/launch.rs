//! The launcher: from a command line to a session whose threads are agents, and back to the exit
//! code.
//!
//! The app-server runs under a [`crate::guardian`] and is kept alive by `server`; the bridge
//! follows its address; the terminal, or [`crate::headless`], sits before it. Whichever of them ends
//! first, the others are ended, in this order: the terminal, turns that still run, the bridge (its
//! agents are offline then), the app-server.

mod configuration;
mod interrupt;
mod log;
mod seat;
mod server;
mod signal;
mod terminal;
mod token;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use relay_client::{Config, config::environment, core::version::VERSION};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

pub use self::{
    seat::{Seat, remove},
    server::Server,
    signal::Signals,
    terminal::TOKEN_VARIABLE,
    token::Token,
};
use crate::{
    app_server::{self, process::StartError},
    args::{self, Role, Session},
    bridge::{self, Mode},
    command,
    failure::{Failure, data},
    find, headless,
    settings::Settings,
};

const HELP: &str = "\
Codex, as an agent on Agent Relay: other agents and people can write to the session.

codex-relay [CODEX'S OPTIONS] [PROMPT]     starts a session in this terminal
codex-relay resume|fork|agents […]         as Codex's own, with the session as an agent
codex-relay --headless [--json] [PROMPT]   starts a session without a terminal, and prints the
                                           command that attaches one; `resume ID` continues one
codex-relay install|uninstall              puts the plugin into Codex, and takes it out again
codex-relay doctor|upgrade                 finds what is in the way; renews what is installed
codex-relay --version

Codex's other commands go to Codex as they are. What stands behind a leading `--` is Codex's own:
codex-relay -- --help. Settings: AGENT_RELAY_URL, AGENT_RELAY_CODEX_BIN and the others of
docs/configuration.md; docs/providers.md says how it works.";

/// The oldest Codex that was seen to work.
const OLDEST: [u32; 3] = [0, 169, 0];
/// How long the bridge may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// Runs the program with its command line, the program's name left out.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let role = match args::parse(arguments.into_iter().collect()) {
        Ok(role) => role,
        Err(wrong) => return Failure::usage(wrong).hint("codex-relay --help").report(),
    };
    let done = match role {
        Role::Help => say(HELP),
        Role::Version => say(&format!("codex-relay {VERSION}")),
        Role::Codex(line) => hand_over(&line),
        Role::Command(line) => command::run(line),
        #[cfg(unix)]
        Role::Guardian(line) => Ok(crate::guardian::main(&line)),
        #[cfg(not(unix))]
        Role::Guardian(_) => Err(Failure::usage("there is no guardian on this system")),
        Role::Terminal(session) => run(terminal::run(session)),
        Role::Headless { session, json } => run(headless::run(session, json)),
    };
    done.unwrap_or_else(|failure| failure.report())
}

fn say(text: &str) -> Result<ExitCode, Failure> {
    data(&format!("{text}\n")).map(|()| ExitCode::SUCCESS)
}

/// Becomes Codex.
fn hand_over(line: &[OsString]) -> Result<ExitCode, Failure> {
    let program = find::codex()?.program;
    let mut command = Command::new(&program);
    command.args(line);
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => return Ok(code(status)),
        Err(error) => error,
    };
    Err(Failure::refused(format_args!("{} cannot be started: {error}", program.display())))
}

fn run(session: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::refused(format_args!("cannot begin: {error}")))?;
    let ended = runtime.block_on(session);
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

/// A launch: an app-server with a bridge before it.
pub struct Launch {
    /// The program of Codex.
    pub program: PathBuf,
    /// The project.
    pub folder: PathBuf,
    /// Where its files lie.
    pub seat: Seat,
    /// What opens the app-server.
    pub token: Token,
    /// The app-server.
    pub server: Server,
    bridge: JoinHandle<()>,
    stop_bridge: oneshot::Sender<()>,
}

impl Launch {
    /// Starts the app-server and the bridge; `also` is configuration for the app-server alone.
    pub async fn start(session: &Session, also: &[OsString], mode: Mode) -> Result<Self, Failure> {
        let config = Config::from_env().map_err(Failure::usage)?;
        let settings = Settings::read(&environment).map_err(Failure::usage)?;
        configuration::refuse_looser(&config, session)?;
        let program = find::codex()?.program;
        let folder = folder(session.folder.as_deref().unwrap_or(Path::new(".")))?;
        let seat = Seat::take()?;
        log::init(&seat.file("log"))?;
        crate::process::adopt_orphans();
        let token = Token::random();
        let mut arguments = configuration::ours();
        arguments.extend(session.configuration.iter().chain(also).cloned());
        arguments.extend(configuration::roots(&session.roots)?);
        arguments.extend(configuration::imposed(&config));
        let plan = app_server::process::Plan {
            program: program.clone(),
            folder: folder.clone(),
            arguments,
            digest: token.digest(),
        };
        let started = Server::start(plan, token.text()).await;
        let server = started.map_err(|error| why_not(&error, &program))?;
        let (stop_bridge, stopped) = oneshot::channel();
        let options = bridge::Options {
            address: server.address(),
            config,
            settings,
            cwd: folder.clone(),
            mode,
        };
        let bridge = tokio::spawn(bridge::run(options, async move {
            let _ = stopped.await;
        }));
        Ok(Self { program, folder, seat, token, server, bridge, stop_bridge })
    }

    /// Ends what was started.
    pub async fn end(self) {
        let address = self.server.address().borrow().clone();
        if let Some(address) = address {
            interrupt::running_turns(&address).await;
        }
        drop(self.stop_bridge);
        if timeout(FAREWELL, self.bridge).await.is_err() {
            tracing::warn!("the bridge does not end");
        }
        self.server.end().await;
    }
}

/// A folder that was named, in full.
fn folder(folder: &Path) -> Result<PathBuf, Failure> {
    match folder.canonicalize() {
        Ok(folder) if folder.is_dir() => Ok(folder),
        Ok(_) => Err(Failure::usage(format_args!("{} is no folder", folder.display()))),
        Err(error) => Err(Failure::file("work in", folder, &error)),
    }
}

/// Why an app-server does not start: most often, because Codex is too old to have one like it.
fn why_not(error: &StartError, program: &Path) -> Failure {
    let name = program.display();
    if let StartError::Spawn(error) = error {
        return Failure::refused(format_args!("{name} cannot be started: {error}"));
    }
    let refused = Failure::refused(format_args!("codex app-server does not start: {error}"));
    let said = Command::new(program).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    match version(&said) {
        Some(found) if found < OLDEST => {
            let oldest = OLDEST.map(|number| number.to_string()).join(".");
            Failure::refused(format_args!("{name} is {}, which is too old", said.trim()))
                .hint(format_args!("update it to {oldest} or newer: npm install -g @openai/codex"))
        }
        Some(_) => refused.hint(format_args!("`{name} app-server` says more")),
        None => {
            refused.hint(format_args!("{name} seems to be no Codex; set AGENT_RELAY_CODEX_BIN"))
        }
    }
}

/// Reads `codex-cli 0.169.0`.
fn version(said: &str) -> Option<[u32; 3]> {
    let numbers = said.split_whitespace().last()?.split(['.', '-', '+']);
    let numbers: Vec<u32> = numbers.map_while(|number| number.parse().ok()).take(3).collect();
    numbers.try_into().ok()
}

/// The exit code of a program, as shells count it.
fn code(status: std::process::ExitStatus) -> ExitCode {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(1));
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_codex_says_them() {
        assert_eq!(version("codex-cli 0.169.0\n"), Some([0, 169, 0]));
        assert!(version("codex-cli 0.99.1-alpha.2").unwrap() < OLDEST);
        assert!(version("codex-cli 1.0.0").unwrap() > OLDEST);
        assert_eq!(version("GNU bash, version five"), None);
    }
}
