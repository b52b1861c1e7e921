//! npm, in one of the folders that have packages of their own.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::shell::{self, Failure};
use crate::suite::Tool;

/// What everything that is written for Node takes.
pub const TOOLS: [Tool; 2] = [
    Tool { program: "node", install: "Node 20.19 or newer from https://nodejs.org" },
    Tool { program: "npm", install: "it comes with Node" },
];

/// Why nothing of the kind can be run here, if it cannot.
pub fn missing() -> Option<String> {
    TOOLS.iter().find_map(Tool::missing)
}

/// Installs what the lock file says, unless that has been done since it changed.
pub fn install(folder: &Path) -> Result<(), Failure> {
    let installed = changed(&folder.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed(&folder.join("package-lock.json")) {
        return Ok(());
    }
    let cache = shell::root().join("target/npm");
    shell::run(npm(folder, &["ci", "--cache"]).arg(cache))
}

/// Runs a script of the package.
pub fn run(folder: &Path, script: &str) -> Result<(), Failure> {
    shell::run(&mut npm(folder, &["run", script]))
}

/// npm with these arguments, in the folder.
pub fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let program = shell::which("npm").unwrap_or_else(|| "npm".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}
