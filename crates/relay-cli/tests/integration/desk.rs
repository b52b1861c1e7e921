//! What the example integrations stand between: their sources, and a relay.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Done, Home, PATIENCE, Relay, Running, finish, http::Connection, load};

/// Longer than anything here would wait of itself.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

pub const TOKEN: &str = "an-integration-token-that-nobody-may-see";

/// A relay with one integration, and a home for the scripts.
pub struct Desk {
    pub home: Home,
    pub relay: Relay,
}

impl Desk {
    /// Unless a program that the example takes is missing here.
    pub fn open(programs: &[&str]) -> Option<Self> {
        have(programs).then(|| Self::on(Home::new(), 0))
    }

    pub fn on(home: Home, port: u16) -> Self {
        let integrations = json!([{
            "name": "desk", "token": TOKEN, "scopes": ["tasks:create"], "channels": ["alerts"],
            "targets": ["cap:ops", "cap:support", "cap:ci"],
        }]);
        let mut command = home.command(&["serve", "--port", &port.to_string()]);
        command.env("AGENT_RELAY_INTEGRATIONS", integrations.to_string());
        command.env("AGENT_RELAY_INTEGRATION_RATE_LIMIT_PER_MINUTE", "30");
        let relay = Relay::spawn(&mut command);
        Self { home, relay }
    }

    /// Every task, the oldest first.
    pub fn tasks(&self) -> Vec<Value> {
        let answer = Connection::open(self.relay.port()).unwrap().get("/api/tasks").unwrap();
        let Value::Array(mut tasks) = answer.body else { panic!("{answer:?}") };
        tasks.sort_by_key(|task| task["id"].as_i64());
        tasks
    }

    /// One field of every task.
    pub fn facts(&self, field: &str) -> Vec<Value> {
        self.tasks().iter().map(|task| task[field].clone()).collect()
    }
}

/// webhook.py, running.
pub struct Adapter {
    program: Running,
    pub port: u16,
}

impl Adapter {
    pub fn start(home: &Home, relay: &str) -> Self {
        let mut command = Command::new("python3");
        home.furnish(&mut command);
        command.arg(folder().join("webhook.py")).args(["--port", "0"]).stdin(Stdio::null());
        command.env("AGENT_RELAY_URL", relay).env("AGENT_RELAY_RETRY_SECONDS", "3");
        let program = Running::start(&mut command);
        let line = program.line_with("listening on");
        let port = line.split([':', ',']).nth(2).and_then(|port| port.parse().ok());
        Self { program, port: port.expect("the line names the port") }
    }

    pub fn post(&self, path: &str, file: &str) -> (u16, Value) {
        post(self.port, path, Some(TOKEN), &payload(file))
    }

    pub fn end_without_the_token(self) {
        self.program.signal("TERM");
        let (_, said) = self.program.end();
        assert!(!said.contains(TOKEN), "{said}");
    }
}

/// A relay that answers by a script of statuses, each with [`RETRY_AFTER`].
pub struct Scripted {
    pub url: String,
    /// The bodies that it was sent, and when.
    pub asked: Receiver<(Value, Instant)>,
}

impl Scripted {
    pub fn start<const N: usize>(script: [u16; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, asked) = channel();
        std::thread::spawn(move || {
            for (stream, status) in listener.incoming().map_while(Result::ok).zip(script) {
                let (head, body) = read_request(&stream);
                assert!(head.contains(&format!("authorization: bearer {TOKEN}")), "{head}");
                let _ = sender.send((serde_json::from_str(&body).unwrap(), now()));
                let seconds = RETRY_AFTER.as_secs();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nretry-after: {seconds}\r\ncontent-length: 2\r\n\
                     connection: close\r\n\r\n{{}}"
                );
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { url, asked }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long another program waits is real time")]
fn now() -> Instant {
    Instant::now()
}

/// The head in lower case, and the body.
fn read_request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "cut short: {head}");
    }
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.expect("a length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

pub fn post(port: u16, path: &str, token: Option<&str>, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let head = format!(
        "POST {path} HTTP/1.0\r\nhost: localhost\r\n{}content-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        authorization.unwrap_or_default(),
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer with a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    assert!(status != Some(503) || head.to_ascii_lowercase().contains("retry-after: "), "{head}");
    (status.expect("a status"), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// notify.sh with its words, in a hurry.
pub fn notify(home: &Home, relay: &str, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    home.furnish(&mut command);
    command.arg(folder().join("notify.sh")).args(words).stdin(Stdio::null());
    for (name, value) in [
        ("AGENT_RELAY_URL", relay),
        ("AGENT_RELAY_INTEGRATION_TOKEN", TOKEN),
        ("AGENT_RELAY_TARGET", "cap:ops"),
        ("AGENT_RELAY_RETRY_SECONDS", "3"),
    ] {
        command.env(name, value);
    }
    command
}

/// Runs the step of github-actions.yml as a runner does, with its `env`, in a hurry.
pub fn workflow(home: &Home, relay: &str, event: &str) -> Done {
    let workflow = fs::read_to_string(folder().join("github-actions.yml")).unwrap();
    let (head, script) = workflow.split_once("run: |\n").expect("the step runs a script");
    let script = script.replace("--retry-max-time 120", "--retry-max-time 3");
    let set: BTreeMap<&str, &str> =
        head.lines().filter_map(|line| line.trim().split_once(": ")).collect();
    assert_eq!(
        set["AGENT_RELAY_INTEGRATION_TOKEN"],
        "${{ secrets.AGENT_RELAY_INTEGRATION_TOKEN }}"
    );
    let mut command = Command::new("bash");
    home.furnish(&mut command);
    command.args(["-e", "-c", &script]).stdin(Stdio::null());
    command.env("AGENT_RELAY_URL", relay).env("AGENT_RELAY_INTEGRATION_TOKEN", TOKEN);
    command.env("AGENT_RELAY_TARGET", set["AGENT_RELAY_TARGET"]);
    command.env("GITHUB_EVENT_PATH", folder().join("payloads").join(event));
    finish(&mut command)
}

#[track_caller]
pub fn succeeds(done: &Done) -> &str {
    assert_eq!(done.code, 0, "{done:?}");
    hides_the_token(done);
    &done.stdout
}

#[track_caller]
pub fn hides_the_token(done: &Done) {
    assert!(!done.stdout.contains(TOKEN) && !done.stderr.contains(TOKEN), "{done:?}");
}

/// Says aloud which program is missing.
pub fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !load::works(program, &["--version"]));
    if let Some(program) = missing {
        load::skip(&format!("an example integration: {program} is not installed"));
    }
    missing.is_none()
}

/// The path that alertmanager.yml has notifications posted to.
pub fn address_in_alertmanager_yml() -> String {
    let yaml = fs::read_to_string(folder().join("alertmanager.yml")).unwrap();
    let url =
        yaml.lines().find_map(|line| line.trim().strip_prefix("- url: http://127.0.0.1:4860"));
    url.expect("the address of webhook.py").to_owned()
}

pub fn payload(file: &str) -> String {
    fs::read_to_string(folder().join("payloads").join(file)).unwrap()
}

pub fn folder() -> PathBuf {
    root().join("examples/integration")
}

pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
