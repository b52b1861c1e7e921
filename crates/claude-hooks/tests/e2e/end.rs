//! The end of sessions, good and bad.

use std::process::Command;

use relay_client::core::agent::{Agent, Status};
use testkit::{World, claude::Claude, program::Version, until};

use crate::setup;

/// Nobody is an agent any more, and no process of ours outlives its session.
async fn is_over(world: &World, claude: &Claude, agent: &Agent) {
    world.status(agent, Status::Offline).await;
    until("no process is left", async || claude.processes().is_empty().then_some(())).await;
}

fn signal(claude: &Claude, name: &str) {
    let pid = claude.pid().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

async fn however_it_ends(version: Version) {
    let Some(setup) = setup(version) else { return };
    let world = World::new().await;
    let start = || world.session(&setup);
    let (one, two) = tokio::join!(start(), start());
    let (three, four) = tokio::join!(start(), start());
    for (claude, agent) in [&one, &two, &three, &four] {
        world.status(agent, Status::Idle).await;
        until("a companion and a monitor", async || {
            let ours = claude.processes();
            let has = |role: &str| ours.iter().any(|(_, line)| line.contains(role));
            (has(" companion ") && has(" monitor")).then_some(())
        })
        .await;
    }
    one.0.say("/exit").await;
    signal(&two.0, "TERM");
    signal(&three.0, "KILL");
    four.0.close();
    for (claude, agent) in [&one, &two, &three, &four] {
        is_over(&world, claude, agent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_session_ends_it_is_offline_and_leaves_no_process() {
    however_it_ends(Version::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_session_of_the_older_version_ends_it_leaves_no_process() {
    however_it_ends(Version::Older).await;
}
