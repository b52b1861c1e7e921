//! A 201 survives `kill -9`: under load, at any moment, again and again.

mod support;

use std::{sync::mpsc::channel, thread};

use support::{
    Home, PATIENCE, Relay,
    http::Connection,
    load::{self, Chance, Messages},
};

const SENDERS: u64 = 8;

/// How often the relay is killed; the long run is for the night.
fn cycles() -> u64 {
    if load::full() { 200 } else { 20 }
}

#[test]
fn every_acknowledged_message_survives_a_kill() {
    let mut chance = Chance::new();
    let home = Home::new();
    let file = home.join("relay.db");
    let database = file.to_str().unwrap();
    let mut acknowledged = Messages::new();
    let mut newest = 0;
    for cycle in 0..cycles() {
        let relay = Relay::start_with(&home, &["--db", database, "--log", "warn"]);
        let port = relay.port();
        // What was there before the last cycle was read then; all of it is read again at the end.
        let stored = read(port, newest);
        check(acknowledged.range(newest + 1..), &stored, cycle, chance.seed);
        newest = stored.keys().next_back().copied().unwrap_or(newest);
        if cycle == 0 {
            load::register_senders(port, SENDERS);
        }
        let (acknowledge, acknowledgements) = channel();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let acknowledge = acknowledge.clone();
                thread::spawn(move || load::send_until_killed(port, cycle, sender, &acknowledge))
            })
            .collect();
        for _ in 0..chance.within(1..1_000) {
            acknowledgements.recv_timeout(PATIENCE).expect("there is load");
        }
        relay.kill();
        for sender in senders {
            for (id, text) in sender.join().unwrap() {
                let seed = chance.seed;
                assert!(id > newest, "id {id} was reused in cycle {cycle}; seed {seed}");
                assert!(acknowledged.insert(id, text).is_none(), "id {id} twice; seed {seed}");
            }
        }
        load::integrity(&file, chance.seed);
    }
    let relay = Relay::start_with(&home, &["--db", database]);
    check(acknowledged.iter(), &read(relay.port(), 0), cycles(), chance.seed);
    assert!(acknowledged.len() as u64 > cycles(), "there was load: {}", acknowledged.len());
}

fn read(port: u16, since: i64) -> Messages {
    Connection::open(port).unwrap().messages(since)
}

fn check<'a>(
    acknowledged: impl IntoIterator<Item = (&'a i64, &'a String)>,
    stored: &Messages,
    cycle: u64,
    seed: u64,
) {
    for (id, text) in acknowledged {
        let found = stored.get(id);
        assert_eq!(found, Some(text), "message {id} after cycle {cycle}; seed {seed}");
    }
}
