//! The programs: ours as cargo built them, Claude Code as it was given or as npm installs it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::terminal::Terminal;

/// What holds our programs.
const PACKAGES: [&str; 2] = ["relay-cli", "claude-hooks"];

/// The versions that are known to work, newest first.
const VERSIONS: [&str; 2] = ["2.1.330", "2.1.197"];

/// Which Claude Code.
#[derive(Clone, Copy, Debug)]
pub enum Version {
    /// With a message socket.
    Newest,
    /// Without one.
    Older,
}

#[expect(clippy::disallowed_methods, reason = "the tests' own settings are no product's")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub fn search_path() -> String {
    variable("PATH").unwrap_or_default()
}

/// The repository.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap())
}

/// Where cargo puts the programs that it builds beside the test that runs.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).expect("a test runs in target/…/deps").to_owned()
}

/// The folder of our programs. They are other packages', so that they are built here, unless
/// `RELAY_TEST_PROGRAMS` names a folder that has them.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| variable("RELAY_TEST_PROGRAMS").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let folder = built();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    cargo.arg("--target-dir").arg(folder.parent().unwrap()).current_dir(root());
    assert!(cargo.status().unwrap().success(), "our programs are built");
    folder
}

/// The program of that version; `None` where it is not here and need not be. `RELAY_TEST_CLAUDE`
/// names programs, newest first, with `:` between; else, with `RELAY_TEST_FULL=1`, npm installs.
pub fn claude(version: Version) -> Option<PathBuf> {
    let full = variable("RELAY_TEST_FULL").is_some_and(|full| full == "1");
    let number = match version {
        Version::Newest => 0,
        Version::Older => 1,
    };
    let found = match variable("RELAY_TEST_CLAUDE") {
        Some(given) => given.split(':').nth(number).map(PathBuf::from),
        None => installed(VERSIONS[number], full),
    };
    let found = found.filter(|program| Terminal::is_possible() && runs(program));
    if found.is_none() {
        let why =
            "takes tmux and Claude Code: set RELAY_TEST_CLAUDE, or RELAY_TEST_FULL=1 with npm";
        assert!(!full, "{why}");
        eprintln!("skipped: {why}");
    }
    found
}

fn runs(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn installed(version: &str, install: bool) -> Option<PathBuf> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock();
    let folder = built().parent()?.join(format!("claude-{version}"));
    let program = folder.join("node_modules/.bin/claude");
    if install && !runs(&program) {
        let package = format!("@anthropic-ai/claude-code@{version}");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-fund", "--no-audit", "--prefix"]).arg(&folder).arg(package);
        let _ = npm.status();
        // Older versions fetch nothing, but put their program in place in a script of their own.
        let script = folder.join("node_modules/@anthropic-ai/claude-code/install.cjs");
        let _ = Command::new("node").arg(script).current_dir(&folder).status();
    }
    program.exists().then_some(program)
}
