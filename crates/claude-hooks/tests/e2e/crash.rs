//! The end of sessions, good and bad, and a relay that is away.

use relay_client::core::agent::Status;
use testkit::{
    World, a_while,
    claude::{Claude, Setup},
    gone,
    program::Version,
    until,
};

use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_exits_is_offline_and_leaves_no_process() {
    let Some(setup) = setup(Version::Newest) else { return };
    let world = World::new().await;
    let (claude, agent) = world.session(&setup).await;
    world.status(&agent, Status::Idle).await;
    let before = claude.pid();
    claude.say("/exit").await;
    world.status(&agent, Status::Offline).await;
    gone(before).await;
    nobody_is_left(agent.id.as_str()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_session_is_offline_and_when_resumed_woken_for_what_it_had() {
    let Some(setup) = setup(Version::Newest) else { return };
    let world = World::new().await;
    let bypass = Setup { arguments: vec!["--dangerously-skip-permissions".into()], ..setup };
    let (claude, agent) = world.session(&bypass).await;
    claude.say("hello").await;
    until("an answer", async || claude.screen().contains("noted").then_some(())).await;
    let sent = world.send(&agent, "RUN: mkdir once && tail -f /dev/null").await;
    world.read(sent.id).await;
    until("the tool runs", async || claude.path("project/once").exists().then_some(())).await;
    let header = format!("[msg:{}] from tester", sent.id);
    until("a transcript", async || transcript(&claude).contains(&header).then_some(())).await;
    kill(claude.pid());
    world.status(&agent, Status::Offline).await;
    nobody_is_left(agent.id.as_str()).await;
    let meanwhile = world.send(&agent, "sent meanwhile").await;
    claude.close();

    let mut arguments = bypass.arguments.clone();
    arguments.push("--continue".into());
    claude.start(&Setup { arguments, ..bypass }).await;
    world.status(&agent, Status::Idle).await;
    world.handled(sent.id).await;
    world.handled(meanwhile.id).await;
    a_while().await;
    assert_eq!(claude.times(sent.id), 1, "the body comes once: {}", claude.model.context());
    assert_eq!(claude.times(meanwhile.id), 1);
    assert!(claude.model.context().contains("do what is still open"), "{}", claude.model.context());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_works_on_without_a_relay_and_gets_its_mail_after() {
    let Some(setup) = setup(Version::Newest) else { return };
    let mut world = World::new().await;
    let (claude, agent) = world.session(&setup).await;
    world.relay.stop().await;
    claude.say("work on").await;
    until("an answer", async || claude.model.context().contains("work on").then_some(())).await;
    world.relay.start_again().await;
    let sent = world.send(&agent, "welcome back").await;
    world.handled(sent.id).await;
    assert_eq!(claude.times(sent.id), 1);
    claude.say("/clear").await;
    let after = world.send(&agent, "after clear").await;
    world.handled(after.id).await;
    assert_eq!(claude.times(after.id), 1, "the same agent, with the same mail");
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

/// No companion and no monitor outlives its session.
async fn nobody_is_left(agent: &str) {
    until("no process is left", async || {
        let output = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (!text.contains(&format!("companion {agent}"))).then_some(())
    })
    .await;
}
