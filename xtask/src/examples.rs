//! The TypeScript example: its types made from the OpenAPI document, checked and compiled.
//!
//! `cargo test` runs the result with node against the real relay.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::dashboard;
use crate::shell::{self, Failure};
use crate::suite::Suites;

const NAME: &str = "TypeScript example, compiled";

/// Compiles the example. Without node, or a network to fetch its packages, that is left out aloud.
pub fn compile(suites: &mut Suites) {
    let lacks = dashboard::TOOLS.iter().any(|tool| tool.missing().is_some());
    match if lacks { Ok(()) } else { install() } {
        Ok(()) => {
            suites.run_with(NAME, &dashboard::TOOLS, || shell::run(&mut npm(&["run", "build"])));
        }
        Err(Failure(why)) => suites.skip(NAME, &format!("its packages are not here: {why}")),
    }
}

/// Installs what the lock file says, unless that has been done since it changed.
fn install() -> Result<(), Failure> {
    let installed = changed(&folder().join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed(&folder().join("package-lock.json")) {
        return Ok(());
    }
    let cache = shell::root().join("target/npm");
    shell::run(npm(&["ci", "--cache"]).arg(cache))
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}

fn npm(arguments: &[&str]) -> Command {
    let program = shell::which("npm").unwrap_or_else(|| "npm".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder());
    command
}

fn folder() -> PathBuf {
    shell::root().join("examples/typescript")
}
