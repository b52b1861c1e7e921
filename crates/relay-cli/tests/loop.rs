//! The closed loop: an alert comes in, one agent of three takes it, and who raised the alert is
//! told each step.
#![cfg(unix)]

mod support;

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use support::{
    Home, Relay, assert_fails, assert_ok,
    http::Connection,
    receiver::{Arrival, Receiver},
    terminal::Terminal,
};

const TOKEN: &str = "the-token-of-the-alerting-system";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AGENTS: [&str; 3] = ["ann", "ben", "cleo"];

fn relay(home: &Home, callback: &str) -> Relay {
    let integrations = json!([{
        "name": "alerting", "token": TOKEN, "scopes": ["tasks:create"], "targets": ["cap:ops"],
        "callbackUrl": callback, "callbackSecret": SECRET,
    }]);
    let mut serve = home.command(&["serve", "--port", "0"]);
    Relay::spawn(serve.env("AGENT_RELAY_INTEGRATIONS", integrations.to_string()))
}

fn alert(relay: &Relay) -> (u16, Value) {
    let event = json!({
        "type": "alert", "severity": "critical", "dedupeKey": "disk-db-1",
        "title": "Disk full on db-1", "body": "/var is at 98 %", "target": "cap:ops",
    });
    let mut source = Connection::with_token(relay.port(), TOKEN).unwrap();
    let answer = source.post("/api/integrations/events", &event).unwrap();
    (answer.status, answer.body)
}

/// The event and its place, of a callback that bears the relay's signature.
fn told(arrival: &Arrival) -> (String, i64, Value) {
    let webhook = Webhook::new(SECRET).unwrap();
    webhook.verify(arrival.text.as_bytes(), &arrival.headers).expect("it is signed");
    let body = arrival.body();
    let event = body["event"].as_str().unwrap().to_owned();
    (event, body["sequence"].as_i64().unwrap(), body)
}

#[test]
fn an_alert_is_taken_by_one_of_three_and_its_source_is_told_each_step() {
    let home = Home::new();
    let source = Receiver::answering(200);
    let relay = relay(&home, &source.url);
    let mut terminals = AGENTS.map(|name| Terminal::open(&home, &relay, name));
    for (terminal, name) in terminals.iter_mut().zip(AGENTS) {
        assert_ok(&terminal.run(&["join", name, "--cap", "ops"]));
    }

    let (first, task) = alert(&relay);
    let (second, counted) = alert(&relay);
    assert_eq!((first, second), (201, 200), "the same alert is one task");
    assert_eq!((&counted["id"], &counted["occurrenceCount"]), (&task["id"], &json!(2)));
    let id = task["id"].to_string();
    for terminal in &mut terminals {
        let inbox = terminal.run(&["inbox"]);
        assert_eq!(inbox.stdout.lines().count(), 1, "one message, not two: {inbox:?}");
        assert!(inbox.stdout.contains(&format!("task {id}, claimable): Disk full on db-1")));
    }

    let claims = claim_at_once(&mut terminals, &id);
    let winners: Vec<usize> = (0..3).filter(|n| claims[*n].code == 0).collect();
    let [winner] = winners[..] else { panic!("one wins: {claims:?}") };
    for loser in claims.iter().filter(|claim| claim.code != 0) {
        let holder = format!("already claimed by `{}`", AGENTS[winner]);
        assert_fails(loser, 1, &holder, "take other work");
    }
    let winner = &mut terminals[winner];
    assert_ok(&winner.run(&["tasks", "update", &id, "--progress", "rotating the logs"]));
    assert_ok(&winner.run(&["tasks", "done", &id, "98 % -> 41 %"]));

    let steps: Vec<_> = std::iter::repeat_with(|| told(&source.next())).take(5).collect();
    let order: Vec<_> = steps.iter().map(|(event, place, _)| (event.as_str(), *place)).collect();
    assert_eq!(
        order,
        [("created", 1), ("repeated", 2), ("claimed", 3), ("progress", 4), ("done", 5)]
    );
    assert_eq!(steps[3].2["task"]["progress"], "rotating the logs");
    assert_eq!(steps[4].2["task"]["result"], "98 % -> 41 %");
    assert_eq!(steps[4].2["taskEvent"]["by"], steps[2].2["taskEvent"]["by"]);
    assert!(source.is_quiet(), "each step is told once");
    let (status, task) = alert(&relay);
    assert_eq!(status, 201, "after the end it is a new task: {task}");
}

/// All three try in the same moment, as each in its own terminal.
fn claim_at_once(terminals: &mut [Terminal<'_>; 3], id: &str) -> Vec<support::Done> {
    std::thread::scope(|scope| {
        let tries = terminals
            .iter_mut()
            .map(|terminal| scope.spawn(move || terminal.run(&["tasks", "claim", id])));
        let tries: Vec<_> = tries.collect();
        tries.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    })
}
