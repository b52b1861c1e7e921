//! Whatever is wrong, one clear line says so, a hint says what to do, and the exit code fits.

mod support;

use std::fs;

use support::{Home, Relay, assert_fails, assert_ok, finish};

#[test]
fn a_wrong_command_line_is_told_in_a_line() {
    let home = Home::new();
    for (arguments, error, hint) in [
        (&["sned"][..], "unrecognized subcommand 'sned'", "send"),
        (&[], "a command is missing", "--help"),
        (&["send"], "<TARGET>", "Usage: agent-relay send"),
        (&["claim", "007"], "whole number", ""),
        (&["inbox", "--limit", "501"], "1 to 500", ""),
        (&["ask", "x", "y", "--timeout", "5"], "30s, 10m", ""),
        (&["send", "x", "y", "--urgency", "asap"], "normal, later, interrupt", ""),
        (&["token", "create", "x"], "--scope", ""),
        (&["token", "create", "x", "--scope", "all"], "is no scope", ""),
        (&["completions", "tcsh"], "bash", ""),
        (&["label", "x", "--clear"], "cannot be used with", ""),
        (&["agents", "--agent", "a/b"], "letters", ""),
        (&["serve", "--port", "http"], "--port is `http`", ""),
        (&["serve", "--host", "a b"], "--host is `a b`", ""),
        (&["serve", "--identity", "loose"], "mark or strict", ""),
        (&["serve", "--log", "relay_server=loud"], "--log is", ""),
        (&["serve", "--token-file", "missing"], "--token-file missing", ""),
        (&["serve", "--host", "0.0.0.0"], "takes a token", ""),
    ] {
        assert_fails(&home.run(arguments), 2, error, hint.trim_start_matches("Usage: "));
    }
}

#[test]
fn a_bad_setting_names_the_variable_the_value_and_what_is_allowed() {
    let home = Home::new();
    for (name, value, command, error) in [
        ("AGENT_RELAY_URL", "localhost:4850", "agents", "AGENT_RELAY_URL is `localhost:4850`"),
        ("AGENT_RELAY_URL", "http://x/?a=b", "agents", "must not hold"),
        ("AGENT_RELAY_ID", "a/b", "inbox", "AGENT_RELAY_ID is `a/b`"),
        ("AGENT_RELAY_TOKEN", "two words", "agents", "AGENT_RELAY_TOKEN is `…`"),
        ("AGENT_RELAY_APPROVAL", "yolo", "join", "open, guarded, read-only"),
        ("AGENT_RELAY_LOG", "x=loud", "agents", "AGENT_RELAY_LOG is `x=loud`: must be a filter"),
        ("PORT", "65536", "serve", "PORT is `65536`: must be a whole number from 0 to 65535"),
        ("AGENT_RELAY_PORT", "-1", "serve", "AGENT_RELAY_PORT is `-1`"),
        ("STALE_TTL_MS", "soon", "serve", "STALE_TTL_MS is `soon`"),
        ("AGENT_RELAY_CORS_ORIGINS", "*", "serve", "AGENT_RELAY_TOKEN"),
        ("HOST", "0.0.0.0", "serve", "AGENT_RELAY_ALLOW_UNAUTH=1"),
        ("HOST", "nowhere.invalid", "serve", "nowhere.invalid"),
    ] {
        let done = finish(home.command(&[command]).env(name, value));
        assert_fails(&done, 2, error, "");
    }
}

#[cfg(unix)]
#[test]
fn a_setting_that_is_no_text_is_not_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let path = std::ffi::OsStr::from_bytes(b"relay-\xff.db");
    let done = finish(home.command(&["serve", "--port", "0"]).env("DB_PATH", path));
    assert_fails(&done, 2, "DB_PATH is not UTF-8 text", "");
}

#[test]
fn a_bad_profiles_file_is_told_with_its_path() {
    let home = Home::new();
    let join = |file: &str| {
        finish(
            home.command(&["join", "x"])
                .env("AGENT_RELAY_PROFILE", "review")
                .env("AGENT_RELAY_PROFILES_FILE", home.join(file)),
        )
    };
    assert_fails(&join("none.json"), 2, "none.json", "");
    fs::write(home.join("bad.json"), "{\"review\": {\"tag\": []}}").unwrap();
    assert_fails(&join("bad.json"), 2, "has the field `tag`, which no profile has", "");
    fs::write(home.join("other.json"), "{}").unwrap();
    assert_fails(&join("other.json"), 2, "there is no profile `review`", "");
}

#[test]
fn a_relay_that_is_not_there_says_how_to_start_it() {
    let home = Home::new();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}");
    for command in [
        &["send", "bob", "hi"][..],
        &["inbox"],
        &["inbox", "--wait"],
        &["agents"],
        &["status"],
        &["watch"],
        &["join", "alice"],
        &["ask", "bob", "hi"],
        &["claim", "1"],
        &["token", "list"],
        &["tasks"],
        &["tasks", "claim", "1"],
        &["integrations"],
        &["integrations", "dead-letters", "--retry", "all"],
        &["channels"],
    ] {
        let done = home.run(&[command, &["--url", &url]].concat());
        assert_fails(&done, 3, &format!("no relay answers at {url}"), "agent-relay serve");
    }
}

#[test]
fn what_a_command_does_is_logged_where_that_is_asked_for() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let agents = |log: &str| {
        let mut command = home.command(&["agents", "--json", "--url", &relay.url]);
        finish(command.env("AGENT_RELAY_LOG", log))
    };
    assert_eq!(agents("").stderr, "", "not by itself");
    let logged = agents("debug");
    assert!(logged.stderr.contains(" DEBUG ") && !logged.stderr.contains('\u{1b}'), "{logged:?}");
    assert_eq!(logged.stdout, "[]\n", "what is data stays data");
}

#[test]
fn what_answers_but_is_no_relay_is_told() {
    let home = Home::new();
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", stranger.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in stranger.incoming() {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            let mut stream = stream.unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    let done = home.run(&["agents", "--url", &url]);
    assert_fails(&done, 3, "does not answer as a relay does", "AGENT_RELAY_URL");
}

#[test]
fn a_relay_with_a_token_tells_those_without() {
    let home = Home::new();
    fs::write(home.join("relay.token"), "s3cret-s3cret\n").unwrap();
    let relay = Relay::start_with(&home, &["--token-file", "relay.token"]);
    let other = Home::new();
    let run = |token: Option<&str>| {
        let mut command = other.command(&["agents", "--url", &relay.url]);
        finish(command.envs(token.map(|token| ("AGENT_RELAY_TOKEN", token))))
    };
    assert_fails(&run(None), 3, "", "AGENT_RELAY_TOKEN");
    assert_fails(&run(Some("wrong")), 3, "", "");
    assert_ok(&run(Some("s3cret-s3cret")));
    assert_ok(&home.run(&["agents", "--url", &relay.url]));
    let arguments = fs::read(format!("/proc/{}/cmdline", relay.pid())).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&arguments).contains("s3cret"));
}

#[test]
fn the_relays_own_refusals_keep_their_words_and_hints() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let run = |arguments: &[&str]| home.run(&[arguments, &["--url", &relay.url]].concat());
    assert_fails(&run(&["read", "99"]), 1, "message 99 does not exist", "");
    assert_fails(&run(&["send", "nobody", "hi"]), 1, "no agent `nobody`", "agent-relay agents");
    assert_fails(&run(&["claim", "99"]), 1, "99", "");
    assert_fails(&run(&["token", "revoke", "9"]), 1, "9", "");
    assert_fails(&run(&["send", "human", "hi", "--from", "stranger"]), 1, "`stranger`", "join");
    assert_fails(&run(&["leave"]), 1, "has not joined", "agent-relay join");
    assert_fails(&run(&["send", "human", &"x".repeat(70_000)]), 2, "64 KiB", "");
    assert_fails(&run(&["inbox", "--wait", "--timeout", "1ms"]), 1, "no mail", "");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let home = Home::new();
    let mut command = home.command(&["completions", "bash"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!((support::wait(&mut child).code(), said.as_str()), (Some(0), ""));
}

#[test]
fn the_token_of_another_relay_is_told_as_such() {
    let home = Home::new();
    fs::write(home.join("relay.token"), "s3cret-s3cret\n").unwrap();
    let relay = Relay::start_with(&home, &["--token-file", "relay.token"]);
    let other = Home::new();
    let stale = other.join(&format!("data/agent-relay/operator-{}.token", relay.port()));
    fs::create_dir_all(stale.parent().unwrap()).unwrap();
    fs::write(&stale, "arl_operator_of_another_relay\n").unwrap();
    let agents = ["agents", "--url", &relay.url];
    assert_fails(&other.run(&agents), 3, "", "--token-file");
    fs::copy(home.join("relay.token"), other.join("relay.token")).unwrap();
    assert_ok(&other.run(&[&agents[..], &["--token-file", "relay.token"]].concat()));
}

#[test]
fn help_and_version_are_data() {
    let home = Home::new();
    for arguments in [&["--help"][..], &["send", "--help"], &["--version"], &["/send", "--help"]] {
        let done = home.run(arguments);
        assert_ok(&done);
        assert_eq!(done.stderr, "");
        assert!(done.stdout.contains("agent-relay"), "{done:?}");
    }
}
