//! One file of settings, for every program of this user.
#![cfg(unix)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt as _};

use support::{Home, Relay, assert_fails, assert_ok};

#[test]
fn after_setup_the_relay_asks_for_a_token_and_every_command_has_it() {
    let home = Home::new();
    assert_fails(&home.run(&["setup"]), 2, "nobody is there to ask", "--yes");
    let file = home.join("config/agent-relay/relay.env");
    let dry = home.run(&["setup", "--dry-run"]);
    assert_ok(&dry);
    assert!(dry.stdout.contains("AGENT_RELAY_TOKEN=…") && !file.exists(), "{dry:?}");

    assert_ok(&home.run(&["setup", "--yes"]));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read_to_string(&file).unwrap();
    for part in [
        "AGENT_RELAY_HOST=127.0.0.1\n",
        "AGENT_RELAY_PORT=4850\n",
        "data/agent-relay/relay.db\n",
        "AGENT_RELAY_TOKEN=arl_relay_",
    ] {
        assert!(first.contains(part), "no {part} in {first}");
    }
    let again = home.run(&["setup", "--yes"]);
    assert!(again.stdout.contains("nothing is changed"), "{again:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), first, "running it again keeps the token");

    // On a free port: the port of the file may be somebody's.
    let relay = Relay::start(&home);
    assert!(home.join("data/agent-relay/relay.db").exists());
    let port = relay.port().to_string();
    assert_ok(&home.run(&["setup", "--yes", "--port", &port]));
    assert_ok(&home.run(&["agents"]));
    let stranger = Home::new();
    let refused = stranger.run(&["agents", "--url", &relay.url]);
    assert_fails(&refused, 3, "token", "");

    assert_ok(&home.run(&["setup", "--yes", "--new-token"]));
    assert_fails(&home.run(&["agents", "--agent", "x"]), 3, "token", "");
    assert_ne!(fs::read_to_string(&file).unwrap(), first);
}

#[test]
fn the_token_of_the_file_never_goes_to_another_relay() {
    let (home, other) = (Home::new(), Home::new());
    assert_ok(&home.run(&["setup", "--yes", "--port", "1"]));
    let relay = Relay::start(&other);
    // With a token that this relay does not know, it would be refused.
    assert_ok(&home.run(&["agents", "--url", &relay.url]));
}

#[test]
fn a_line_that_is_none_is_told_by_file_and_number() {
    let home = Home::new();
    let folder = home.join("config/agent-relay");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("relay.env"), "AGENT_RELAY_PORT=1\noops\n").unwrap();
    for command in [&["setup", "--yes"][..], &["agents"], &["serve"]] {
        assert_fails(&home.run(command), 2, "relay.env, line 2: has no `=`", "");
    }
}
