//! The web page: built and tested with npm, embedded into the server when it is there.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Failure};
use crate::suite::Tool;

/// What building the page takes.
pub const TOOLS: [Tool; 2] = [
    Tool { program: "node", install: "Node 20 or newer from https://nodejs.org" },
    Tool { program: "npm", install: "it comes with Node" },
];

pub enum State {
    /// `dashboard/` holds no page yet.
    NotWritten,
    /// There is a page, and this tool to build it is missing.
    Lacks(Tool),
    Buildable,
}

pub fn state() -> State {
    if !folder().join("package.json").is_file() {
        return State::NotWritten;
    }
    match TOOLS.into_iter().find(|tool| shell::which(tool.program).is_none()) {
        Some(tool) => State::Lacks(tool),
        None => State::Buildable,
    }
}

/// Installs what the lock file says, if that has not been done, and builds `dashboard/dist`.
pub fn build() -> Result<(), Failure> {
    if !folder().join("node_modules").is_dir() {
        shell::run(&mut npm(&["ci"]))?;
    }
    shell::run(&mut npm(&["run", "build"]))
}

/// Builds the page from a clean install and runs its tests.
pub fn test() -> Result<(), Failure> {
    shell::run(&mut npm(&["ci"]))?;
    shell::run(&mut npm(&["run", "build"]))?;
    shell::run(&mut npm(&["test"]))
}

fn npm(arguments: &[&str]) -> Command {
    let program = shell::which("npm").unwrap_or_else(|| "npm".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder());
    command
}

fn folder() -> PathBuf {
    shell::root().join("dashboard")
}
