//! `agent-relay-claude`: see the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    claude_hooks::program::main(std::env::args().skip(1))
}
