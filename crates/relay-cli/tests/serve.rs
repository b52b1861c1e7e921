//! Starting the relay: what it says, what it writes, and why it may not start.

mod support;

use std::{
    fs,
    net::{Ipv6Addr, TcpListener},
    path::Path,
    process::Command,
};

use sqlx::Connection as _;
use support::{Home, Relay, assert_fails, assert_ok, finish, http::Connection};

#[test]
fn it_says_where_it_listens_and_what_to_type_next() {
    let home = Home::new();
    let relay = Relay::start(&home);
    relay.server.talk_with("dashboard");
    relay.server.talk_with("agent-relay join");
    assert_ok(&home.run(&["status", "--url", &relay.url]));
    let health = Connection::open(relay.port()).unwrap().get("/health").unwrap();
    assert_eq!(health.status, 200);
}

#[test]
fn localhost_is_this_relay_whatever_it_resolves_to() {
    let home = Home::new();
    let relay = Relay::start(&home);
    assert_ok(&home.run(&["agents", "--url", &format!("http://localhost:{}", relay.port())]));
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        assert_ok(&home.run(&["agents", "--url", &format!("http://[::1]:{}", relay.port())]));
    }
}

#[cfg(unix)]
#[test]
fn what_it_writes_is_for_its_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    // Whatever the umask allows: the files are made so, not mended afterwards.
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec agent-relay serve --port 0"]);
    home.furnish(&mut command);
    let relay = Relay::spawn(&mut command);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = home.join("data/agent-relay");
    assert_eq!(mode(&data), 0o700);
    for entry in fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(mode(&entry), 0o600, "{}", entry.display());
    }
    assert!(data.join("relay.db").exists());
    assert!(data.join(format!("operator-{}.token", relay.port())).exists());
}

#[test]
fn the_operator_stays_signed_in_over_a_restart() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let port = relay.port().to_string();
    let open = |url: &str| home.run(&["open", "--print", "--url", url]).stdout;
    let before = open(&relay.url);
    assert!(before.contains("/#token=arl_operator_"), "{before}");
    relay.kill();
    let again = Relay::spawn(&mut home.command(&["serve", "--port", &port]));
    assert_eq!(open(&again.url), before);
    let sent = home.run(&["send", "human", "hi", "--json", "--url", &again.url]);
    let sent: serde_json::Value = serde_json::from_str(&sent.stdout).unwrap();
    assert_eq!((&sent["from"], &sent["verified"]), (&"human".into(), &true.into()));
}

#[cfg(target_os = "linux")]
#[test]
fn open_hands_the_browser_a_page_and_no_token() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let relay = Relay::start(&home);
    let browser = home.join("bin/xdg-open");
    fs::create_dir(home.join("bin")).unwrap();
    fs::write(&browser, "#!/bin/sh\necho \"$@\" > arguments\ncat \"$1\" > page\n").unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", home.join("bin").display());
    let done = finish(home.command(&["open", "--url", &relay.url]).env("PATH", path));
    assert_ok(&done);
    let token = done.stdout.trim().split("#token=").nth(1).unwrap();
    assert!(!fs::read_to_string(home.join("arguments")).unwrap().contains(token));
    assert!(fs::read_to_string(home.join("page")).unwrap().contains(done.stdout.trim()));
    let none = finish(home.command(&["open", "--url", &relay.url]).env("PATH", "nowhere"));
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.stderr.contains("`xdg-open` is not installed"), "{none:?}");
}

#[test]
fn a_taken_port_names_its_holder() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let other = Home::new();
    let serve = |port: u16| other.run(&["serve", "--port", &port.to_string()]);
    let done = serve(relay.port());
    let holder = format!("agent-relay (process {})", relay.pid());
    let holder = if cfg!(target_os = "linux") { holder.as_str() } else { "another program" };
    assert_fails(&done, 1, holder, "--port");

    if let Ok(stranger) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        let done = serve(stranger.local_addr().unwrap().port());
        assert_fails(&done, 1, "::1", "--port");
    }
    assert!(!other.join("data/agent-relay/relay.db").exists(), "nothing was begun");
}

#[test]
fn a_database_in_use_names_the_process() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let done = home.run(&["serve", "--port", "0"]);
    let holder = format!("in use by another relay (process {})", relay.pid());
    assert_fails(&done, 1, &holder, "--db");
}

#[test]
fn a_file_that_is_no_database_is_not_touched() {
    let home = Home::new();
    let (text, folder) = (home.join("notes.txt"), home.join("folder"));
    fs::write(&text, "dear diary, ".repeat(1_000)).unwrap();
    fs::create_dir(&folder).unwrap();
    let serve = |path: &str| home.run(&["serve", "--port", "0", "--db", path]);
    assert_fails(&serve("notes.txt"), 1, "notes.txt", "--db");
    assert_eq!(fs::read_to_string(&text).unwrap(), "dear diary, ".repeat(1_000));
    assert_fails(&serve("folder"), 1, "folder", "--db");
    assert_fails(&serve("notes.txt/relay.db"), 1, "notes.txt", "--db");
}

#[cfg(unix)]
#[test]
fn a_newer_database_is_refused_untouched() {
    let home = Home::new();
    let relay = Relay::start_with(&home, &["--db", "relay.db"]);
    relay.server.signal("TERM");
    assert_eq!(relay.server.end().0, Some(0));
    migrate_as_a_newer_relay_would(&home.join("relay.db"));
    let bytes = fs::read(home.join("relay.db")).unwrap();
    let done = home.run(&["serve", "--port", "0", "--db", "relay.db"]);
    assert_fails(&done, 1, "written by a newer relay", "newer agent-relay");
    assert!(fs::read(home.join("relay.db")).unwrap() == bytes, "it was touched");
}

#[cfg(unix)]
/// Writes down a migration that this build does not know.
fn migrate_as_a_newer_relay_would(file: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}", file.display());
        let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
        let sql =
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (9999, 'newer', true, x'00', 0)";
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn flags_win_over_the_environment() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--port", "0", "--db", "flag.db"]);
    command.env("PORT", "1").env("AGENT_RELAY_DB_PATH", "variable.db");
    let relay = Relay::spawn(&mut command);
    assert_ne!(relay.port(), 1);
    assert!(home.join("flag.db").exists() && !home.join("variable.db").exists());
}

#[test]
fn integrations_come_from_a_file_and_no_error_repeats_a_secret() {
    let home = Home::new();
    let secret = "a-secret-0123456789";
    let list = |target: &str| {
        format!(r#"[{{"name": "ops", "token": "{secret}", "targets": ["{target}"]}}]"#)
    };
    let file = home.join("integrations.json");
    let arguments = ["serve", "--port", "0", "--integrations-file", "integrations.json"];
    fs::write(&file, list("cap:")).unwrap();
    let done = home.run(&arguments);
    let what = "--integrations-file is `integrations.json`: integration `ops`: `targets`";
    assert_fails(&done, 2, what, "");
    let variable = list("cap:");
    let done = finish(home.command(&arguments[..3]).env("AGENT_RELAY_INTEGRATIONS", &variable));
    assert_fails(&done, 2, "AGENT_RELAY_INTEGRATIONS is `…`: integration `ops`: `targets`", "");
    assert!(!done.stderr.contains(secret), "{done:?}");
    let done = finish(home.command(&arguments).env("AGENT_RELAY_INTEGRATIONS", list("cap:ops")));
    assert_fails(&done, 2, "set one of the two", "");

    fs::write(&file, list("cap:ops")).unwrap();
    let relay = Relay::start_with(&home, &arguments[3..]);
    let shown = home.run(&["integrations", "--json", "--url", &relay.url]);
    assert_ok(&shown);
    assert!(shown.stdout.contains("cap:ops") && !shown.stdout.contains(secret), "{shown:?}");
}

#[cfg(unix)]
#[test]
fn a_file_of_integrations_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let file = home.join("integrations.json");
    fs::write(&file, r#"[{"name": "ops", "token": "0123456789abcdef"}]"#).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let relay = Relay::start_with(&home, &["--integrations-file", "integrations.json"]);
    relay.server.talk_with("chmod 600 integrations.json");
}

#[test]
fn completions_are_made_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = home.run(&["completions", shell]);
        assert_ok(&done);
        assert!(done.stdout.contains("send-claimable"), "{shell}");
    }
}
