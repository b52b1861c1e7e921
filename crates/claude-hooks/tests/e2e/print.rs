//! Claude Code without a terminal: `-p` and the stream of JSON.

use std::fs;

use relay_client::core::agent::Status;
use serde_json::json;
use testkit::{World, claude::Claude, program::Version, until};

use crate::setup;

async fn a_run_gets_mail(version: Version) {
    let Some(setup) = setup(version) else { return };
    let setup = setup.bypassing();
    let world = World::new().await;
    let claude = Claude::new(&world.url()).await;
    let prompt = "RUN: until [ -e go ]; do sleep 0.1; done";
    let starting = async { claude.spawn(&setup, &["-p", prompt]) };
    let (mut run, agent) = world.begins(&claude, starting).await;
    world.status(&agent, Status::Busy).await;
    let sent = world.send(&agent, "while you run").await;
    until("it waits in the mailbox", async || (claude.queued() == 1).then_some(())).await;
    fs::write(claude.path("project/go"), "").unwrap();
    let (status, printed) = run.ended().await;
    assert!(status.success() && printed.contains("noted"), "{printed}");
    assert_eq!(world.read(sent.id).await.via.unwrap().as_str(), "claude-tool");
    world.handled(sent.id).await;
    assert_eq!(claude.times(sent.id), 1);
    world.status(&agent, Status::Offline).await;
    until("no process is left", async || claude.processes().is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gets_mail_between_its_tools_and_ends_by_itself() {
    a_run_gets_mail(Version::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_the_older_version_gets_mail_and_ends_by_itself() {
    a_run_gets_mail(Version::Older).await;
}

async fn a_stream_is_woken(version: Version, via: &str) {
    let Some(setup) = setup(version) else { return };
    let setup = setup.patient();
    let world = World::new().await;
    let claude = Claude::new(&world.url()).await;
    let words =
        ["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"];
    let prompt = json!({"type": "user", "message": {"role": "user", "content": "hello"}});
    let starting = async {
        let mut run = claude.spawn(&setup, &words);
        run.say(&prompt.to_string());
        run
    };
    let (mut run, agent) = world.begins(&claude, starting).await;
    until("an answer", async || run.printed().contains("noted").then_some(())).await;
    world.status(&agent, Status::Idle).await;
    let sent = world.send(&agent, "wake up").await;
    assert_eq!(world.read(sent.id).await.via.unwrap().as_str(), via);
    world.handled(sent.id).await;
    assert_eq!(claude.times(sent.id), 1);
    let (status, printed) = run.ended().await;
    assert!(status.success(), "{printed}");
    world.status(&agent, Status::Offline).await;
    until("no process is left", async || claude.processes().is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_speaks_json_is_woken_by_its_socket() {
    a_stream_is_woken(Version::Newest, "claude-socket").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_older_version_that_speaks_json_is_woken_by_its_file() {
    a_stream_is_woken(Version::Older, "claude-file").await;
}
