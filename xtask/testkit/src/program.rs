//! The programs: ours as cargo built them, Claude Code and Codex as they were given or as npm
//! installs them.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::terminal::Terminal;

/// What holds our programs.
const PACKAGES: [&str; 3] = ["relay-cli", "claude-hooks", "codex-sidecar"];

/// The versions of Claude Code that are known to work, newest first.
const VERSIONS: [&str; 2] = ["2.1.330", "2.1.197"];

/// The version of Codex that is known to work.
const CODEX: &str = "0.169.0";

/// Which Claude Code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Where cargo puts the programs that it builds beside the test, or the bench, that runs.
fn built() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().expect("a program lies in a folder");
    folder.ancestors().find(|folder| !folder.ends_with("deps")).unwrap().to_owned()
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
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    cargo.arg("--target-dir").arg(folder.parent().unwrap()).current_dir(root());
    assert!(cargo.status().unwrap().success(), "our programs are built");
    folder
}

/// The program of that version; `None` where it is not here and need not be. `RELAY_TEST_CLAUDE`
/// names programs, newest first, with `:` between; else, with `RELAY_TEST_FULL=1`, npm installs.
pub fn claude(version: Version) -> Option<PathBuf> {
    let number = match version {
        Version::Newest => 0,
        Version::Older => 1,
    };
    let found = match variable("RELAY_TEST_CLAUDE") {
        Some(given) => given.split(':').nth(number).map(PathBuf::from),
        None => installed_claude(VERSIONS[number]),
    };
    usable("Claude Code", "RELAY_TEST_CLAUDE", found)
}

/// Codex; `None` where it is not here and need not be. `RELAY_TEST_CODEX` names the program; else,
/// with `RELAY_TEST_FULL=1`, npm installs it.
pub fn codex() -> Option<PathBuf> {
    let found = match variable("RELAY_TEST_CODEX") {
        Some(given) => Some(PathBuf::from(given)),
        None => installed("codex", &format!("@openai/codex@{CODEX}"), CODEX),
    };
    usable("Codex", "RELAY_TEST_CODEX", found)
}

/// True where everything must be tested, and installed for it.
fn full() -> bool {
    variable("RELAY_TEST_FULL").is_some_and(|full| full == "1")
}

fn usable(name: &str, variable: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    let found = found.filter(|program| Terminal::is_possible() && runs(program));
    if found.is_none() {
        let why = format!("takes tmux and {name}: set {variable}, or RELAY_TEST_FULL=1 with npm");
        assert!(!full(), "{why}");
        eprintln!("skipped: {why}");
    }
    found
}

fn runs(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn installed_claude(version: &str) -> Option<PathBuf> {
    let program = installed("claude", &format!("@anthropic-ai/claude-code@{version}"), version)?;
    if full() && !runs(&program) {
        // Older versions fetch nothing, but put their program in place in a script of their own.
        let modules = program.parent().and_then(Path::parent)?;
        let script = modules.join("@anthropic-ai/claude-code/install.cjs");
        let _ = Command::new("node").arg(script).current_dir(modules.parent()?).status();
    }
    Some(program)
}

/// What npm has installed, or installs where everything must be tested.
fn installed(name: &str, package: &str, version: &str) -> Option<PathBuf> {
    let target = built().parent()?.to_owned();
    let folder = target.join(format!("{name}-{version}"));
    let program = folder.join("node_modules/.bin").join(name);
    // One at a time, of all tests that run: each would install it.
    let one = File::create(target.join("npm.lock")).unwrap();
    one.lock().unwrap();
    if full() && !runs(&program) {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-fund", "--no-audit", "--prefix"]).arg(&folder).arg(package);
        let _ = npm.status();
    }
    program.exists().then_some(program)
}
