//! The real program, in a home of its own.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, Stdio},
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{TOKEN, World, soon};

/// The program with nothing of the machine's settings, and its home in the world's folder.
pub fn command(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-relay-telegram"));
    command.env_clear().env("HOME", world.folder.path()).stdin(Stdio::null());
    for (name, folder) in
        [("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")]
    {
        command.env(name, world.folder.path().join(folder));
    }
    command
        .env("AGENT_RELAY_URL", world.relay.url())
        .env("AGENT_RELAY_TELEGRAM_TOKEN", TOKEN)
        .env("AGENT_RELAY_TELEGRAM_API_URL", world.telegram.url());
    command
}

/// A program that runs. Dropping it kills it.
pub struct Program {
    child: Child,
    errors: UnboundedReceiver<String>,
    said: String,
}

impl Program {
    /// Starts it with these chats, and waits until it carries.
    pub async fn start(world: &World, chats: &str) -> Self {
        let polls = world.telegram.polls();
        let program = Self::spawn(command(world).env("AGENT_RELAY_TELEGRAM_CHATS", chats));
        soon(world.telegram.until(|seen| seen.polls > polls)).await;
        program
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = lines(child.stderr.take().unwrap());
        Self { child, errors, said: String::new() }
    }

    /// The next line of its log that holds a text.
    pub async fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = soon(self.errors.recv()).await.expect("the program says more");
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Cuts its power.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end, and returns the exit code with all that it said.
    pub async fn end(mut self) -> (i32, String) {
        let ended = tokio::task::spawn_blocking(move || {
            let code = self.child.wait().unwrap().code().unwrap_or(-1);
            while let Some(line) = self.errors.blocking_recv() {
                self.said.push_str(&line);
                self.said.push('\n');
            }
            (code, std::mem::take(&mut self.said))
        });
        soon(ended).await.unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> UnboundedReceiver<String> {
    let (send, receive) = unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}
