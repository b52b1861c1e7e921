//! Who a session is: the same agent, with its mail, through everything that changes its session id.

use std::process::Command;

use relay_client::core::{
    agent::{Agent, Status},
    id::MessageId,
};
use testkit::{World, claude::Claude, program::Version, until};

use crate::setup;

/// A message arrives, once.
async fn is_reached(world: &World, claude: &Claude, agent: &Agent) -> MessageId {
    let sent = world.send(agent, "are you there?").await;
    world.handled(sent.id).await;
    assert_eq!(claude.times(sent.id), 1, "{}", claude.model.context());
    sent.id
}

/// How often the session was told who it is.
fn primers(claude: &Claude, agent: &Agent) -> usize {
    claude.model.context().matches(&format!("You are agent `{}`", agent.id)).count()
}

async fn compaction_and_clear(version: Version) {
    let Some(setup) = setup(version) else { return };
    let world = World::new().await;
    let (claude, agent) = world.session(&setup).await;
    let before = is_reached(&world, &claude, &agent).await;
    assert_eq!(primers(&claude, &agent), 1);

    // A shorter conversation is not compacted.
    for turns in 2..5 {
        claude.say("hello").await;
        until("an answer", async || (claude.model.calls() >= turns).then_some(())).await;
        world.status(&agent, Status::Idle).await;
    }
    claude.say("/compact").await;
    claude.shows("Compacted").await;
    is_reached(&world, &claude, &agent).await;
    assert_eq!(claude.times(before), 0, "what was compacted does not come again");
    assert_eq!(primers(&claude, &agent), 1, "it is told again: {}", claude.model.context());

    claude.say("/clear").await;
    is_reached(&world, &claude, &agent).await;
    assert_eq!(primers(&claude, &agent), 1);
    assert_eq!(world.agents("claude").await.len(), 1, "nobody else has registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_and_clear_keep_the_agent() {
    compaction_and_clear(Version::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_and_clear_keep_the_agent_in_the_older_version() {
    compaction_and_clear(Version::Older).await;
}

async fn resuming(version: Version) {
    let Some(setup) = setup(version) else { return };
    let world = World::new().await;
    let (claude, agent) = world.session(&setup).await;
    is_reached(&world, &claude, &agent).await;
    let leave = async || {
        claude.say("/exit").await;
        world.status(&agent, Status::Offline).await;
        claude.close();
        world.send(&agent, "while you are away").await.id
    };

    let waits = leave().await;
    claude.start(&setup.clone().with_arguments(&["--continue"])).await;
    world.handled(waits).await;
    assert_eq!(claude.times(waits), 1, "{}", claude.model.context());
    assert_eq!(world.agents("claude").await.len(), 1, "the same agent");

    let waits = leave().await;
    let ((), other) = world.begins(&claude, claude.start(&setup)).await;
    is_reached(&world, &claude, &other).await;
    assert!(world.is_unread(waits).await, "another session, another agent");
    claude.say("/resume").await;
    claude.shows(" ago ").await;
    claude.answer("to show all projects", "Enter").await;
    world.handled(waits).await;
    assert_eq!(claude.times(waits), 1, "{}", claude.model.context());
    is_reached(&world, &claude, &agent).await;
    world.status(&other, Status::Offline).await;
    world.status(&agent, Status::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_session_is_the_agent_that_it_was_and_has_its_mail() {
    resuming(Version::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_session_of_the_older_version_is_the_agent_that_it_was() {
    resuming(Version::Older).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_in_a_folder_are_two_agents_and_a_worktree_has_one_of_its_own() {
    let Some(setup) = setup(Version::Newest) else { return };
    let world = World::new().await;
    let (one, agent_one) = world.session(&setup).await;
    let two = one.beside("project").await;
    let ((), agent_two) = world.begins(&two, two.start(&setup)).await;
    worktree(&one);
    let three = one.beside("worktree").await;
    let ((), agent_three) = world.begins(&three, three.start(&setup)).await;
    let all = [(&one, &agent_one), (&two, &agent_two), (&three, &agent_three)];
    for (claude, agent) in all {
        is_reached(&world, claude, agent).await;
    }
    assert_eq!(agent_one.project, agent_two.project);
    assert_eq!(agent_three.project.as_deref(), Some("worktree"));
    for (claude, _) in all {
        assert_eq!(claude.model.context().matches("from tester: ").count(), 1, "its own mail only");
    }
}

/// A worktree of the project, beside it.
fn worktree(claude: &Claude) {
    let project = claude.path("project");
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]).args(words);
        assert!(command.current_dir(&project).output().unwrap().status.success(), "{words:?}");
    };
    git(&["init"]);
    git(&["commit", "--allow-empty", "-m", "first"]);
    git(&["worktree", "add", "../worktree"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_session_of_one_id_has_a_number_and_is_warned() {
    let Some(setup) = setup(Version::Newest) else { return };
    let setup = setup.with_env("AGENT_RELAY_ID", "twin");
    let world = World::new().await;
    let (one, agent_one) = world.session(&setup).await;
    let two = one.beside("project").await;
    let ((), agent_two) = world.begins(&two, two.start(&setup)).await;
    assert_eq!((agent_one.id.as_str(), agent_two.id.as_str()), ("twin", "twin-2"));
    is_reached(&world, &one, &agent_one).await;
    is_reached(&world, &two, &agent_two).await;
    let context = two.model.context();
    assert!(context.contains("another live session is `twin`"), "{context}");
    assert!(!one.model.context().contains("another live session"));
    until("the first is still there", async || {
        (world.plain.agent(&agent_one.id).await.unwrap().status == Status::Idle).then_some(())
    })
    .await;
}
