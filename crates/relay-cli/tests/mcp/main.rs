//! `agent-relay mcp`, the real program, as clients run it: spoken to in lines of JSON.

#[path = "../support/mod.rs"]
mod support;

mod call;
mod end;
mod hello;
mod identity;
mod wait;

use std::{process::Command, time::Instant};

use serde_json::Value;
use support::{Home, PATIENCE, Relay, http::Connection, mcp::Mcp};

/// The command that a client runs, with the address of the relay in its settings.
fn server(home: &Home, relay: &Relay) -> Command {
    let mut command = home.command(&["mcp"]);
    command.env("AGENT_RELAY_URL", &relay.url);
    command
}

/// A client of this name that has said hello.
fn client(home: &Home, relay: &Relay, name: &str) -> Mcp {
    Mcp::connect(&mut server(home, relay), name)
}

/// What the relay says at a path.
fn shown(relay: &Relay, path: &str) -> Value {
    Connection::open(relay.port()).unwrap().get(path).unwrap().body
}

/// Waits until something is so.
#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
fn wait_until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < PATIENCE, "it does not come to that");
    }
}

/// Waits until an agent has that status.
fn wait_for_status(relay: &Relay, agent: &str, status: &str) {
    wait_until(|| shown(relay, &format!("/api/agents/{agent}"))["status"] == status);
}

/// Runs a command as the person at the keyboard.
fn operator(home: &Home, relay: &Relay, arguments: &[&str]) -> String {
    let done = support::finish(home.command(arguments).env("AGENT_RELAY_URL", &relay.url));
    support::assert_ok(&done);
    done.stdout
}
