//! The real program, run as people run it: in a home folder of its own, against a relay that it
//! started itself.
#![allow(dead_code, reason = "every test file uses its own part of this")]

pub mod disk;
pub mod http;
pub mod load;
pub mod mcp;
pub mod page;
pub mod proxy;
pub mod receiver;
#[cfg(unix)]
pub mod release;
pub mod terminal;

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use tempfile::TempDir;

/// Whatever takes longer than this has hung.
pub const PATIENCE: Duration = Duration::from_mins(1);

const PROGRAM: &str = env!("CARGO_BIN_EXE_agent-relay");

/// A user's home folder with nothing in it.
pub struct Home {
    folder: TempDir,
}

/// Where a shell finds `agent-relay`, and then everything else.
#[expect(clippy::disallowed_methods, reason = "the tests' own look at their surroundings")]
fn path() -> OsString {
    let ours = Path::new(PROGRAM).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(ours).chain(std::env::split_paths(&others));
    std::env::join_paths(folders).unwrap()
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file somewhere below it.
    pub fn join(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The program with arguments, in this home and with no settings of the machine's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).stdin(Stdio::null());
        self.furnish(&mut command);
        command
    }

    /// Leaves of the environment only what a program needs to run, and this home.
    pub fn furnish(&self, command: &mut Command) {
        command.env_clear().current_dir(self.path()).env("HOME", self.path());
        for (name, folder) in [
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            command.env(name, self.join(folder));
        }
        command.env("PATH", path());
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        finish(&mut self.command(arguments))
    }
}

/// Runs to the end, and gives up on what hangs.
pub fn finish(command: &mut Command) -> Done {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, stderr) =
        (drain(child.stdout.take().unwrap()), drain(child.stderr.take().unwrap()));
    let code = wait(&mut child).code().unwrap_or(-1);
    Done { code, stdout: stdout.recv().unwrap(), stderr: stderr.recv().unwrap() }
}

/// Waits for a process to end; one that does not is killed, and the test fails.
pub fn wait(child: &mut Child) -> ExitStatus {
    let (done, ended) = channel();
    let pid = child.id();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(PATIENCE).is_err() {
                let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
            }
        });
        let status = child.wait().unwrap();
        let _ = done.send(());
        status
    })
}

fn drain(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        send.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    receive
}

/// A program that runs on, and the lines that it prints.
pub struct Running {
    pub child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (lines, errors) =
            (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { child, lines, errors }
    }

    /// The next line of its output.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the program prints another line")
    }

    /// The next line of its output that holds a text.
    pub fn line_with(&self, text: &str) -> String {
        std::iter::repeat_with(|| self.line()).find(|line| line.contains(text)).unwrap()
    }

    /// The next line of its talk that holds a text.
    pub fn talk_with(&self, text: &str) -> String {
        let next = || self.errors.recv_timeout(PATIENCE).expect("the program says more");
        std::iter::repeat_with(next).find(|line| line.contains(text)).unwrap()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits for its end, and returns the exit code with what it said last.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = wait(&mut self.child);
        (status.code(), self.errors.iter().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

/// Waits for something to happen, looking again and again; what takes too long has hung.
#[track_caller]
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let began = tokio::time::Instant::now();
    while !happened() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// A port on which nobody listens now, for a program that cannot take a free one itself.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A new schema's address; `None`, said aloud, where there is no PostgreSQL.
pub fn database() -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { relay_store::testing::url(&relay_store::testing::postgres().await?) })
}

/// A relay that `agent-relay serve` started on a free port, with its database in the home.
pub struct Relay {
    pub server: Running,
    pub url: String,
}

impl Relay {
    pub fn start(home: &Home) -> Self {
        Self::start_with(home, &[])
    }

    pub fn start_with(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(&["serve", "--port", "0"]);
        Self::spawn(command.args(arguments))
    }

    /// Waits for the line that says where it listens.
    pub fn spawn(command: &mut Command) -> Self {
        let server = Running::start(command);
        let Ok(line) = server.lines.recv_timeout(PATIENCE) else {
            panic!("the relay did not start: {}", server.end().1);
        };
        let url = line.strip_prefix("listening on ").expect("the first line says where").to_owned();
        Self { server, url }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.server.child.id()
    }

    /// Cuts the power.
    pub fn kill(mut self) {
        self.server.child.kill().unwrap();
        self.server.child.wait().unwrap();
    }
}

/// Fails with all that a command said when it did not do what it should.
#[track_caller]
pub fn assert_ok(done: &Done) {
    assert_eq!(done.code, 0, "{done:?}");
}

/// Fails unless the command ended with the code and said why and what to do.
#[track_caller]
pub fn assert_fails(done: &Done, code: i32, error: &str, hint: &str) {
    assert_eq!(done.code, code, "{done:?}");
    let lines: Vec<&str> = done.stderr.lines().collect();
    let said = |begin: &str| lines.iter().find_map(|line| line.strip_prefix(begin)).unwrap_or("");
    assert!(said("error: ").contains(error), "no {error:?} in {done:?}");
    assert!(said("hint: ").contains(hint), "no {hint:?} in {done:?}");
    let errors = lines.iter().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "one clear line: {done:?}");
    assert_eq!(done.stdout, "", "nothing was done, so there is no data");
}
