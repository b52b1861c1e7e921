//! An app-server alone: what the bridge connects to.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use super::kill;
use crate::until;

/// An app-server with a token. Dropping it kills it.
pub struct AppServer {
    /// `ws://127.0.0.1:PORT`
    pub url: String,
    /// What opens it.
    pub token: String,
    child: Mutex<Child>,
    again: Mutex<Command>,
}

impl AppServer {
    /// Starts one on a free port; the command is the program of Codex, in the project.
    pub(super) async fn start(mut command: Command, tmp: &Path) -> Self {
        let token = format!("{:0>64}", "5ec2e7");
        let file = tmp.join("app-server.token");
        fs::write(&file, &token).unwrap();
        let said = tmp.join("app-server.log");
        prepare(&mut command, &file, "ws://127.0.0.1:0");
        let child = spawn(&mut command, &said);
        let url = address(&said).await;
        let mut again = Command::new(command.get_program());
        again.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        again.current_dir(command.get_current_dir().unwrap());
        prepare(&mut again, &file, &url);
        Self { url, token, child: Mutex::new(child), again: Mutex::new(again) }
    }

    /// Kills it, and all that it has started.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        kill("KILL", &format!("-{}", child.id()));
        let _ = child.wait();
    }

    /// Starts it again on its port, after it was killed.
    pub async fn start_again(&self) {
        let said = tempfile::NamedTempFile::new().unwrap();
        let child = spawn(&mut self.again.lock().unwrap(), said.path());
        *self.child.lock().unwrap() = child;
        address(said.path()).await;
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn prepare(command: &mut Command, token: &Path, url: &str) {
    command.args(["app-server", "--listen", url, "--ws-auth", "capability-token"]);
    command.arg("--ws-token-file").arg(token).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null());
}

fn spawn(command: &mut Command, said: &Path) -> Child {
    command.stderr(fs::File::create(said).unwrap()).spawn().unwrap()
}

/// Where it listens, as it says on standard error.
async fn address(said: &Path) -> String {
    until("the app-server's address", async || {
        let lines = BufReader::new(fs::File::open(said).unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        lines.find_map(|line| Some(line.split_once("listening on: ")?.1.trim().to_owned()))
    })
    .await
}
