//! What an agent says of itself by default, by name.
#![cfg(unix)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Home, Relay, assert_fails, finish};

/// A home with a file of profiles where one looks for it.
fn home(profiles: &str) -> Home {
    let home = Home::new();
    let folder = home.join("config/agent-relay");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("profiles.json"), profiles).unwrap();
    home
}

#[test]
fn a_terminal_joins_as_its_profile_says_and_options_win() {
    let home = home(
        r#"{"review": {"label": "Reviewer", "tags": ["ci"], "capabilities": ["review"],
            "channels": ["ops"], "approval": "read-only", "interrupt": true, "meta": {"team": "a"}},
            "bad": {"approval": "careful"}}"#,
    );
    let relay = Relay::start(&home);
    let join = |arguments: &[&str]| {
        let line = [&["join", "--json", "--url", &relay.url, "--profile", "review"], arguments];
        let done = home.run(&line.concat());
        serde_json::from_str::<Value>(&done.stdout).unwrap_or_else(|why| panic!("{why}: {done:?}"))
    };
    let agent = join(&["a"]);
    for (field, value) in [
        ("label", json!("Reviewer")),
        ("tags", json!(["ci"])),
        ("capabilities", json!(["review"])),
        ("channels", json!(["ops"])),
        ("approval", json!("read-only")),
        ("meta", json!({"team": "a"})),
    ] {
        assert_eq!(agent[field], value, "{field}");
    }
    let agent = join(&["a", "--label", "Night", "--approval", "open"]);
    assert_eq!((&agent["label"], &agent["approval"]), (&json!("Night"), &json!("open")));
    assert_eq!(agent["capabilities"], json!(["review"]), "not said, so the profile's");
}

#[test]
fn a_bad_profile_is_told_by_file_profile_field_and_value() {
    let home = home(r#"{"good": {}, "review": {"approval": "careful"}}"#);
    for (name, expected) in [
        (
            "review",
            "config/agent-relay/profiles.json: profile `review`, field `approval` is \"careful\": must be \
             one of open, guarded, read-only",
        ),
        ("revew", "profiles.json: there is no profile `revew`; the file has good, review"),
    ] {
        let mut command = home.command(&["join", "--url", "http://127.0.0.1:1"]);
        let done = finish(command.env("AGENT_RELAY_PROFILE", name));
        assert_fails(&done, 2, expected, "");
        assert!(done.stderr.contains(&format!("AGENT_RELAY_PROFILE is `{name}`")), "{done:?}");
    }
    // A bad one that nobody asks for is in nobody's way: this fails for want of a relay only.
    let mut command = home.command(&["join", "--url", "http://127.0.0.1:1"]);
    let done = finish(command.env("AGENT_RELAY_PROFILE", "good"));
    assert_fails(&done, 3, "no relay answers", "");
}
