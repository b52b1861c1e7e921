//! The test programs that cargo builds, run side by side: many of them wait for a real program most of
//! the time, and each has its own database and ports.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use super::tally::Tally;
use crate::shell::{self, Failure};

/// A test program, and the variables it is run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it tests: the source, from the root of the checkout.
    pub name: String,
    file: PathBuf,
    /// Its package, in which it runs.
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Program {
    /// Reads one line of cargo's messages; `None` when it is about something else.
    fn read(line: &str, root: &Path) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["profile"]["test"] != true {
            return None;
        }
        let path = |value: &Value| value.as_str().map(PathBuf::from);
        let source = path(&message["target"]["src_path"])?;
        Some(Self {
            name: source.strip_prefix(root).unwrap_or(&source).display().to_string(),
            file: path(&message["executable"])?,
            folder: path(&message["manifest_path"])?.parent()?.to_owned(),
            variables: Vec::new(),
        })
    }

    /// The same with one more variable, which its name then shows.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.name = format!("{} with {name}={value}", self.name);
        self.variables.push((name, value.to_owned()));
        self
    }

    /// True when it is a package's.
    pub fn is_of(&self, package: &str) -> bool {
        self.folder.ends_with(package)
    }

    /// Runs it to its end; everything that it prints goes to the file.
    fn run(&self, prepare: &dyn Fn(&mut Command), output: &File) -> io::Result<bool> {
        let mut command = Command::new(&self.file);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        prepare(&mut command);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
        Ok(command.status()?.success())
    }
}

/// Builds the test programs of some packages.
pub fn build(packages: &[&str]) -> Result<Vec<Program>, Failure> {
    let mut command = shell::cargo(&["test", "--no-run", "--message-format"]);
    command.arg("json-render-diagnostics").args(packages);
    let line = shell::announce(&command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| shell::not_started(&line, &error))?;
    if !output.status.success() {
        return Err(Failure(format!("`{line}` ended with {}", output.status)));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    Ok(lines.lines().filter_map(|line| Program::read(line, shell::root())).collect())
}

/// Runs all of them, a few at once, and prints what each said when it has ended. What fails does not keep
/// the others from running.
pub fn run(
    programs: Vec<Program>,
    prepare: &(dyn Fn(&mut Command) + Sync),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let folder = shell::target_folder().join("tested");
    fs::create_dir_all(&folder)
        .map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    let (waiting, tally) = (Mutex::new(VecDeque::from(programs)), Mutex::new(tally));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..at_once() {
            let file = folder.join(format!("{worker}.txt"));
            let (waiting, tally, failed) = (&waiting, &tally, &failed);
            scope.spawn(move || {
                while let Some(program) = lock(waiting).pop_front() {
                    eprintln!("     Running {}", program.name);
                    let done = File::create(&file)
                        .and_then(|output| program.run(prepare, &output))
                        .and_then(|well| Ok((well, fs::read(&file)?)));
                    let mut tally = lock(tally);
                    let name = &program.name;
                    match done {
                        Ok((well, printed)) => {
                            let printed = String::from_utf8_lossy(&printed);
                            let _ = write!(io::stdout(), "\n== {name}\n{printed}");
                            printed.lines().for_each(|line| tally.read(line.trim_end()));
                            if !well {
                                lock(failed).push(name.clone());
                            }
                        }
                        Err(error) => lock(failed).push(format!("{name} ({error})")),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() { Ok(()) } else { Err(Failure(failed.join(", "))) }
}

/// One more than there are cores, because programs that wait use none.
fn at_once() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get() + 1)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_program_is_told_from_what_else_cargo_builds() {
        let artifact = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/r/crates/relay-store/Cargo.toml","target":{{"src_path":"/r/crates/relay-store/tests/agent.rs"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let root = Path::new("/r");
        let program = Program::read(&artifact(true, "\"/t/agent-0\""), root).unwrap();
        assert_eq!(program.name, "crates/relay-store/tests/agent.rs");
        assert!(program.is_of("relay-store") && !program.is_of("store"));
        assert_eq!(Program::read(&artifact(false, "\"/t/agent\""), root), None);
        assert_eq!(Program::read(&artifact(true, "null"), root), None);
        assert_eq!(Program::read("Compiling relay-store", root), None);
    }

    #[test]
    fn a_variable_shows_in_the_name() {
        let line = r#"{"manifest_path":"/r/a/Cargo.toml","target":{"src_path":"/r/a/tests/b.rs"},"profile":{"test":true},"executable":"/t/b"}"#;
        let program = Program::read(line, Path::new("/r")).unwrap().with("ON", "x");
        assert_eq!(program.name, "a/tests/b.rs with ON=x");
    }
}
