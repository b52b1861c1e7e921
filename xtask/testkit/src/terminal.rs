//! A terminal in which a program runs: tmux, with a server of its own.

use std::{
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use crate::until;

/// A terminal of 160 columns and 50 lines. Dropping it ends what runs in it.
pub struct Terminal {
    server: String,
}

impl Terminal {
    /// One that nothing runs in yet.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { server: format!("agent-relay-{}-{number}", std::process::id()) }
    }

    /// True where there is tmux.
    pub fn is_possible() -> bool {
        Command::new("tmux").arg("-V").output().is_ok()
    }

    /// Runs a program in a folder, with that environment and nothing else; `EXITED` stands there
    /// when it has ended.
    pub async fn run(&self, folder: &Path, env: &[(String, String)], line: &[String]) {
        let mut words = vec!["env".to_owned(), "-i".into()];
        words.extend(env.iter().map(|(name, value)| format!("{name}={value}")));
        words.extend(line.iter().cloned());
        let quoted: Vec<_> =
            words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
        let command = format!("{}; echo EXITED; exec sleep 1000", quoted.join(" "));
        let folder = folder.to_string_lossy();
        let size = ["new-session", "-d", "-s", "c", "-x", "160", "-y", "50", "-c"];
        let arguments = [&size[..], &[&folder, &command]].concat();
        until("a terminal", async || self.tmux(&arguments).status.success().then_some(())).await;
        // A test that is killed drops nothing.
        let (test, server) = (std::process::id(), &self.server);
        let watch = format!(
            "while kill -0 {test} 2>/dev/null; do sleep 1; done; tmux -L {server} kill-server"
        );
        self.tmux(&["run-shell", "-b", &watch]);
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.server, "-f", "/dev/null"]).args(arguments);
        command.output().expect("tmux runs")
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-t", "c"]).stdout).into_owned()
    }

    /// Types a line. Keys that come in one piece are taken for something pasted, so that Enter waits
    /// until what was typed is seen.
    pub async fn say(&self, text: &str) {
        let before = self.count(text);
        self.write(text);
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if self.count(text) > before {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.key("Enter");
    }

    /// How often the beginning of a text is on the screen, wherever its lines are broken.
    fn count(&self, text: &str) -> usize {
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        let begin: String = dense(text).chars().take(40).collect();
        dense(&self.screen()).matches(&begin).count()
    }

    /// Types, without ending the line.
    pub fn write(&self, text: &str) {
        self.tmux(&["send-keys", "-t", "c", "-l", "--", text]);
    }

    /// Presses a key, by tmux's name for it.
    pub fn key(&self, key: &str) {
        self.tmux(&["send-keys", "-t", "c", key]);
    }

    /// Ends what runs in it.
    pub fn close(&self) {
        self.tmux(&["kill-server"]);
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- screen\n{}", self.screen());
        }
        self.close();
    }
}
