//! Channels on the command line: who carries conversations to where people already talk.
#![cfg(unix)]

mod support;

use relay_core::channel::Channel;
use serde_json::json;
use support::{Home, Relay, assert_ok, http::Connection};

#[test]
fn channels_are_listed_with_what_they_carry() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let run = |arguments: &[&str]| home.run(&[arguments, &["--url", &relay.url]].concat());
    let none = run(&["channels"]);
    assert!(none.stdout.is_empty() && none.stderr.contains("no channels"), "{none:?}");

    let mut bridge = Connection::open(relay.port()).unwrap();
    bridge.register("no-channel");
    let agent = json!({
        "id": "telegram-ops", "provider": "channel", "channel": {
            "type": "telegram", "name": "Ops Bot",
            "bindings": [{"chat": "-1001", "target": "cap:ops"}, {"chat": "7", "target": "human"}],
        },
    });
    assert_eq!(bridge.post("/api/agents", &agent).unwrap().status, 201);
    let list = run(&["channels"]);
    assert_ok(&list);
    assert_eq!(list.stdout.lines().count(), 2, "{list:?}");
    let row = list.stdout.lines().nth(1).unwrap();
    for word in ["telegram-ops", "telegram", "Ops Bot", "-1001 -> cap:ops, 7 -> human", "ago"] {
        assert!(row.contains(word), "no {word} in {list:?}");
    }
    let all: Vec<Channel> = serde_json::from_str(&run(&["channels", "--json"]).stdout).unwrap();
    assert_eq!(all[0].bridge.bindings.len(), 2);
}
