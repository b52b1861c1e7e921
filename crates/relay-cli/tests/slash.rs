//! Every slash form is the command itself.
#![cfg(unix)]

mod support;

use support::{Home, Relay, assert_ok, terminal::Terminal};

#[test]
fn slash_forms_do_what_the_commands_do() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut terminal = Terminal::open(&home, &relay, "one");
    assert_ok(&terminal.run(&["/join", "one"]));
    assert_eq!(terminal.run(&["/label", "Bee"]).stdout, "Bee\n");
    assert_eq!(terminal.run(&["/tags", "a"]).stdout, "a\n");
    assert!(terminal.run(&["/message", "human", "/status"]).stdout.starts_with("sent [msg:"));
    assert!(terminal.run(&["/send-claimable", "cap:x", "work"]).stdout.contains("to cap:x"));
    assert!(terminal.run(&["--json", "/status"]).stdout.contains("\"id\": \"one\""));
    assert_ok(&terminal.run(&["/inbox"]));
    let inbox = home.run(&["/inbox", "--url", &relay.url]);
    assert!(inbox.stdout.ends_with("from one: /status\n"), "{inbox:?}");
}
