//! The real relay as a process of its own, which can be killed.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::program;

/// A relay that `agent-relay serve` started. Dropping it kills it.
pub struct Served {
    home: TempDir,
    child: Child,
    url: String,
}

impl Served {
    /// Starts one on a free port, with a database of its own.
    pub fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (child, url) = serve(&home, "0");
        Self { home, child, url }
    }

    /// Its address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Cuts its power.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port and database.
    pub fn start_again(&mut self) {
        let (_, port) = self.url.rsplit_once(':').expect("an address has a port");
        (self.child, self.url) = serve(&self.home, port);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(home: &TempDir, port: &str) -> (Child, String) {
    let mut command = Command::new(program::folder().join("agent-relay"));
    command.args(["serve", "--port", port]).env_clear().env("HOME", home.path());
    command.current_dir(home.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line =
        lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned));
    (child, line.expect("it says where it listens"))
}
