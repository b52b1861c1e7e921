//! The relay as a service: what is planned is a unit that systemd accepts, and the relay says when
//! it is ready, that it is alive, and that it stops.
#![cfg(target_os = "linux")]

mod support;

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    process::{Command, Stdio},
    time::Duration,
};

use support::{Home, PATIENCE, Relay, assert_fails, assert_ok};

/// The unit's text, as the plan shows it.
fn unit(plan: &str) -> String {
    let lines = plan.lines().filter_map(|line| line.trim_start().strip_prefix("| "));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_plan_is_a_unit_that_systemd_accepts() {
    let home = Home::new();
    // A path that a careless unit would break on.
    let binary = home.join("100% mine/agent-relay");
    fs::create_dir_all(binary.parent().unwrap()).unwrap();
    fs::write(&binary, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    let binary = binary.to_str().unwrap();
    let plan =
        home.run(&["daemon", "install", "--binary", binary, "--enable", "--start", "--dry-run"]);
    assert_ok(&plan);
    assert!(!home.join("config/systemd").exists(), "only said");
    for step in [
        "systemctl --user daemon-reload",
        "enable agent-relay.service",
        "restart agent-relay.service",
    ] {
        assert!(plan.stdout.contains(step), "no {step} in {plan:?}");
    }
    let text = unit(&plan.stdout);
    for line in ["Type=notify\n", "UMask=0077\n", "NoNewPrivileges=yes\n", "Restart=on-failure\n"] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    let file = home.join("agent-relay.service");
    fs::write(&file, text).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--user", "--man=no"]).arg(&file).stdin(Stdio::null());
    match verify.env("XDG_RUNTIME_DIR", home.path()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let ours: Vec<_> = said.lines().filter(|line| line.contains("agent-relay")).collect();
            assert!(output.status.success() && ours.is_empty(), "{said}");
        }
        Err(_) => skipped("systemd-analyze is not here"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the switch between the short and the long run")]
fn skipped(why: &str) {
    assert!(!std::env::var("RELAY_TEST_FULL").is_ok_and(|full| full == "1"), "{why}");
    eprintln!("skipped: {why}");
}

#[test]
fn what_is_not_installed_is_said_and_a_missing_program_is_refused() {
    let home = Home::new();
    for command in [&["daemon", "start"][..], &["daemon", "status"], &["daemon", "logs"]] {
        assert_fails(&home.run(command), 1, "not installed", "agent-relay daemon install");
    }
    assert_ok(&home.run(&["daemon", "uninstall", "--yes"]));
    let missing = home.run(&["daemon", "install", "--binary", "none", "--dry-run"]);
    assert_fails(&missing, 2, "none: No such file", "");
    let unasked = home.run(&["daemon", "install"]);
    assert_eq!(unasked.code, 2, "{unasked:?}");
    assert!(unasked.stderr.contains("hint: add --yes") && !home.join("config/systemd").exists());
}

#[test]
fn the_relay_tells_its_manager_that_it_is_ready_and_alive_and_stops() {
    let home = Home::new();
    let socket = home.join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut text = [0; 64];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    let mut serve = home.command(&["serve", "--port", "0"]);
    serve.env("NOTIFY_SOCKET", &socket);
    serve.env("WATCHDOG_USEC", Duration::from_millis(300).as_micros().to_string());
    let relay = Relay::spawn(&mut serve);
    let mut words = vec![heard()];
    while words.iter().filter(|word| *word == "WATCHDOG=1").count() < 3 {
        words.push(heard());
    }
    assert!(words.contains(&"READY=1".to_owned()), "{words:?}");
    relay.server.signal("TERM");
    while words.last().unwrap() != "STOPPING=1" {
        words.push(heard());
    }
    assert_eq!(relay.server.end().0, Some(0));
}
