//! Running other programs: printed first, from the root of the checkout.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Why a task stopped, as one line for the person who started it.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The root of the checkout, wherever `cargo xtask` was called from.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// `cargo` with these arguments, run at the root.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command to its end; anything but success is a failure that names the command.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let line = announce(command);
    let status = command.status().map_err(|error| not_started(&line, &error))?;
    ended_well(&line, status)
}

/// As [`run`], and hands over each line of standard output after printing it.
pub fn run_watched(command: &mut Command, mut watch: impl FnMut(&str)) -> Result<(), Failure> {
    let line = announce(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(&line, &error))?;
    let output = child.stdout.take().expect("stdout is piped");
    for text in BufReader::new(output).split(b'\n') {
        let text = text.map_err(|error| Failure(format!("reading from `{line}`: {error}")))?;
        let text = String::from_utf8_lossy(&text);
        println!("{text}");
        watch(text.trim_end());
    }
    ended_well(&line, child.wait().map_err(|error| not_started(&line, &error))?)
}

/// The file that cargo built for the binary `name`; `folder` is `debug` or `release`.
pub fn built(name: &str, folder: &str) -> Result<PathBuf, Failure> {
    let file = target_folder().join(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if file.is_file() {
        Ok(file)
    } else {
        Err(Failure(format!("cargo built no {}", file.display())))
    }
}

/// Where `program` is found on the search path, if anywhere.
pub fn which(program: &str) -> Option<PathBuf> {
    // On Windows a file without an ending is a script for another system's shell, as npm's is.
    let names = if cfg!(windows) {
        vec![format!("{program}.exe"), format!("{program}.cmd")]
    } else {
        vec![program.to_owned()]
    };
    std::env::split_paths(&search_path())
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)).collect::<Vec<_>>())
        .find(|file| file.is_file())
}

#[expect(clippy::disallowed_methods, reason = "CARGO_TARGET_DIR is cargo's setting, not ours")]
pub fn target_folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(folder)
}

#[expect(clippy::disallowed_methods, reason = "the search path is the system's setting, not ours")]
fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Prints the command as one would type it.
pub fn announce(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    eprintln!("$ {line}");
    line
}

pub fn not_started(line: &str, error: &std::io::Error) -> Failure {
    Failure(format!("`{line}` could not be started: {error}"))
}

fn ended_well(line: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure(format!("`{line}` ended with {status}"))) }
}
