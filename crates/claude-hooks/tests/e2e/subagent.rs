//! Subagents: they are not agents, and get no mail.

use relay_client::core::agent::Status;
use testkit::{World, claude::Claude, program::Version, until};

use crate::setup;

const WORK: &str = "AGENT: RUN: until [ -e go ]; do sleep 0.1; done";

async fn a_subagent_is_no_agent(version: Version) {
    let Some(setup) = setup(version) else { return };
    let world = World::new().await;
    let setup = setup.with_arguments(&["--allowedTools", "Bash", "Task", "Agent"]);
    let (claude, agent) = world.session(&setup).await;
    claude.say(WORK).await;
    until("the subagent asks its model", async || subagents(&claude).into_iter().next()).await;
    let sent = world.send(&agent, "while others work for you").await;
    // Newer versions go on while a subagent works, and are woken; older ones wait for its end.
    until("it has come", async || {
        let waits = claude.queued() == 1;
        (waits || !world.is_unread(sent.id).await).then_some(())
    })
    .await;
    std::fs::write(claude.path("project/go"), "").unwrap();
    world.handled(sent.id).await;
    until("the subagent is answered", async || (subagents(&claude).len() > 1).then_some(())).await;
    world.status(&agent, Status::Idle).await;
    let header = format!("[msg:{}] from tester", sent.id);
    let own = own_contexts(&claude).pop().unwrap();
    assert_eq!(own.matches(&header).count(), 1, "the session has it: {own}");
    let theirs = subagents(&claude);
    assert!(theirs.iter().all(|context| !context.contains(&header)), "{theirs:#?}");
    assert_eq!(world.agents("claude").await.len(), 1, "nobody else has registered");
}

/// What the session itself has asked its model.
fn own_contexts(claude: &Claude) -> Vec<String> {
    let contexts = claude.model.contexts();
    contexts.into_iter().filter(|context| context.contains("AGENT: ")).collect()
}

/// What its subagent has asked.
fn subagents(claude: &Claude) -> Vec<String> {
    let contexts = claude.model.contexts();
    contexts.into_iter().filter(|context| !context.contains("AGENT: ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subagent_is_no_agent_and_gets_no_mail() {
    a_subagent_is_no_agent(Version::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subagent_of_the_older_version_is_no_agent_either() {
    a_subagent_is_no_agent(Version::Older).await;
}
