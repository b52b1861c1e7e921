//! The main job: two terminals whose agents find each other, talk, and share work.
#![cfg(unix)]

mod support;

use support::{
    Home, Relay, Running, assert_fails, assert_ok, http::Connection, terminal::Terminal,
};

/// The id that `sent [msg:42] to …` tells.
fn sent(stdout: &str) -> String {
    let id = stdout.split("[msg:").nth(1).and_then(|rest| rest.split(']').next());
    id.unwrap_or_else(|| panic!("no id in {stdout:?}")).to_owned()
}

#[test]
fn two_terminals_find_each_other_talk_and_share_work() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut alice = Terminal::open(&home, &relay, "alice");
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&alice.run(&["join", "alice", "--label", "Front End", "--tag", "web"]));
    assert_ok(&bob.run(&["join", "bob", "--cap", "review"]));

    let agents = alice.run(&["agents"]);
    assert!(agents.stdout.contains("alice") && agents.stdout.contains("bob"), "{agents:?}");

    let hello = bob.run(&["send", "front end", "the", "build", "is", "red"]);
    assert_ok(&hello);
    assert_eq!(hello.stderr, "");
    let inbox = alice.run(&["inbox", "--unread"]);
    let line = format!("[msg:{}] from bob: the build is red\n", sent(&hello.stdout));
    assert_eq!(inbox.stdout, line, "proven by bob's own token, so not marked");

    let read = alice.run(&["read", &sent(&hello.stdout)]);
    assert_eq!(read.stdout, line);
    assert_eq!(alice.run(&["inbox", "--unread"]).stdout, "", "read is read");
    assert_eq!(alice.run(&["inbox"]).stdout, line, "and still there");

    let answer = alice.run(&["reply", &sent(&hello.stdout), "mending it"]);
    let inbox = bob.run(&["inbox", "--wait"]);
    assert!(inbox.stdout.contains("from alice (answers msg:"), "{inbox:?}");
    assert!(inbox.stdout.ends_with("mending it\n"), "{inbox:?}");
    assert_eq!(bob.run(&["inbox", "--unread"]).stdout, "", "what was waited for is read");
    let thread = bob.run(&["thread", &sent(&answer.stdout)]);
    assert_eq!(thread.stdout.lines().count(), 2, "{thread:?}");

    let work = alice.run(&["send-claimable", "cap:review", "look at PR 7"]);
    let id = sent(&work.stdout);
    assert!(bob.run(&["inbox"]).stdout.contains("claimable): look at PR 7"));
    assert_ok(&bob.run(&["claim", &id]));
    assert!(bob.run(&["status"]).stdout.contains(&format!("claims  msg:{id}")));
    assert_ok(&bob.run(&["release", &id]));
    assert_ok(&bob.run(&["claim", &id]));
    assert_ok(&bob.run(&["done", &id]));
    assert_fails(&bob.run(&["claim", &id]), 1, "already finished by `bob`", "");

    assert_ok(&bob.run(&["leave"]));
    let gone = alice.run(&["agents", "--status", "offline"]);
    assert!(gone.stdout.contains("bob"), "{gone:?}");
    assert!(bob.run(&["status"]).stdout.contains("human"), "without an agent one speaks as human");
}

#[test]
fn a_question_is_answered_and_both_are_seen_live() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut alice = Terminal::open(&home, &relay, "alice");
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&alice.run(&["join", "alice"]));
    assert_ok(&bob.run(&["join", "bob"]));

    let url = ["--url", relay.url.as_str()];
    let watch = Running::start(home.command(&["watch", "--all"]).args(url));
    watch.talk_with("watching");
    let ask = Running::start(home.command(&["ask", "bob", "ready?", "--from", "alice"]).args(url));
    let question = watch.line_with("ready?");
    assert_ok(&bob.run(&["reply", &sent(&question), "yes"]));
    assert!(ask.line().ends_with("yes"));
    assert_eq!(ask.end().0, Some(0));
    watch.line_with("from bob");
    watch.line_with("read by alice");
    assert_eq!(alice.run(&["inbox", "--unread"]).stdout, "", "the answer was read");
}

#[test]
fn giving_up_a_question_keeps_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut alice = Terminal::open(&home, &relay, "alice");
    assert_ok(&alice.run(&["join", "alice"]));
    let ask =
        |timeout| home.command(&["ask", "alice", "?", "--timeout", timeout, "--url", &relay.url]);
    let waiting = Running::start(&mut ask("1h"));
    waiting.talk_with("waiting");
    waiting.signal("INT");
    let (code, said) = waiting.end();
    assert_eq!(code, Some(130));
    assert!(said.contains("hint: the question stays"), "{said}");
    let late = support::finish(&mut ask("1ms"));
    assert_eq!(late.code, 1, "{late:?}");
    assert!(late.stderr.contains("no answer to msg:"), "{late:?}");
    assert_eq!(alice.run(&["inbox"]).stdout.lines().count(), 2, "both are there to be answered");
}

#[test]
fn watching_goes_on_where_a_restart_cut_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let port = relay.port().to_string();
    let watch = Running::start(&mut home.command(&["watch", "--json", "--url", &relay.url]));
    watch.talk_with("watching");
    let url = relay.url.clone();
    assert_ok(&home.run(&["send", "human", "one", "--url", &url]));
    watch.line_with("\"one\"");
    relay.server.signal("TERM");
    assert_eq!(relay.server.end().0, Some(0));
    watch.talk_with("lost the relay");
    let again = Relay::spawn(&mut home.command(&["serve", "--port", &port]));
    assert_ok(&home.run(&["send", "human", "two", "--url", &url]));
    let line = watch.line_with("\"two\"");
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["name"], "message.new");
    drop(again);
}

#[test]
fn waiting_for_mail_outlasts_a_restart() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let port = relay.port().to_string();
    let mut alice = Terminal::open(&home, &relay, "alice");
    assert_ok(&alice.run(&["join", "alice"]));
    let wait = ["inbox", "--wait", "--url", &relay.url];
    let waiting = Running::start(&mut home.command(&wait));
    let mut metrics = Connection::open(relay.port()).unwrap();
    while !metrics.get("/metrics").unwrap().text.contains("route=\"ListMessages\"") {}
    relay.kill();
    waiting.talk_with("lost the relay");
    let again = Relay::spawn(&mut home.command(&["serve", "--port", &port]));
    assert_ok(&alice.run(&["send", "human", "you are back"]));
    assert!(waiting.line().ends_with("from alice: you are back"));
    assert_eq!(waiting.end().0, Some(0));
    drop(again);
}

#[test]
fn text_comes_from_the_pipe_too() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut terminal = Terminal::open(&home, &relay, "one");
    assert_ok(&terminal.run(&["join", "one"]));
    for line in [
        "printf 'a\\nb\\n' | agent-relay send human",
        "printf 'a\\nb\\n' | agent-relay send human -",
    ] {
        assert_ok(&terminal.type_in(line));
        let shown = home.run(&["inbox", "--limit", "1", "--url", &relay.url]).stdout;
        assert!(shown.ends_with("a\n    b\n"), "{shown:?}");
    }
    assert_fails(&terminal.type_in("agent-relay send human </dev/null"), 2, "empty", "");
    let text = terminal.type_in("printf '\\377' | agent-relay send human");
    assert_fails(&text, 2, "UTF-8", "");
}

#[test]
fn a_word_is_looked_up_and_a_wrong_one_says_what_was_near() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut first = Terminal::open(&home, &relay, "first");
    let mut second = Terminal::open(&home, &relay, "second");
    assert_ok(&first.run(&["join", "builder-1", "--label", "builder"]));
    assert_ok(&second.run(&["join", "builder-2", "--label", "tester"]));
    assert_ok(&first.run(&["send", "tester", "hi"]));
    assert_fails(&first.run(&["send", "cli", "hi"]), 1, "fits 2 agents", "builder-1, builder-2");
    assert_fails(&first.run(&["send", "buildr-2", "hi"]), 1, "no agent `buildr-2`", "builder-2");
    assert_fails(&first.run(&["send", "grp:x", "hi"]), 2, "`grp:x` is no target", "");
    let nobody = first.run(&["send", "tag:nobody-has-it", "hi"]);
    assert_ok(&nobody);
    assert!(nobody.stderr.contains("nobody is there"), "{nobody:?}");
}

#[test]
fn labels_and_tags_are_shown_set_and_cleared() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut terminal = Terminal::open(&home, &relay, "one");
    assert_ok(&terminal.run(&["join", "one"]));
    for (command, printed) in [
        (&["label"][..], "no label\n"),
        (&["label", "Night", "Shift"], "Night Shift\n"),
        (&["label"], "Night Shift\n"),
        (&["label", "--clear"], "no label\n"),
        (&["tags", "a", "b"], "a,b\n"),
        (&["tags"], "a,b\n"),
        (&["tags", "--clear"], "no tags\n"),
    ] {
        let done = terminal.run(command);
        assert_eq!((done.code, done.stdout.as_str()), (0, printed), "{command:?}: {done:?}");
    }
}
