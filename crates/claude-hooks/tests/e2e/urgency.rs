//! Messages that may not wait, and those that shall.

use std::fs;

use relay_client::core::{
    agent::{Agent, Status},
    message::Urgency,
};
use testkit::{World, a_while, claude::Claude, program::Version, until};

use crate::setup;

const PROFILES: &str = r#"{"hasty": {"interrupt": true}, "calm": {"label": "calm"}}"#;

/// A session with that profile, whose model thinks until it is released.
async fn thinking(world: &World, profile: &str) -> Option<(Claude, Agent)> {
    let setup = setup(Version::Newest)?.patient().with_env("AGENT_RELAY_PROFILE", profile);
    let claude = Claude::new(&world.url()).await;
    let folder = claude.path("home/.config/agent-relay");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("profiles.json"), PROFILES).unwrap();
    let ((), agent) = world.begins(&claude, claude.start(&setup)).await;
    claude.model.hold();
    claude.say("think about it").await;
    until("it thinks", async || (claude.model.calls() == 1).then_some(())).await;
    world.status(&agent, Status::Busy).await;
    Some((claude, agent))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_interrupts_stops_the_turn_where_the_profile_allows_it() {
    let world = World::new().await;
    let Some((claude, agent)) = thinking(&world, "hasty").await else { return };
    let normal = world.send(&agent, "no hurry").await;
    until("it waits in the mailbox", async || (claude.queued() == 1).then_some(())).await;
    let urgent = world.send_as(Urgency::Interrupt, &agent, "stop").await;
    // The model has not answered, and never will: its turn is over.
    assert_eq!(world.read(urgent.id).await.via.unwrap().as_str(), "claude-socket");
    until("a new turn", async || (claude.model.calls() == 2).then_some(())).await;
    claude.model.release();
    world.handled(urgent.id).await;
    world.handled(normal.id).await;
    assert_eq!((claude.times(urgent.id), claude.times(normal.id)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_interrupts_waits_for_the_turn_where_the_profile_does_not() {
    let world = World::new().await;
    let Some((claude, agent)) = thinking(&world, "calm").await else { return };
    let urgent = world.send_as(Urgency::Interrupt, &agent, "stop").await;
    until("it waits in the mailbox", async || (claude.queued() == 1).then_some(())).await;
    a_while().await;
    assert!(world.is_unread(urgent.id).await);
    assert_eq!(claude.model.calls(), 1, "the turn goes on");
    claude.model.release();
    world.handled(urgent.id).await;
    assert_eq!(claude.times(urgent.id), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_come_later_is_not_put_between_the_tools_of_a_turn() {
    let Some(setup) = setup(Version::Newest) else { return };
    let world = World::new().await;
    let (claude, agent) = world.session(&setup.patient().bypassing()).await;
    claude.say("RUN: until [ -e go ]; do sleep 0.1; done").await;
    world.status(&agent, Status::Busy).await;
    let later = world.send_as(Urgency::Later, &agent, "later").await;
    let normal = world.send(&agent, "now").await;
    until("both wait in the mailbox", async || (claude.queued() == 2).then_some(())).await;
    fs::write(claude.path("project/go"), "").unwrap();
    assert_eq!(world.read(normal.id).await.via.unwrap().as_str(), "claude-tool");
    assert_eq!(world.read(later.id).await.via.unwrap().as_str(), "claude-socket");
    world.handled(later.id).await;
    assert_eq!((claude.times(normal.id), claude.times(later.id)), (1, 1));
}
