//! Sessions that are killed, and a relay that is away.

use relay_client::core::agent::Status;
use testkit::{World, a_while, claude::Claude, program::Version, until};

use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_session_is_offline_and_when_resumed_woken_for_what_it_had() {
    let Some(setup) = setup(Version::Newest) else { return };
    let world = World::new().await;
    let setup = setup.bypassing();
    let (claude, agent) = world.session(&setup).await;
    claude.say("hello").await;
    until("an answer", async || claude.screen().contains("noted").then_some(())).await;
    let sent = world.send(&agent, "RUN: mkdir once && while [ -e once ]; do sleep 0.2; done").await;
    world.read(sent.id).await;
    until("the tool runs", async || claude.path("project/once").exists().then_some(())).await;
    let header = format!("[msg:{}] from tester", sent.id);
    until("a transcript", async || transcript(&claude).contains(&header).then_some(())).await;
    kill(claude.pid());
    world.status(&agent, Status::Offline).await;
    until("no process is left", async || claude.processes().is_empty().then_some(())).await;
    claude.close();
    assert_eq!(claude.times(sent.id), 1);

    // Nothing else wakes it, and nobody types.
    claude.start(&setup.with_arguments(&["--continue"])).await;
    world.handled(sent.id).await;
    let context = claude.model.context();
    assert_eq!(claude.times(sent.id), 1, "the body comes once: {context}");
    let (_, after) = context.rsplit_once("do what is still open").expect("it is woken for it");
    assert!(after.contains(&format!("[msg:{}]", sent.id)), "{context}");
    let next = world.send(&agent, "next").await;
    world.handled(next.id).await;
    a_while().await;
    let context = claude.model.context();
    assert_eq!(context.matches("do what is still open").count(), 1, "woken once: {context}");
    assert_eq!((claude.times(sent.id), claude.times(next.id)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_works_on_when_the_relay_is_killed_and_gets_its_mail_after() {
    let Some(setup) = setup(Version::Newest) else { return };
    let mut world = World::killable().await;
    let (claude, agent) = world.session(&setup).await;
    let before = world.send(&agent, "before").await;
    world.handled(before.id).await;
    world.kill_relay();
    claude.say("work on").await;
    until("an answer", async || claude.model.context().contains("work on").then_some(())).await;
    world.start_relay_again();
    let mut sent = vec![before.id];
    for text in ["welcome back", "there is much to do", "begin"] {
        sent.push(world.send(&agent, text).await.id);
    }
    for id in sent {
        world.handled(id).await;
        assert_eq!(claude.times(id), 1, "{}", claude.model.context());
    }
}

/// What Claude has written down of its sessions.
fn transcript(claude: &Claude) -> String {
    let projects = std::fs::read_dir(claude.path("home/.claude/projects")).into_iter().flatten();
    let folders = projects.flatten().filter_map(|folder| std::fs::read_dir(folder.path()).ok());
    let files = folders.flatten().flatten();
    files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
}

fn kill(pid: u32) {
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.unwrap().success());
}
