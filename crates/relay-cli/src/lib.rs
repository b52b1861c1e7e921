//! `agent-relay`: the relay itself (`serve`), and every command with which people and agents use it.
//!
//! A command line becomes a [`args::Cli`], slash forms included; its command runs against a
//! [`context::Context`], which knows the relay and who we are; what it found goes through
//! [`output`], why it did not work is a [`failure::Failure`], which knows the exit code.
//!
//! No rule lives here: what may happen is decided by the relay, or by the functions of `relay_core`
//! that the relay itself uses.
//!
//! To add a noun: a file of its name in `command/`, its line in [`args::Command`] and in
//! [`command::run`], and a test that runs the real program in `tests/`.

pub mod args;
pub mod command;
pub mod context;
mod daemon;
pub mod failure;
pub mod input;
pub mod listen;
pub mod mcp;
pub mod memory;
pub mod operator;
pub mod output;
pub mod port;
pub mod recipient;
pub mod settings;
pub mod signal;
pub mod slash;
pub mod speaker;
pub mod upgrade;
pub mod usage;

use std::{ffi::OsString, process::ExitCode};

use clap::FromArgMatches as _;

use self::{args::Cli, failure::Failure};

/// Runs the program with its command line, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut command = args::command();
    let arguments = slash::normalize(&command, arguments.into_iter().collect());
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let done = match parsed {
        Ok(cli) => command::run(cli),
        Err(error) => usage::explain(&error),
    };
    done.map_or_else(|failure: Failure| failure.report(), |()| ExitCode::SUCCESS)
}
