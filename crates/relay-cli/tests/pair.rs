//! Two terminals pair, talk and part.
#![cfg(unix)]

mod support;

use relay_core::{
    api::reply::Sent,
    pair::{EndReason, Pair, Status},
};
use serde::de::DeserializeOwned;
use support::{Done, Home, Relay, Running, assert_fails, assert_ok, terminal::Terminal};

fn read<T: DeserializeOwned>(done: &Done) -> T {
    assert_ok(done);
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// The first word that reads like a pair's id.
fn pair_id(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.map(str::to_owned).find(|word| word.parse::<relay_core::id::PairId>().is_ok()).unwrap()
}

#[test]
fn two_terminals_pair_talk_and_part() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut one = Terminal::open(&home, &relay, "one");
    let mut two = Terminal::open(&home, &relay, "two");
    assert_ok(&one.run(&["join", "one"]));
    assert_ok(&two.run(&["join", "two", "--label", "Night Shift"]));
    let watch = ["watch", "--all", "--url", &relay.url];
    let watch = Running::start(&mut home.command(&watch));
    watch.talk_with("watching");

    let invited = one.run(&["/pair", "night shift", "Debug flaky auth tests"]);
    assert_ok(&invited);
    let id = pair_id(&invited.stdout);
    assert_eq!(invited.stdout, format!("invited two to pair {id}\n"));
    assert!(invited.stderr.contains("disconnect"), "{invited:?}");
    watch.line_with(&format!("pair {id}: one invites two: Debug flaky auth tests"));
    let inbox = two.run(&["inbox", "--unread"]).stdout;
    assert!(inbox.contains(&format!("from one (pair {id}): I invite you")), "{inbox}");
    assert_fails(&one.run(&["pair", "send", "--body", "hi"]), 1, "no pair that was", &id);
    assert_fails(&one.run(&["pair", "send", &id, "--body", "hi"]), 1, "is pending", "not answered");
    assert_fails(&two.run(&["pair", "one"]), 1, "is in pair", &format!("pair accept {id}"));

    let accepted = two.run(&["pair", "accept"]);
    assert_eq!(accepted.stdout, format!("pair {id} with one is active\n"), "{accepted:?}");
    watch.line_with(&format!("pair {id}: two accepts"));
    let sent = one.run(&["pair", "send", "--body", "which test?"]);
    assert!(sent.stdout.ends_with("] to two\n"), "{sent:?}");
    let said = two.type_in(&format!("echo 'the login one' | agent-relay pair send {id}"));
    assert!(said.stdout.ends_with("] to one\n"), "{said:?}");
    let inbox = one.run(&["inbox", "--unread"]).stdout;
    assert!(inbox.ends_with(&format!("from two (pair {id}): the login one\n")), "{inbox}");
    let status = one.run(&["status"]).stdout;
    let line = format!("pair    {id} with two (active): Debug flaky auth tests\n");
    assert!(status.contains(&line), "{status}");
    let shown = two.run(&["pair", "status"]).stdout;
    assert!(shown.contains(&id) && shown.contains("one"), "{shown}");
    assert_fails(
        &two.run(&["pair", "reject", &id]),
        1,
        "is active and cannot be declined",
        "hangup",
    );

    let over = two.run(&["/disconnect"]);
    assert_eq!(over.stdout, format!("pair {id} with one is over\n"), "{over:?}");
    watch.line_with("is over: two hung up");
    assert_ok(&two.run(&["disconnect", &id]));
    assert_fails(&two.run(&["disconnect"]), 1, "is in no pair", "pair TARGET");
    assert_fails(&one.run(&["pair", "accept", &id]), 1, "is ended", "invite again");
}

#[test]
fn whom_an_invitation_means_is_said_when_it_is_not_clear() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut one = Terminal::open(&home, &relay, "one");
    let mut two = Terminal::open(&home, &relay, "two");
    let mut three = Terminal::open(&home, &relay, "three");
    for (terminal, name) in [(&mut one, "one"), (&mut two, "two"), (&mut three, "three")] {
        assert_ok(&terminal.run(&["join", name]));
    }
    assert_fails(
        &one.run(&["pair", "cli"]),
        1,
        "`cli` fits 2 agents",
        "name one of them: three, two",
    );
    assert_fails(&one.run(&["pair", "thre"]), 1, "no agent `thre`", "did you mean three?");
    assert_fails(&one.run(&["pair", "one"]), 2, "cannot pair with itself", "agent-relay agents");
    assert_fails(&one.run(&["pair"]), 2, "<TARGET>", "agent-relay pair");
    assert_fails(&one.run(&["pair", "accept", "nope"]), 2, "p7f3k2", "");
    assert_fails(&one.run(&["pair", "accept", "p00000"]), 1, "does not exist", "pair status");
    assert_fails(&one.run(&["pair", "accept"]), 1, "no invitation", "pair TARGET");
    assert_fails(&one.run(&["pair", "two", "a", "--objective", "b"]), 2, "cannot be used with", "");
    let long = "x".repeat(2_001);
    assert_fails(&one.run(&["pair", "two", &long]), 2, "the objective", "");
    assert_ok(&one.run(&["pair", "two"]));
    assert_fails(&three.run(&["pair", "two"]), 1, "`two` is in another pair", "message");
    assert_ok(&two.run(&["leave"]));
    assert_fails(&three.run(&["pair", "two"]), 1, "`two` is offline", "agent-relay send two");
}

#[test]
fn json_is_the_apis_own() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut one = Terminal::open(&home, &relay, "one");
    assert_ok(&one.run(&["join", "one"]));
    let human =
        |arguments: &[&str]| home.run(&[arguments, &["--json", "--url", &relay.url]].concat());
    let pair: Pair = read(&human(&["pair", "one", "--objective", "a plan"]));
    assert_eq!((pair.status, pair.initiator.as_str()), (Status::Pending, "human"));
    let id = pair.id.as_str();
    let active: Pair = read(&one.run(&["pair", "accept", id, "--json"]));
    assert_eq!(active.status, Status::Active);
    let sent: Sent = read(&human(&["pair", "send", id, "yes", "or", "no?"]));
    assert_eq!((sent.message.body.as_str(), sent.message.verified), ("yes or no?", true));
    let status: serde_json::Value = read(&one.run(&["status", "--json"]));
    assert_eq!(status["pair"]["id"], id);
    let over: Pair = read(&human(&["pair", "hangup"]));
    assert_eq!(over.end_reason, Some(EndReason::Hangup));
    assert_eq!(read::<Vec<Pair>>(&one.run(&["pair", "status", "--json"])), []);
    assert_eq!(read::<Vec<Pair>>(&one.run(&["pair", "status", "--all", "--json"])), [over]);
    let on_behalf: Pair = read(&human(&["pair", "one", "--agent", "human"]));
    let declined: Pair = read(&human(&["pair", "reject", on_behalf.id.as_str(), "--agent", "one"]));
    assert_eq!(declined.status, Status::Rejected);
}
