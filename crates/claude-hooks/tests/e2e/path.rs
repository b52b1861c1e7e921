//! The paths into a session, one after another as they fail.

use std::fs;

use relay_client::core::{agent::Status, id::MessageId};
use testkit::{World, a_while, claude::Claude, program::Version, until};

use crate::setup;

/// Every path is broken while the session runs, and in the end mended.
#[tokio::test(flavor = "multi_thread")]
async fn as_all_paths_fail_one_after_another_everything_arrives_once_and_by_a_known_way() {
    let Some(setup) = setup(Version::Newest) else { return };
    let world = World::new().await;
    // A path that works shall not be taken for dead on a busy machine.
    let setup = setup.with_env("AGENT_RELAY_CLAUDE_PATIENCE_MS", "8000");
    let (claude, agent) = world.session(&setup).await;
    let mut sent: Vec<MessageId> = Vec::new();
    for (expected, breaks) in [
        ("claude-socket", nothing as fn(&Claude)),
        ("claude-monitor", break_socket),
        ("claude-file", break_monitor),
    ] {
        breaks(&claude);
        if expected == "claude-file" {
            until("no monitor", async || monitor_of(&claude).is_none().then_some(())).await;
            // Claude tells its model that a monitor has ended, and that turn would take the mail.
            claude.shows("exit 143").await;
            world.status(&agent, Status::Idle).await;
        }
        let message = world.send(&agent, expected).await;
        let receipt = world.read(message.id).await;
        assert_eq!(receipt.via.unwrap().as_str(), expected);
        world.handled(message.id).await;
        sent.push(message.id);
    }

    let nudge = break_file(&claude);
    let waits = world.send(&agent, "no path is left").await;
    until("it waits in the mailbox", async || (claude.queued() == 1).then_some(())).await;
    a_while().await;
    assert!(world.is_unread(waits.id).await, "written somewhere is not read");
    claude.say("and what do you think?").await;
    assert_eq!(world.read(waits.id).await.via.unwrap().as_str(), "claude-prompt");
    world.handled(waits.id).await;

    fs::remove_dir(nudge).unwrap();
    let last = world.send(&agent, "mended").await;
    assert_eq!(world.read(last.id).await.via.unwrap().as_str(), "claude-file");
    world.handled(last.id).await;
    sent.extend([waits.id, last.id]);
    a_while().await;
    for id in sent {
        assert_eq!(claude.times(id), 1, "{}", claude.model.context());
    }
}

fn nothing(_: &Claude) {}

fn break_socket(claude: &Claude) {
    for entry in fs::read_dir(claude.path("tmp/cc-socks")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

fn break_monitor(claude: &Claude) {
    let monitor = monitor_of(claude).expect("a monitor runs").to_string();
    assert!(std::process::Command::new("kill").arg(monitor).status().unwrap().success());
}

/// A folder where the watched file is to be: no file can be put there.
fn break_file(claude: &Claude) -> std::path::PathBuf {
    let agents = claude.path("home/.local/state/agent-relay/claude/agent");
    let agent = fs::read_dir(agents).unwrap().next().unwrap().unwrap();
    let nudge = agent.path().join("nudge");
    let _ = fs::remove_file(&nudge);
    fs::create_dir(&nudge).unwrap();
    nudge
}

/// The process that prints for the session.
fn monitor_of(claude: &Claude) -> Option<u32> {
    let ours = claude.processes();
    let monitor = ours.into_iter().find(|(_, line)| line.ends_with("agent-relay-claude monitor "));
    monitor.map(|(pid, _)| pid)
}
