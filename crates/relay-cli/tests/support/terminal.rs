//! A terminal: a shell of its own, in which one command follows the other.

use std::{
    fs,
    io::Write as _,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::Receiver,
};

use super::{Done, Home, PATIENCE, Relay, lines};

/// A shell whose process is the parent of the commands typed into it, as a terminal's is.
pub struct Terminal<'a> {
    home: &'a Home,
    name: &'static str,
    shell: Child,
    keyboard: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl<'a> Terminal<'a> {
    pub fn open(home: &'a Home, relay: &Relay, name: &'static str) -> Self {
        let mut command = Command::new("sh");
        home.furnish(&mut command);
        command.env("AGENT_RELAY_URL", &relay.url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        let (keyboard, answers) = (shell.stdin.take(), lines(shell.stdout.take().unwrap()));
        Self { home, name, shell, keyboard, answers }
    }

    /// Types a command and waits for its end.
    pub fn run(&mut self, arguments: &[&str]) -> Done {
        let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        self.type_in(&format!("agent-relay {} </dev/null", words.join(" ")))
    }

    /// Types a line, and waits for its end.
    pub fn type_in(&mut self, line: &str) -> Done {
        let file = |kind: &str| self.home.join(&format!("{}.{kind}", self.name));
        let (out, err) = (file("out"), file("err"));
        let script = format!(
            "{{ {line}\n}} >{} 2>{}; echo $?\n",
            quoted(&out.to_string_lossy()),
            quoted(&err.to_string_lossy())
        );
        self.keyboard.as_mut().unwrap().write_all(script.as_bytes()).unwrap();
        let code = self.answers.recv_timeout(PATIENCE).expect("the command ends").parse().unwrap();
        let read = |path| fs::read_to_string(path).unwrap();
        Done { code, stdout: read(out), stderr: read(err) }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        drop(self.keyboard.take());
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
