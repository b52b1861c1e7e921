//! The commands that start no session: they put the plugin into Codex, look after it, and take it
//! out again.

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use crate::{
    doctor::Doctor, failure::Failure, install::Install, uninstall::Uninstall, upgrade::Upgrade,
};

/// Their names. Codex has some of the same; `codex-relay -- doctor` is Codex's.
pub const NAMES: [&str; 4] = ["install", "doctor", "upgrade", "uninstall"];

/// Agent Relay for Codex
#[derive(Debug, clap::Parser)]
#[command(name = "codex-relay", bin_name = "codex-relay", disable_help_subcommand = true)]
#[command(max_term_width = 100)]
enum Command {
    Install(Install),
    Doctor(Doctor),
    Upgrade(Upgrade),
    Uninstall(Uninstall),
}

/// Runs one; the first argument is its name.
pub fn run(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    let program = OsString::from("codex-relay");
    let command = match Command::try_parse_from([vec![program], arguments].concat()) {
        Ok(command) => command,
        Err(said) => {
            // Help is data; what is wrong is said where nobody takes it for data.
            let _ = said.print();
            return Ok(ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(2)));
        }
    };
    match command {
        Command::Install(install) => install.run(),
        Command::Doctor(doctor) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::refused(format_args!("cannot begin: {error}")))?
            .block_on(doctor.run()),
        Command::Upgrade(upgrade) => upgrade.run(),
        Command::Uninstall(uninstall) => uninstall.run(),
    }
    .map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_those_that_are_named() {
        let command = Command::command();
        command.clone().debug_assert();
        let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, NAMES);
    }
}
