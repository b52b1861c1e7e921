//! `agent-relay-telegram`: see the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    telegram_channel::program::main(std::env::args_os())
}
