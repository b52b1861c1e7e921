//! Integrations on the command line, and the callbacks that they did not take.
#![cfg(unix)]

mod support;

use relay_core::{callback::DeadLetter, integration::Overview};
use serde_json::json;
use support::{
    Done, Home, Relay, assert_fails, assert_ok, http::Connection, receiver::Receiver,
    terminal::Terminal,
};

const TOKEN: &str = "the-token-of-an-integration-canary";
const SECRET: &str = "the-secret-of-its-callbacks-canary";

/// A relay that gives up on a callback after its first attempt.
fn impatient(home: &Home, callback: &str) -> Relay {
    let integrations = json!([{
        "name": "ops-alerts", "token": TOKEN, "scopes": ["tasks:create"], "targets": ["cap:ops"],
        "channels": ["alerts"], "callbackUrl": callback, "callbackSecret": SECRET,
    }]);
    let mut serve = home.command(&["serve", "--port", "0"]);
    serve.env("AGENT_RELAY_INTEGRATIONS", integrations.to_string());
    Relay::spawn(serve.env("AGENT_RELAY_CALLBACK_RETRY_MS", "0"))
}

fn alert(relay: &Relay, key: &str) {
    let event = json!({
        "type": "alert", "severity": "error", "dedupeKey": key, "title": "Disk full",
        "body": "/var", "target": "cap:ops",
    });
    let mut source = Connection::with_token(relay.port(), TOKEN).unwrap();
    assert_eq!(source.post("/api/integrations/events", &event).unwrap().status, 201);
}

fn run(home: &Home, relay: &Relay, arguments: &[&str]) -> Done {
    home.run(&[&["integrations"], arguments, &["--url", &relay.url]].concat())
}

fn dead(home: &Home, relay: &Relay) -> Vec<DeadLetter> {
    let done = run(home, relay, &["dead-letters", "--json"]);
    assert_ok(&done);
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn integrations_are_listed_and_their_secrets_are_not() {
    let home = Home::new();
    let receiver = Receiver::answering(200);
    let relay = impatient(&home, &receiver.url);
    assert!(run(&home, &relay, &[]).stdout.contains("never"), "nothing was heard of it yet");
    alert(&relay, "disk");
    receiver.next();
    let list = run(&home, &relay, &[]);
    assert_ok(&list);
    let row = list.stdout.lines().nth(1).unwrap();
    for word in ["ops-alerts", "yes", "tasks:create", "cap:ops", "alerts", "1", "ago"] {
        assert!(row.contains(word), "no {word} in {list:?}");
    }
    let json = run(&home, &relay, &["list", "--json"]);
    let all: Vec<Overview> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((all[0].seen.active_tasks, all[0].seen.dead_letters, all[0].callback), (1, 0, true));
    for shown in [&list.stdout, &json.stdout] {
        assert!(!shown.contains("canary"), "{shown}");
    }

    let other = Home::new();
    let bare = Relay::start(&other);
    let none = run(&other, &bare, &[]);
    assert!(none.stderr.contains("serve --integrations-file FILE"), "{none:?}");
    assert_eq!(run(&other, &bare, &["--json"]).stdout, "[]\n");
}

#[test]
fn a_callback_that_was_given_up_on_is_listed_and_sent_again() {
    let home = Home::new();
    let receiver = Receiver::answering(500);
    let relay = impatient(&home, &receiver.url);
    let nothing = run(&home, &relay, &["dead-letters"]);
    assert!(nothing.stderr.contains("no callback was given up on"), "{nothing:?}");
    for key in ["a", "b"] {
        alert(&relay, key);
        receiver.next();
    }
    while dead(&home, &relay).len() < 2 {}
    let letters = dead(&home, &relay);
    assert_eq!((letters[0].attempts, letters[0].last_status), (1, Some(500)));
    let list = run(&home, &relay, &["dead-letters", "--integration", "ops-alerts"]);
    assert!(list.stdout.contains("created") && list.stdout.contains("500"), "{list:?}");
    assert!(list.stderr.contains("--retry"), "{list:?}");
    let warned = run(&home, &relay, &[]).stderr;
    assert!(warned.contains("2 callbacks were given up on"), "{warned}");
    let unknown = run(&home, &relay, &["dead-letters", "--retry", "999"]);
    assert_fails(&unknown, 1, "999", "");

    receiver.answer(200);
    let (first, second) = (letters[0].id.to_string(), letters[1].id.to_string());
    let one = run(&home, &relay, &["dead-letters", "--retry", &first]);
    assert!(
        one.stdout.contains(&format!("callback {first} to ops-alerts is sent again")),
        "{one:?}"
    );
    assert_eq!(receiver.next().body()["event"], "created");
    while dead(&home, &relay).len() > 1 {}
    let rest = run(&home, &relay, &["dead-letters", "--retry", "all", "--json"]);
    let sent: Vec<DeadLetter> = serde_json::from_str(&rest.stdout).unwrap();
    assert_eq!(sent.iter().map(|l| l.id.to_string()).collect::<Vec<_>>(), [second]);
    receiver.next();
    while !dead(&home, &relay).is_empty() {}
    assert!(run(&home, &relay, &["dead-letters", "--retry"]).stderr.contains("no callback"));
}

#[test]
fn an_agent_that_may_not_send_again_is_told_who_may() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&bob.run(&["join", "bob"]));
    let refused = bob.run(&["integrations", "dead-letters", "--retry", "1"]);
    assert_fails(&refused, 3, "system:write", "ask the operator");
    let token = ["token", "create", "x", "--scope", "system:write"];
    assert_fails(&bob.run(&token), 3, "system:write", "in a terminal that has not joined");
    let hinted = home.run(&[&token[..], &["--url", &relay.url]].concat());
    assert_ok(&hinted);
}
