//! A run of Claude Code without a terminal.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use crate::until;

/// A run that goes on while the test does other things. Dropping it ends it.
pub struct Run {
    child: Child,
    printed: PathBuf,
}

impl Run {
    /// Starts it; what it prints goes to that file.
    pub fn start(mut command: Command, printed: PathBuf) -> Self {
        let file = File::create(&printed).unwrap();
        command.stdin(Stdio::piped()).stderr(file.try_clone().unwrap()).stdout(file);
        Self { child: command.spawn().unwrap(), printed }
    }

    /// Writes a line to it.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its input is open");
        writeln!(input, "{line}").unwrap();
    }

    /// Says nothing more.
    pub fn close(&mut self) {
        self.child.stdin = None;
    }

    /// Waits for its end, and returns what it printed.
    pub async fn ended(&mut self) -> (ExitStatus, String) {
        self.close();
        let status = until("the run has ended", async || self.child.try_wait().unwrap()).await;
        (status, self.printed())
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.printed).unwrap_or_default()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- printed\n{}", self.printed());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
