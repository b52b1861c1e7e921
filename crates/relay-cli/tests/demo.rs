//! The demo: everything in it happens, whoever writes is answered, and nothing is left of it.
#![cfg(unix)]

mod support;

use std::{fs, net::TcpStream};

use serde_json::Value;
use support::{Home, Relay, Running, assert_fails, assert_ok, http::Connection};

/// A demo that has come to its end and stands still.
struct Demo {
    running: Running,
    port: u16,
    operator: String,
}

impl Demo {
    fn start(home: &Home) -> Self {
        fs::create_dir(home.join("tmp")).unwrap();
        let mut command = home.command(&["demo", "--once", "--speed", "10000", "--port", "0"]);
        let running = Running::start(command.env("TMPDIR", home.join("tmp")));
        let line = running.line_with("dashboard");
        let (url, operator) = line.rsplit_once("/#token=").expect("the token is in the fragment");
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        running.line_with("stands still");
        Self { running, port, operator: operator.to_owned() }
    }

    fn get(&self, path: &str) -> Vec<Value> {
        let mut relay = Connection::with_token(self.port, &self.operator).unwrap();
        let answer = relay.get(path).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.as_array().unwrap().clone()
    }
}

/// The value of a field of the one object that has this in another.
fn of<'a>(all: &'a [Value], field: &str, is: &str, asked: &str) -> &'a str {
    let found = all.iter().find(|one| one[field] == is);
    found.unwrap_or_else(|| panic!("no {field} is {is}"))[asked].as_str().unwrap_or_default()
}

#[test]
fn everything_that_agents_do_is_there_to_look_at() {
    let home = Home::new();
    let demo = Demo::start(&home);
    let agents = demo.get("/api/agents");
    assert_eq!(agents.len(), 7);
    assert_eq!(of(&agents, "label", "ops", "status"), "waiting");
    assert_eq!(of(&agents, "label", "docs", "status"), "offline");
    assert_eq!(demo.get("/api/channels").len(), 1);

    let mail = demo.get("/api/messages?limit=500");
    assert_eq!(mail.len(), 57, "each step that says something did");
    let first = &mail[0];
    assert_eq!((&first["from"], &first["verified"]), (&"human".into(), &true.into()));
    let minutes =
        |from: &Value, to: &Value| (to.as_i64().unwrap() - from.as_i64().unwrap()) / 60_000;
    assert!(minutes(&first["createdAt"], &mail[56]["createdAt"]) >= 60, "there is a past");
    let claims: Vec<_> = mail.iter().filter(|one| one["claim"]["doneAt"].is_i64()).collect();
    assert!(claims.len() > 3, "{claims:?}");

    let tasks = demo.get("/api/tasks");
    for (title, status) in [
        ("Checkout errors above 2 %", "done"),
        ("Search is slow: p95 at 840 ms", "done"),
        ("Write the notes of release 2.14", "open"),
    ] {
        assert_eq!(of(&tasks, "title", title, "status"), status, "{title}");
    }
    let count = tasks.iter().filter(|task| task["status"] == "blocked").count();
    assert_eq!((count, &tasks[0]["occurrenceCount"]), (1, &3.into()));
    let pairs = demo.get("/api/pairs");
    let status = |status: &str| pairs.iter().filter(|pair| pair["status"] == status).count();
    assert_eq!((status("ended"), status("active")), (2, 1));
}

#[test]
fn whoever_writes_to_an_agent_is_answered() {
    let home = Home::new();
    let demo = Demo::start(&home);
    let url = format!("http://127.0.0.1:{}", demo.port);
    let asked = home.run(&["ask", "release", "Ready?", "--timeout", "1m", "--url", &url]);
    assert_ok(&asked);
    assert!(asked.stdout.contains("part of the demo"), "{asked:?}");
}

#[test]
fn nothing_is_left_of_it() {
    let home = Home::new();
    let demo = Demo::start(&home);
    assert_eq!(fs::read_dir(home.join("tmp")).unwrap().count(), 1);
    demo.running.signal("INT");
    let (code, talk) = demo.running.end();
    assert_eq!(code, Some(0), "{talk}");
    assert_eq!(fs::read_dir(home.join("tmp")).unwrap().count(), 0);
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|one| one.unwrap().path()).collect();
    assert_eq!(left, [home.join("tmp")], "no folder of settings, data or state");
    assert!(TcpStream::connect(("127.0.0.1", demo.port)).is_err());
}

#[test]
fn on_another_relay_its_agents_come_and_go() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let arguments = ["demo", "--once", "--speed", "10000", "--url", &relay.url];
    let demo = Running::start(&mut home.command(&arguments));
    demo.line_with("stands still");
    let agents = || Connection::open(relay.port()).unwrap().get("/api/agents").unwrap().body;
    assert_eq!(agents().as_array().unwrap().len(), 7);
    demo.signal("TERM");
    assert_eq!(demo.end().0, Some(0));
    assert_eq!(agents().as_array().unwrap().len(), 0);
}

#[test]
fn a_speed_that_is_none_is_refused() {
    for speed in ["0", "-1", "fast", "inf", "NaN"] {
        let done = Home::new().run(&["demo", "--speed", speed]);
        assert_eq!(done.code, 2, "{done:?}");
    }
    let nobody = Home::new().run(&["demo", "--url", "http://127.0.0.1:9"]);
    assert_fails(&nobody, 3, "127.0.0.1:9", "serve");
}
