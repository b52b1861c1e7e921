//! Several relays by name, each with its own token, which goes nowhere else.
#![cfg(unix)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

use serde_json::Value;
use support::{Done, Home, Relay, assert_fails, assert_ok, finish};

/// A relay that asks for a token, in a home of its own.
fn guarded(home: &Home, token: &str) -> Relay {
    Relay::spawn(home.command(&["serve", "--port", "0"]).env("AGENT_RELAY_TOKEN", token))
}

fn add(home: &Home, name: &str, url: &str, token: &str) {
    let file = home.join("token");
    fs::write(&file, format!("{token}\n")).unwrap();
    let file = file.to_str().unwrap();
    assert_ok(&home.run(&["context", "add", name, "--url", url, "--token-file", file]));
}

fn json(done: &Done) -> Value {
    assert_ok(done);
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn commands_go_to_the_relay_in_use_with_its_own_token() {
    let (home, first, second) = (Home::new(), Home::new(), Home::new());
    let (one, two) = (guarded(&first, "token-one"), guarded(&second, "token-two"));
    add(&home, "one", &one.url, "token-one");
    add(&home, "two", &two.url, "token-two");
    assert_ok(&home.run(&["context", "use", "two"]));
    let status = json(&home.run(&["status", "--json"]));
    assert_eq!((&status["relayUrl"], &status["context"]), (&two.url.clone().into(), &"two".into()));
    let told = home.run(&["status"]);
    assert!(told.stdout.contains(&format!("{}, context two", two.url)), "{told:?}");

    // An option wins over what is in use, and so does the variable.
    let status = json(&home.run(&["status", "--json", "--context", "one"]));
    assert_eq!(status["relayUrl"], one.url);
    let by_variable = finish(home.command(&["status", "--json"]).env("AGENT_RELAY_CONTEXT", "one"));
    assert_eq!(json(&by_variable)["relayUrl"], one.url);
    // An address wins over both, and gets the token that is kept beside it.
    let by_address = home.run(&["status", "--json", "--url", &one.url]);
    assert_eq!((&json(&by_address)["context"], by_address.code), (&"one".into(), 0));
    let by_address = finish(home.command(&["status", "--json"]).env("AGENT_RELAY_URL", &one.url));
    assert_eq!(json(&by_address)["relayUrl"], one.url);
    // What is set for the one that is in use does not go to the one that an option names.
    let mut command = home.command(&["status", "--json", "--context", "one"]);
    let done =
        finish(command.env("AGENT_RELAY_TOKEN", "token-two").env("AGENT_RELAY_URL", &two.url));
    assert_eq!(json(&done)["relayUrl"], one.url);
    // A token that is set wins.
    let done =
        finish(home.command(&["agents", "--agent", "x"]).env("AGENT_RELAY_TOKEN", "token-one"));
    assert_fails(&done, 3, "this token is not known here", "");
}

#[test]
fn a_token_never_goes_to_another_relay() {
    let (home, other) = (Home::new(), Home::new());
    add(&home, "kept", "http://127.0.0.1:1", "token-kept");
    assert_ok(&home.run(&["context", "use", "kept"]));
    // This one asks for no token, and would refuse one that it does not know.
    let open = Relay::start(&other);
    assert_ok(&home.run(&["agents", "--url", &open.url]));
    assert_ok(&home.run(&["context", "add", "open", "--url", &open.url]));
    assert_ok(&home.run(&["agents", "--context", "open"]));
    let mut command = home.command(&["agents", "--context", "open"]);
    assert_ok(&finish(command.env("AGENT_RELAY_TOKEN", "token-of-the-environment")));
    // Nor does the token that setup wrote down.
    assert_ok(&home.run(&["setup", "--yes", "--port", "1"]));
    assert_ok(&home.run(&["agents", "--context", "open"]));
}

#[test]
fn a_session_that_is_open_keeps_its_relay() {
    let (home, first, second) = (Home::new(), Home::new(), Home::new());
    let (one, two) = (guarded(&first, "token-one"), guarded(&second, "token-two"));
    add(&home, "one", &one.url, "token-one");
    add(&home, "two", &two.url, "token-two");
    let script = "set -e; agent-relay context use one; agent-relay join alice\n\
                  agent-relay context use two; agent-relay status --json > in\n\
                  agent-relay status --json --context two > elsewhere";
    let mut shell = std::process::Command::new("sh");
    home.furnish(shell.args(["-c", script]));
    assert_ok(&finish(&mut shell));
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(home.join(name)).unwrap()).unwrap()
    };
    let (inside, elsewhere) = (read("in"), read("elsewhere"));
    assert_eq!((&inside["agent"]["id"], &inside["relayUrl"]), (&"alice".into(), &one.url.into()));
    assert_eq!(
        (&elsewhere["agent"]["id"], &elsewhere["context"]),
        (&"human".into(), &"two".into())
    );
}

#[test]
fn the_file_is_its_users_only_and_no_command_shows_a_token() {
    let home = Home::new();
    let mut done = Vec::new();
    let mut piped = home.command(&[
        "context",
        "add",
        "work",
        "--url",
        "https://relay.example/team/",
        "--token-stdin",
        "--use",
    ]);
    let mut child =
        piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"s3cret-work\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    done.push(Done {
        code: output.status.code().unwrap(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    });
    for arguments in [
        &["context", "list"][..],
        &["context", "list", "--json"],
        &["context", "show"],
        &["context", "show", "work", "--json"],
        &["context", "use", "work", "--json"],
    ] {
        done.push(home.run(arguments));
    }
    for done in &done {
        assert_ok(done);
        assert!(!format!("{done:?}").contains("s3cret"), "{done:?}");
    }
    let shown = json(&done[4]);
    assert_eq!(shown["url"], "https://relay.example/team");
    assert_eq!((&shown["hasToken"], &shown["current"]), (&true.into(), &true.into()));
    let file = home.join("config/agent-relay/contexts.json");
    assert!(fs::read_to_string(&file).unwrap().contains("s3cret-work"));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_ok(&home.run(&["context", "remove", "work"]));
    assert!(!fs::read_to_string(&file).unwrap().contains("s3cret"), "it is forgotten");
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let home = Home::new();
    let none = home.run(&["context", "show"]);
    assert_fails(&none, 1, "no context is in use", "context list");
    add(&home, "work", "http://127.0.0.1:1", "token");
    let add_again = ["context", "add", "work", "--url", "http://127.0.0.1:2"];
    assert_fails(&home.run(&add_again), 1, "there is a context `work` already", "--replace");
    assert_ok(&home.run(&[&add_again[..], &["--replace"]].concat()));
    let replaced = json(&home.run(&["context", "show", "work", "--json"]));
    assert_eq!(
        (&replaced["url"], &replaced["hasToken"]),
        (&"http://127.0.0.1:2".into(), &false.into())
    );
    for (arguments, code, error, hint) in [
        (&["context", "add", "x"][..], 2, "the relay's address is missing", "--url http://"),
        (&["context", "add", "x", "--url", "relay"], 2, "--url: `relay` is no relay's address", ""),
        (&["context", "use", "wrok"], 1, "there is no context `wrok`; there is work", ""),
        (&["agents", "--context", "wrok"], 2, "--context: there is no context `wrok`", ""),
        (&["context", "remove", "wrok"], 1, "there is no context `wrok`", ""),
        (&["agents", "--context", "work", "--url", "http://x"], 2, "cannot be used with", ""),
    ] {
        assert_fails(&home.run(arguments), code, error, hint);
    }
    let by_variable = finish(home.command(&["agents"]).env("AGENT_RELAY_CONTEXT", "wrok"));
    assert_fails(&by_variable, 2, "AGENT_RELAY_CONTEXT: there is no context `wrok`", "");
    let warned =
        finish(home.command(&["context", "use", "work"]).env("AGENT_RELAY_URL", "http://x"));
    assert!(warned.stderr.contains("AGENT_RELAY_URL is set, and wins"), "{warned:?}");
    fs::write(home.join("config/agent-relay/contexts.json"), "{").unwrap();
    assert_fails(&home.run(&["agents"]), 2, "contexts.json: not a contexts file", "");
    assert_fails(&home.run(&["context", "list"]), 2, "contexts.json: not a contexts file", "");
}
