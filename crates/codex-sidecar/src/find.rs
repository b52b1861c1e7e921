//! Where programs are: on `PATH`, or where a setting says.

use std::path::PathBuf;

pub use relay_client::program::on_path;
use relay_client::{config::environment, core::env::CODEX_BIN};

use crate::{failure::Failure, install::codex::Codex};

/// Codex: the program that the setting names, else the first on `PATH`.
pub fn codex() -> Result<Codex, Failure> {
    if let Some((name, given)) = CODEX_BIN.find(&environment) {
        let program = PathBuf::from(given);
        if program.is_file() {
            return Ok(Codex { program, home: None });
        }
        let program = program.display();
        let why = format_args!("{name} is `{program}`: there is no such file");
        return Err(Failure::usage(why));
    }
    let program = on_path("codex").ok_or_else(|| {
        Failure::refused("codex is not on PATH").hint(format_args!(
            "`npm install -g @openai/codex` installs it; {} may name it",
            CODEX_BIN.name
        ))
    })?;
    Ok(Codex { program, home: None })
}
