//! The paths into a session: each alone, and one after the other as they fail.

use std::fs;

use relay_client::core::agent::Status;
use testkit::{World, a_while, claude::Setup, gone, program::Version, until};

use crate::setup;

/// One path alone delivers to an idle session, once, and the receipt names it.
async fn alone(version: Version, path: &str, more: &[(&'static str, &str)], arguments: &[&str]) {
    let Some(setup) = setup(version) else { return };
    let mut env = vec![("AGENT_RELAY_CLAUDE_PATHS", path.to_owned())];
    env.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
    let world = World::new().await;
    let (claude, agent) = world.session(&Setup { env, arguments, ..setup }).await;
    for text in ["first <b>&amp;", "second\nline"] {
        let sent = world.send(&agent, text).await;
        let receipt = world.read(sent.id).await;
        assert_eq!(receipt.via.unwrap().as_str(), format!("claude-{path}"));
        world.handled(sent.id).await;
        assert_eq!(claude.times(sent.id), 1, "{}", claude.model.context());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_alone_delivers() {
    alone(Version::Newest, "socket", &[], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_delivers_where_nothing_is_asked() {
    alone(Version::Newest, "socket", &[], &["--dangerously-skip-permissions"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_alone_delivers() {
    alone(Version::Newest, "monitor", &[], &["--permission-mode", "acceptEdits"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_alone_delivers() {
    alone(Version::Newest, "file", &[], &["--permission-mode", "auto"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_alone_delivers_in_the_older_version() {
    alone(Version::Older, "monitor", &[], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_alone_delivers_in_the_older_version_without_flags() {
    alone(Version::Older, "file", &[("DISABLE_TELEMETRY", "1")], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_path_fails_the_next_one_carries() {
    let Some(setup) = setup(Version::Newest) else { return };
    let world = World::new().await;
    // A path that works shall not be taken for dead on a busy machine.
    let env = vec![("AGENT_RELAY_CLAUDE_PATIENCE_MS", "8000".to_owned())];
    let (claude, agent) = world.session(&Setup { env, ..setup }).await;
    let monitor = until("a monitor", async || monitor_of(claude.pid())).await;
    let mut sent = Vec::new();
    for expected in ["claude-socket", "claude-monitor", "claude-file"] {
        match expected {
            "claude-monitor" => {
                for entry in fs::read_dir(claude.path("tmp/cc-socks")).unwrap() {
                    fs::remove_file(entry.unwrap().path()).unwrap();
                }
            }
            "claude-file" => {
                let kill = std::process::Command::new("kill").arg(monitor.to_string()).status();
                assert!(kill.unwrap().success());
                gone(monitor).await;
                // Claude tells its model that a monitor has ended.
                a_while().await;
                world.status(&agent, Status::Idle).await;
            }
            _ => {}
        }
        let message = world.send(&agent, expected).await;
        let receipt = world.read(message.id).await;
        assert_eq!(receipt.via.unwrap().as_str(), expected);
        world.handled(message.id).await;
        sent.push(message.id);
    }
    a_while().await;
    for id in sent {
        assert_eq!(claude.times(id), 1, "{}", claude.model.context());
    }
}

/// Our process among the descendants of that one that prints.
fn monitor_of(claude: u32) -> Option<u32> {
    let output = std::process::Command::new("ps").args(["-eo", "pid,ppid,args"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows: Vec<(u32, u32, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.trim().splitn(3, char::is_whitespace);
            let pid = words.next()?.parse().ok()?;
            let rest = line.trim().split_once(char::is_whitespace)?.1.trim();
            let (parent, args) = rest.split_once(char::is_whitespace)?;
            Some((pid, parent.parse().ok()?, args))
        })
        .collect();
    let descends = |mut pid: u32| loop {
        let Some((_, parent, _)) = rows.iter().find(|row| row.0 == pid) else { return false };
        if *parent == claude {
            return true;
        }
        pid = *parent;
    };
    let ours = |args: &str| args.ends_with("agent-relay-claude monitor");
    rows.iter().find(|(pid, _, args)| ours(args) && descends(*pid)).map(|row| row.0)
}
