//! Sessions that talk with each other.

use relay_client::core::agent::Status;
use testkit::{World, program::Version, until};

use crate::{allowed, setup};

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_talk() {
    let Some(setup) = setup(Version::Newest) else { return };
    let setup = allowed(setup);
    let world = World::new().await;
    let ((a, agent_a), (b, agent_b)) = tokio::join!(world.session(&setup), world.session(&setup));
    assert_ne!(agent_a.id, agent_b.id);
    a.say(&format!("RUN: agent-relay send {} 'ping, please'", agent_b.id)).await;
    let ping = world.mail(&agent_b).await;
    assert_eq!(ping.from, agent_a.id, "the command speaks as the session it runs in");
    assert!(ping.verified);
    assert_eq!(world.read(ping.id).await.via.unwrap().as_str(), "claude-socket");
    until("B's model has it", async || {
        b.model.context().contains(&format!("[msg:{}] from {}", ping.id, agent_a.id)).then_some(())
    })
    .await;
    world.handled(ping.id).await;
    b.say(&format!("RUN: agent-relay reply {} pong", ping.id)).await;
    let answer = world.mail(&agent_a).await;
    assert_eq!((answer.from.clone(), answer.reply_to), (agent_b.id.clone(), Some(ping.id)));
    world.read(answer.id).await;
    until("A's model has the answer", async || a.model.context().contains("pong").then_some(()))
        .await;
    world.status(&agent_a, Status::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_pair_up_with_the_skill() {
    let Some(setup) = setup(Version::Newest) else { return };
    let setup = allowed(setup);
    let world = World::new().await;
    let ((a, agent_a), (b, agent_b)) = tokio::join!(world.session(&setup), world.session(&setup));
    // The model that obeys a skill runs the command that it names.
    a.say(&format!("/agent-relay:pair {} flaky tests", agent_b.id)).await;
    let invitation = world.mail(&agent_b).await;
    assert_eq!(invitation.from, agent_a.id);
    assert!(a.model.context().contains("Invite one agent to a pair session"));
    let pair = invitation.pair_id.expect("an invitation names its pair");
    until("B's model has the invitation", async || {
        b.model.context().contains(&format!("pair {pair}")).then_some(())
    })
    .await;
    world.handled(invitation.id).await;
    b.say(&format!("RUN: agent-relay pair accept {pair}")).await;
    let accepted = world.mail(&agent_a).await;
    assert_eq!(accepted.from, agent_b.id);
    world.handled(accepted.id).await;
    b.say("/exit").await;
    until("the pair has ended with its session", async || {
        world.plain.pair(&pair).await.unwrap().ended_at.map(drop)
    })
    .await;
}
