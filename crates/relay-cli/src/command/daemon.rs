//! `agent-relay daemon`: the relay as a service of this user.

use std::path::{Path, PathBuf};

use relay_client::{managed, place::state_dir};
use serde_json::json;

use crate::{
    args::Common,
    daemon::{Manager, Plan, Service, Verb, show},
    failure::Failure,
    input::agree,
    output::Output,
};

/// Run the relay as a service: a systemd unit or a LaunchAgent of this user
#[derive(Debug, clap::Subcommand)]
pub enum Daemon {
    /// Install the service, or bring it up to date
    Install(Install),
    /// Stop the service and take it away; settings and database stay
    Uninstall {
        /// Do it without asking
        #[arg(long, short)]
        yes: bool,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Start it now
    Start,
    /// Stop it now
    Stop,
    /// Stop it and start it
    Restart,
    /// Start it whenever the session begins
    Enable,
    /// Start it only when asked
    Disable,
    /// Show how it stands
    Status,
    /// Show the end of its log
    Logs {
        /// How many lines
        #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
        lines: u32,
        /// Go on with what is new
        #[arg(long, short)]
        follow: bool,
    },
}

/// What `daemon install` takes.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, clap::Args)]
pub struct Install {
    /// The program to run [default: this one]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Start it whenever the session begins
    #[arg(long)]
    enable: bool,
    /// Start it now
    #[arg(long)]
    start: bool,
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Daemon {
    /// Plans, asks, and does it; or hands over to the system's own command.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let output = Output::new(common.json);
        let manager = Manager::here()?;
        match self {
            Self::Install(install) => install.run(&manager, output),
            Self::Uninstall { yes, dry_run } => {
                if !manager.has_it() {
                    output.note("the service is not installed; nothing is changed");
                    return Ok(());
                }
                carry_out(&manager.uninstall(), Consent { yes, dry_run }, output)
            }
            Self::Status => show(&installed(&manager)?.status()),
            Self::Logs { lines, follow } => {
                show(&installed(&manager)?.logs(lines, follow, &log()?))
            }
            Self::Start => act(&manager, Verb::Start),
            Self::Stop => act(&manager, Verb::Stop),
            Self::Restart => act(&manager, Verb::Restart),
            Self::Enable => act(&manager, Verb::Enable),
            Self::Disable => act(&manager, Verb::Disable),
        }
    }
}

impl Install {
    fn run(&self, manager: &Manager, output: Output) -> Result<(), Failure> {
        let service = Service {
            binary: self.binary()?,
            settings: managed::file().map_err(Failure::usage)?,
            log: log()?,
            enable: self.enable,
            start: self.start,
        };
        let consent = Consent { yes: self.yes, dry_run: self.dry_run };
        carry_out(&manager.install(&service), consent, output)?;
        if self.dry_run {
            return Ok(());
        }
        if !service.settings.exists() {
            output.note("no token is set; `agent-relay setup` makes one");
        }
        if let Some(advice) = manager.advice() {
            output.note(advice);
        }
        if !self.start {
            output.note("next: agent-relay daemon start");
        }
        Ok(())
    }

    /// The program by its whole path, which must still be there after the next build.
    fn binary(&self) -> Result<PathBuf, Failure> {
        let given = self.binary.clone().map_or_else(std::env::current_exe, Ok);
        let found = given.and_then(|path| path.canonicalize()).map_err(|why| {
            let named = self.binary.as_deref().unwrap_or(Path::new("this program"));
            Failure::usage(format_args!("{}: {why}", named.display()))
        })?;
        if !found.is_file() {
            return Err(Failure::usage(format_args!("{} is no program", found.display())));
        }
        if found.to_string_lossy().contains(['\n', '\r']) {
            return Err(Failure::usage("no service can be told of a path with a line end"));
        }
        if found.components().any(|part| part.as_os_str() == "target") {
            Output::new(false).warn(&format!(
                "{} is in a build folder: the next build replaces it, and a clean-up removes it",
                found.display()
            ));
        }
        Ok(found)
    }
}

#[derive(Clone, Copy)]
struct Consent {
    yes: bool,
    dry_run: bool,
}

fn carry_out(plan: &Plan, consent: Consent, output: Output) -> Result<(), Failure> {
    if consent.dry_run || !consent.yes {
        let steps = json!({ "plan": plan.to_string().lines().collect::<Vec<_>>() });
        output.show(&steps, || plan.to_string())?;
    }
    if consent.dry_run {
        return Ok(());
    }
    if !consent.yes {
        agree("do it?")?;
    }
    plan.carry_out()
}

fn act(manager: &Manager, verb: Verb) -> Result<(), Failure> {
    installed(manager)?.act(verb).carry_out()
}

fn installed(manager: &Manager) -> Result<&Manager, Failure> {
    if manager.has_it() {
        return Ok(manager);
    }
    Err(Failure::refused("the service is not installed").hint("agent-relay daemon install"))
}

fn log() -> Result<PathBuf, Failure> {
    Ok(state_dir().map_err(Failure::usage)?.join("daemon.log"))
}
