//! Carrying a plan out.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use relay_client::place::write_private;

use super::{Plan, Step};
use crate::failure::Failure;

impl Plan {
    /// Does the steps in their order; the first that fails ends it.
    pub fn carry_out(&self) -> Result<(), Failure> {
        self.0.iter().try_for_each(Step::carry_out)
    }
}

impl Step {
    fn carry_out(&self) -> Result<(), Failure> {
        match self {
            Self::Write { path, text } => write_private(path, text).map_err(|why| file(path, &why)),
            Self::Remove { path } => match fs::remove_file(path) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => Err(file(path, &why)),
                _ => Ok(()),
            },
            Self::Run { line, unless } => match run(line) {
                Err(_) if unless.is_some() => Ok(()),
                done => done,
            },
        }
    }
}

const NO_MANAGER: &str = "no service manager of this user runs here, as in most containers; \
                          `agent-relay serve` needs none";

fn file(path: &Path, why: &io::Error) -> Failure {
    Failure::refused(format_args!("{}: {why}", path.display()))
}

fn run(line: &[String]) -> Result<(), Failure> {
    let Some((program, arguments)) = line.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|why| Failure::refused(format_args!("{program}: {why}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().next().unwrap_or("it did not say why").to_owned();
    let failure = Failure::refused(format_args!("`{}` failed: {said}", line.join(" ")));
    Err(if said.contains("connect to bus") { failure.hint(NO_MANAGER) } else { failure })
}

/// True when a command ends well and says this among other things.
pub(super) fn says(line: &[String], words: &str) -> bool {
    let Some((program, arguments)) = line.split_first() else { return false };
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    output.is_ok_and(|output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(words)
    })
}

/// Runs a command that speaks for itself, and passes its exit code on as refused or done.
pub(crate) fn show(line: &[String]) -> Result<(), Failure> {
    let Some((program, arguments)) = line.split_first() else { return Ok(()) };
    let status = Command::new(program).args(arguments).status();
    let status = status.map_err(|why| Failure::refused(format_args!("{program}: {why}")))?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().map_or("by a signal".to_owned(), |code| format!("with {code}"));
    Err(Failure::refused(format_args!("{program} ended {code}")))
}
