//! `agent-relay`: see the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    relay_cli::run(std::env::args_os())
}
