//! `agent-relay completions`: what a shell needs to complete our commands.

use clap_complete::{Shell, generate};

use crate::{args, failure::Failure, output::Output};

/// Print the completions for a shell
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script, to be sourced by the shell or put where it looks.
    pub fn run(&self, output: Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut args::command(), "agent-relay", &mut script);
        output.line(&String::from_utf8_lossy(&script))
    }
}
