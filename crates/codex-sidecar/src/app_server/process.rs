//! The app-server's process, started under a [`crate::guardian`].

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdin, Command},
    time::timeout,
};

/// How long it may take until it listens.
const BEGINNING: Duration = Duration::from_secs(30);
/// How long its guardian may take to end it.
const END: Duration = Duration::from_secs(6);
/// How it says where it listens, on standard error.
const LISTENS: &str = "listening on:";

/// How an app-server is started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program of Codex.
    pub program: PathBuf,
    /// The project.
    pub folder: PathBuf,
    /// Arguments of its own: configuration for all its threads.
    pub arguments: Vec<OsString>,
    /// The SHA-256 digest of the token that opens it, in hex.
    pub digest: String,
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such program, or none that can be run.
    #[error("it cannot be started: {0}")]
    Spawn(#[from] std::io::Error),
    /// It ended before it listened.
    #[error("{}", if .said.is_empty() { "it ended at once" } else { .said })]
    Ended {
        /// What it said.
        said: String,
    },
    /// It did not say where it listens.
    #[error("it does not listen after {} seconds", BEGINNING.as_secs())]
    Silent,
}

/// An app-server that listens.
pub struct Process {
    /// `ws://127.0.0.1:PORT`
    pub url: String,
    child: Child,
    /// Closing it ends the app-server.
    lifeline: Option<ChildStdin>,
}

impl Plan {
    /// Starts one that listens there; port 0 takes a free one.
    pub async fn start(&self, url: &str) -> Result<Process, StartError> {
        let mut child = self.command(url)?.spawn()?;
        let lifeline = child.stdin.take();
        let said = child.stderr.take().map(|said| BufReader::new(said).lines());
        let mut process = Process { url: String::new(), child, lifeline };
        let Some(mut said) = said else { return Err(StartError::Silent) };
        match timeout(BEGINNING, address(&mut said)).await {
            Ok(Ok(url)) => process.url = url,
            Ok(Err(said)) => {
                process.end().await;
                return Err(StartError::Ended { said });
            }
            Err(_) => {
                process.end().await;
                return Err(StartError::Silent);
            }
        }
        tokio::spawn(async move {
            while let Ok(Some(line)) = said.next_line().await {
                tracing::debug!(codex = line);
            }
        });
        Ok(process)
    }

    #[cfg(unix)]
    fn command(&self, url: &str) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("guardian").arg(&self.program).process_group(0).stdin(Stdio::piped());
        self.arguments(&mut command, url);
        Ok(command)
    }

    /// Without a guardian: what ends the launcher without a word leaves the app-server behind.
    #[cfg(not(unix))]
    fn command(&self, url: &str) -> std::io::Result<Command> {
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null()).kill_on_drop(true);
        self.arguments(&mut command, url);
        Ok(command)
    }

    fn arguments(&self, command: &mut Command, url: &str) {
        command.args(["app-server", "--listen", url, "--ws-auth", "capability-token"]);
        command.args(["--ws-token-sha256", &self.digest]).args(&self.arguments);
        command.current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::piped());
    }
}

/// Reads to the line that says where it listens, or to the end: then what was said.
async fn address(lines: &mut Lines<BufReader<ChildStderr>>) -> Result<String, String> {
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, url)) = line.split_once(LISTENS) {
            return Ok(url.trim().to_owned());
        }
        tracing::debug!(codex = line);
        said.push(line);
    }
    let error = said.iter().find(|line| line.to_ascii_lowercase().starts_with("error"));
    Err(error.or(said.last()).cloned().unwrap_or_default())
}

impl Process {
    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends it, and all that it has started.
    pub async fn end(mut self) {
        drop(self.lifeline.take());
        #[cfg(not(unix))]
        let _ = self.child.start_kill();
        if timeout(END, self.child.wait()).await.is_err() {
            tracing::warn!("the guardian does not end");
            let _ = self.child.kill().await;
        }
    }
}
