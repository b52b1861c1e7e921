//! `codex-relay`: see the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    codex_sidecar::launch::main(std::env::args_os().skip(1))
}
