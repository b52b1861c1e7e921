//! The relay as a service of this user: what is written and run so that the system starts it, keeps
//! it running and keeps its log. A [`Plan`] says it first; the very same is carried out.

mod execute;
mod launchd;
pub mod notify;
mod systemd;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use self::execute::says;
pub(crate) use self::execute::show;
use crate::failure::Failure;

/// What keeps services running on this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// systemd, for this user.
    Systemd(systemd::Units),
    /// launchd, in this user's session.
    Launchd(launchd::Agents),
}

/// What the service is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The program, by its whole path.
    pub binary: PathBuf,
    /// The file with the managed settings.
    pub settings: PathBuf,
    /// Where a log goes that nobody else keeps.
    pub log: PathBuf,
    /// Starts it whenever the user's session begins.
    pub enable: bool,
    /// Starts it now.
    pub start: bool,
}

/// What is asked of a service that is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Start it now.
    Start,
    /// Stop it now.
    Stop,
    /// Stop it and start it.
    Restart,
    /// Start it whenever the session begins.
    Enable,
    /// Start it only when asked.
    Disable,
}

/// What will be changed, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(Vec<Step>);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes a file.
    Write {
        /// The file.
        path: PathBuf,
        /// What it says.
        text: String,
    },
    /// Removes a file.
    Remove {
        /// The file.
        path: PathBuf,
    },
    /// Runs a command.
    Run {
        /// The command.
        line: Vec<String>,
        /// Why its failing is no failure; none where it is one.
        unless: Option<&'static str>,
    },
}

impl Step {
    fn run(line: &[&str]) -> Self {
        Self::Run { line: line.iter().map(|word| (*word).to_owned()).collect(), unless: None }
    }

    fn try_run(line: &[&str], unless: &'static str) -> Self {
        match Self::run(line) {
            Self::Run { line, .. } => Self::Run { line, unless: Some(unless) },
            step => step,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&steps.join("\n"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, text } => {
                write!(f, "write   {}", path.display())?;
                text.lines().try_for_each(|line| write!(f, "\n        | {line}"))
            }
            Self::Remove { path } => write!(f, "remove  {}", path.display()),
            Self::Run { line, .. } => write!(f, "run     {}", line.join(" ")),
        }
    }
}

impl Manager {
    /// That of this system.
    pub fn here() -> Result<Self, Failure> {
        if cfg!(target_os = "linux") {
            return systemd::Units::of_user().map(Self::Systemd);
        }
        if cfg!(target_os = "macos") {
            return launchd::Agents::of_user().map(Self::Launchd);
        }
        Err(Failure::refused("services of this system are not managed by agent-relay")
            .hint("docs/deployment.md has a way that works: the Task Scheduler on Windows"))
    }

    /// The file that says what the service is.
    pub fn file(&self) -> PathBuf {
        match self {
            Self::Systemd(units) => units.file(),
            Self::Launchd(agents) => agents.file(),
        }
    }

    /// True where the service is installed.
    pub fn has_it(&self) -> bool {
        self.file().exists()
    }

    /// True when the installed service runs this program.
    pub fn runs(&self, program: &Path) -> bool {
        let text = fs::read_to_string(self.file()).unwrap_or_default();
        text.contains(&match self {
            Self::Systemd(_) => systemd::quoted(program),
            Self::Launchd(_) => launchd::xml(program),
        })
    }

    /// True when the service runs now.
    pub fn is_running(&self) -> bool {
        match self {
            Self::Systemd(_) => says(&systemd::is_running(), ""),
            Self::Launchd(agents) => says(&agents.status(), "state = running"),
        }
    }

    /// Lets the manager start again what has failed too often.
    pub fn forgive(&self) -> Plan {
        match self {
            Self::Systemd(_) => systemd::forgive(),
            Self::Launchd(_) => Plan::default(),
        }
    }

    /// Installs the service, or brings it up to date.
    pub fn install(&self, service: &Service) -> Plan {
        match self {
            Self::Systemd(units) => units.install(service),
            Self::Launchd(agents) => agents.install(service),
        }
    }

    /// Stops it and takes it away. Settings and database stay.
    pub fn uninstall(&self) -> Plan {
        match self {
            Self::Systemd(units) => units.uninstall(),
            Self::Launchd(agents) => agents.uninstall(),
        }
    }

    /// Does something with it.
    pub fn act(&self, verb: Verb) -> Plan {
        match self {
            Self::Systemd(_) => systemd::act(verb),
            Self::Launchd(agents) => agents.act(verb),
        }
    }

    /// The command that shows how it stands.
    pub fn status(&self) -> Vec<String> {
        match self {
            Self::Systemd(_) => systemd::status(),
            Self::Launchd(agents) => agents.status(),
        }
    }

    /// The command that ends well where it runs, and else prints one word.
    pub fn activity(&self) -> Vec<String> {
        match self {
            Self::Systemd(_) => systemd::activity(),
            Self::Launchd(agents) => agents.status(),
        }
    }

    /// The program that the service runs, where its file says so in a form that is known here.
    pub fn program(&self) -> Option<String> {
        match self {
            Self::Systemd(units) => units.program(),
            Self::Launchd(_) => None,
        }
    }

    /// The command that shows the last lines of its log, and with `follow` goes on.
    pub fn logs(&self, lines: u32, follow: bool, log: &Path) -> Vec<String> {
        match self {
            Self::Systemd(_) => systemd::logs(lines, follow),
            Self::Launchd(_) => launchd::logs(lines, follow, log),
        }
    }

    /// What a person should know after installing.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Systemd(_) => Some(
                "it runs while you are logged in; `loginctl enable-linger` keeps it running after",
            ),
            Self::Launchd(_) => None,
        }
    }
}
