//! Where programs are: on `PATH`, or where a setting says.

use std::path::{Path, PathBuf};

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

/// The first program of that name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = environment("PATH").unwrap_or_default();
    std::env::split_paths(&path).flat_map(|folder| names(&folder, name)).find(|file| runs(file))
}

/// Elsewhere than on Windows a program is called what it is called.
fn names(folder: &Path, name: &str) -> Vec<PathBuf> {
    if cfg!(windows) {
        return [".exe", ".cmd"].iter().map(|end| folder.join(format!("{name}{end}"))).collect();
    }
    vec![folder.join(name)]
}

#[cfg(unix)]
fn runs(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn runs(file: &Path) -> bool {
    file.is_file()
}
