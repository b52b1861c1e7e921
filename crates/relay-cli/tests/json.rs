//! `--json` prints the API's own types, on every command that reads, and nothing else.
#![cfg(unix)]

mod support;

use relay_core::{
    agent::Agent,
    api::reply::{CreatedToken, Sent, Token},
    message::Message,
};
use serde::de::DeserializeOwned;
use support::{Home, Relay, assert_ok, terminal::Terminal};

fn read<T: DeserializeOwned>(terminal: &mut Terminal<'_>, arguments: &[&str]) -> T {
    let done = terminal.run(&[arguments, &["--json"]].concat());
    assert_ok(&done);
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

#[test]
fn every_command_that_reads_prints_the_apis_type() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut one = Terminal::open(&home, &relay, "one");
    let mut two = Terminal::open(&home, &relay, "two");
    assert_eq!(read::<Agent>(&mut one, &["join", "one"]).id.as_str(), "one");
    assert_ok(&two.run(&["join", "two"]));

    let sent: Sent = read(&mut one, &["send-claimable", "two", "hi", "--subject", "S"]);
    assert_eq!((sent.recipients, sent.message.verified), (1, true));
    let id = sent.message.id.to_string();
    let inbox: Vec<Message> = read(&mut two, &["inbox"]);
    assert_eq!(inbox[0].body, "hi");
    assert_eq!(read::<Message>(&mut two, &["read", &id]).id, sent.message.id);
    assert_eq!(read::<Vec<Message>>(&mut two, &["thread", &id]).len(), 1);
    assert_eq!(read::<Message>(&mut two, &["claim", &id]).claim.unwrap().generation, 1);
    assert!(read::<Message>(&mut two, &["done", &id]).claim.unwrap().done_at.is_some());
    assert_eq!(
        read::<Sent>(&mut two, &["reply", &id, "ok"]).message.reply_to,
        Some(sent.message.id)
    );
    assert_eq!(read::<Vec<Agent>>(&mut two, &["agents", "--provider", "cli"]).len(), 2);
    assert_eq!(read::<Agent>(&mut two, &["label", "Bee"]).label.unwrap().as_str(), "Bee");
    assert_eq!(read::<Agent>(&mut two, &["tags"]).tags, []);
    assert_eq!(read::<serde_json::Value>(&mut two, &["status"])["unread"], 0);
    assert_eq!(read::<Vec<Message>>(&mut one, &["inbox", "--wait"]).len(), 1, "the reply");
    assert_eq!(read::<Vec<Message>>(&mut one, &["inbox", "--unread"]), [], "an empty list is one");
}

#[test]
fn what_is_said_about_a_message_reaches_the_relay() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut one = Terminal::open(&home, &relay, "one");
    assert_ok(&one.run(&["join", "one"]));
    let first: Sent = read(&mut one, &["send", "human", "hi", "--key", "k"]);
    let again: Sent = read(&mut one, &["send", "human", "hi", "--key", "k"]);
    assert_eq!(first.message.id, again.message.id, "a key sends once");
    assert_eq!(one.run(&["send", "human", "other", "--key", "k"]).code, 1, "and one thing only");

    let id = first.message.id.to_string();
    let options = ["--subject", "S", "--urgency", "later", "--channel", "ops", "--kind", "task"];
    let more = ["--reply-to", &id, "--expires", "10m"];
    let sent: Sent = read(&mut one, &[&["send", "human", "hi"], &options[..], &more[..]].concat());
    let message = sent.message;
    assert_eq!(message.subject.as_deref(), Some("S"));
    assert_eq!(message.urgency.as_str(), "later");
    assert_eq!(message.channel.as_deref(), Some("ops"));
    assert_eq!(message.kind.as_str(), "task");
    assert_eq!((message.reply_to, message.thread_id), (Some(first.message.id), first.message.id));
    assert_eq!(message.expires_at.unwrap().0 - message.created_at.0, 600_000);

    assert_ok(&one.run(&["delete", &id]));
    assert_eq!(read::<Message>(&mut one, &["read", &id]).body, "");
}

#[test]
fn json_keeps_every_character_of_a_message() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let text = "a\u{1b}[31mb\u{9b}31mc\u{202e}d\u{7f}";
    let mut one = Terminal::open(&home, &relay, "one");
    let sent: Sent = read(&mut one, &["send", "human", text]);
    assert_eq!(sent.message.body, text);
}

#[test]
fn a_whole_inbox_is_more_than_a_page() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut connection = support::http::Connection::open(relay.port()).unwrap();
    connection.register("script");
    for number in 0..520 {
        let message =
            serde_json::json!({"from": "script", "to": "human", "body": format!("{number}")});
        assert_eq!(connection.post("/api/messages", &message).unwrap().status, 201);
    }
    let count = |arguments: &[&str]| {
        let done = home.run(&[&["inbox", "--json", "--url", &relay.url], arguments].concat());
        serde_json::from_str::<Vec<Message>>(&done.stdout).unwrap().len()
    };
    assert_eq!((count(&[]), count(&["--limit", "3"]), count(&["--all"])), (20, 3, 520));
    let few = home.run(&["inbox", "--unread", "--limit", "1", "--url", &relay.url]);
    assert!(few.stdout.ends_with(": 0\n"), "the oldest unread comes first: {few:?}");
}

#[test]
fn tokens_are_made_used_listed_and_revoked() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut terminal = Terminal::open(&home, &relay, "one");
    let made: CreatedToken = read(
        &mut terminal,
        &["token", "create", "CI", "--scope", "agents:read,stats:read", "--expires", "1h"],
    );
    assert_eq!(made.about.scopes.len(), 2);
    let listed: Vec<Token> = read(&mut terminal, &["token", "list"]);
    assert_eq!(listed, std::slice::from_ref(&made.about));
    assert!(!terminal.run(&["token", "list"]).stdout.contains(&made.token));

    std::fs::write(home.join("ci.token"), &made.token).unwrap();
    let with_it = |arguments: &str| format!("agent-relay --token-file ci.token {arguments}");
    assert_ok(&terminal.type_in(&with_it("agents")));
    let refused = terminal.type_in(&with_it("token list"));
    support::assert_fails(&refused, 3, "system:write", "token create");
    assert_ok(&terminal.run(&["token", "revoke", &made.about.id.to_string()]));
    assert_eq!(terminal.type_in(&with_it("agents")).code, 3, "revoked at once");
}
