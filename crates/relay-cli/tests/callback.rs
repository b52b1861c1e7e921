//! A callback arrives at least once, signed, in order per task: with a receiver that fails, hangs
//! and redirects, and a relay that is killed again and again.

#[path = "callback/receiver.rs"]
mod receiver;
mod support;

use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use receiver::{Ledger, Moody};
use serde_json::{Value, json};
use support::{
    Home, PATIENCE, Relay,
    http::Connection,
    load::{self, Chance},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "ops-token-canary-0123456789";
/// Waits in milliseconds. Of what is tried twenty times, hardly anything fails every time.
const TIMETABLE: &str = "0,5,10,20,40,60,80,100,100,100,100,100,100,100,100,100,100,100,100,100";
const TIMEOUT: Duration = Duration::from_millis(400);

/// How many events, over how many tasks, and how many kills among them.
fn size() -> (u64, u64, u64) {
    if load::full() { (5_000, 500, 50) } else { (500, 50, 10) }
}

#[test]
fn every_event_of_a_task_is_told_in_order_whatever_receiver_and_relay_do() {
    let mut chance = Chance::new();
    let seed = chance.seed;
    eprintln!("the seed is {seed}");
    let moody = Moody::start(SECRET, Chance::of(chance.within(0..u64::MAX)));
    let home = Home::new();
    let (events, tasks, kills) = size();
    let mut relay = start(&home, &moody.url);
    for kill in 0..=kills {
        let (first, last) = (events * kill / (kills + 1), events * (kill + 1) / (kills + 1));
        let deadly = chance.within(first..last);
        for number in first..last {
            moody.taken.try_iter().for_each(drop);
            post(relay.port(), number % tasks);
            if kill < kills && number == deadly {
                // Most likely before the relay has noted that this one was taken.
                moody.taken.recv_timeout(PATIENCE).expect("something is taken");
                relay.kill();
                relay = start(&home, &moody.url);
            }
        }
    }
    let written = history(relay.port());
    let count: usize = written.values().map(Vec::len).sum();
    assert_eq!(count as u64, events, "no event was lost or counted twice; seed {seed}");
    while moody.ledger.lock().unwrap().count() < count {
        moody
            .taken
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("one is missing; seed {seed}"));
    }
    check(&moody.ledger.lock().unwrap(), &written, seed);
    assert_eq!(moody.strayed(), 0, "a redirect was followed; seed {seed}");
    end(relay);
}

#[test]
fn what_waits_for_an_integration_without_an_address_is_sent_when_it_has_one_again() {
    let home = Home::new();
    let relay = start(&home, &nobody());
    post(relay.port(), 1);
    relay.server.talk_with("a callback failed and is tried again");
    relay.kill();
    let silent = json!({ "name": "ops", "token": TOKEN, "scopes": ["tasks:read"] });
    let relay = start_with(&home, &silent, TIMEOUT);
    relay.server.talk_with("callbacks wait for an integration without a callbackUrl");
    let ops = &get(relay.port(), "/api/integrations")[0];
    assert_eq!((&ops["callback"], &ops["waitingCallbacks"]), (&json!(false), &json!(1)));
    relay.kill();
    let moody = Moody::start(SECRET, Chance::new());
    let _relay = start(&home, &moody.url);
    moody.taken.recv_timeout(PATIENCE).expect("it is sent");
}

#[test]
fn a_receiver_that_does_not_answer_does_not_hold_up_the_end() {
    const DEADLINE: Duration = Duration::from_secs(5);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let relay = start_with(&home, &called_back(&url), PATIENCE / 6);
    post(relay.port(), 1);
    let (_under_way, _) = listener.accept().unwrap();
    let told = tokio::time::Instant::now();
    relay.server.signal("TERM");
    assert_eq!(relay.server.end().0, Some(0));
    assert!(told.elapsed() < DEADLINE, "{:?}", told.elapsed());
}

/// An address where nobody listens.
fn nobody() -> String {
    format!("http://{}/", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// Nobody's secrets stand in what the relay says, at whatever level.
fn end(relay: Relay) {
    let dead = get(relay.port(), "/api/integrations/dead-letters");
    assert_eq!(dead, json!([]));
    relay.server.signal("TERM");
    let (code, talk) = relay.server.end();
    assert_eq!(code, Some(0), "{talk}");
    assert!(talk.contains("a callback failed and is tried again"), "{talk}");
    assert!(!talk.contains("canary") && !talk.contains(SECRET), "{talk}");
}

fn check(ledger: &Ledger, written: &BTreeMap<i64, Vec<i64>>, seed: u64) {
    let Ledger { attempts, failed, hung, redirected, repeats, wrong, .. } = ledger;
    eprintln!(
        "{} callbacks in {attempts} attempts: {failed} failed, {hung} hung, {redirected} redirected; \
         {repeats} for what had been taken before",
        ledger.count()
    );
    assert_eq!(wrong, &Vec::<String>::new(), "seed {seed}");
    assert_eq!(&ledger.taken, written, "per task, first deliveries in order; seed {seed}");
}

fn start(home: &Home, url: &str) -> Relay {
    start_with(home, &called_back(url), TIMEOUT)
}

fn start_with(home: &Home, ops: &Value, timeout: Duration) -> Relay {
    let mut command = home.command(&["serve", "--port", "0"]);
    command
        .env("AGENT_RELAY_LOG", "debug")
        // Where nobody listens: nothing would arrive through it.
        .env("http_proxy", "http://127.0.0.1:9")
        .env("AGENT_RELAY_INTEGRATIONS", json!([ops]).to_string())
        .env("AGENT_RELAY_INTEGRATION_RATE_LIMIT_PER_MINUTE", "1000000")
        .env("AGENT_RELAY_CALLBACK_RETRY_MS", TIMETABLE)
        .env("AGENT_RELAY_CALLBACK_TIMEOUT_MS", timeout.as_millis().to_string());
    Relay::spawn(&mut command)
}

fn called_back(url: &str) -> Value {
    json!({
        "name": "ops", "token": TOKEN, "scopes": ["tasks:create", "tasks:read"], "targets": ["*"],
        "callbackUrl": url, "callbackSecret": SECRET,
    })
}

fn post(port: u16, task: u64) {
    let event = json!({
        "type": "alert", "severity": "error", "dedupeKey": format!("key-{task}"), "title": "Disk",
        "body": "full", "target": "human",
    });
    let answer = open(port).post("/api/integrations/events", &event).unwrap();
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

/// What happened to each task, as its history has it: as many steps as it has events.
fn history(port: u16) -> BTreeMap<i64, Vec<i64>> {
    let tasks = get(port, "/api/tasks?limit=500");
    let steps = |task: &Value| {
        let id = task["id"].as_i64().unwrap();
        let events = get(port, &format!("/api/tasks/{id}/events"));
        let count = events.as_array().unwrap().len() as i64;
        assert_eq!(task["occurrenceCount"], json!(count));
        (id, (1..=count).collect())
    };
    tasks.as_array().unwrap().iter().map(steps).collect()
}

fn get(port: u16, path: &str) -> Value {
    open(port).get(path).unwrap().body
}

fn open(port: u16) -> Connection {
    Connection::with_token(port, TOKEN).unwrap()
}
