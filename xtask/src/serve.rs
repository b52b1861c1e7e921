//! `cargo xtask serve`: build what is needed, then be the relay.

use std::process::Command;

use crate::dashboard;
use crate::shell::{self, Failure};

#[derive(clap::Args)]
pub struct Args {
    /// The unoptimised build: compiles sooner, serves slower
    #[arg(long)]
    dev: bool,
    /// Passed on to `agent-relay serve`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds in release unless told otherwise: this is how one runs the relay from a clone, for days,
/// and the unoptimised server costs its agents several times the latency to save one build some minutes.
pub fn run(args: &Args) -> Result<(), Failure> {
    dashboard::build_if_possible()?;
    let program = dashboard::program(if args.dev { "dev" } else { "release" })?;
    become_it(Command::new(program).arg("serve").args(&args.arguments))
}

/// Replaces this process, so that Ctrl-C and SIGTERM reach the server and nobody else.
#[cfg(unix)]
fn become_it(command: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;
    let line = shell::announce(command);
    Err(shell::not_started(&line, &command.exec()))
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> Result<(), Failure> {
    shell::run(command)
}
