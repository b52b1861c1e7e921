//! Sessions that talk with each other.

use std::{fs, os::unix::fs::PermissionsExt as _};

use relay_client::core::agent::Status;
use testkit::{World, claude::Claude, program::Version, until};

use crate::{allowed, setup};

/// Answers the newest message.
const ANSWER: &str = r#"#!/bin/sh
id=$(agent-relay inbox | sed -n 's/^\[msg:\([0-9]*\)\] from .*/\1/p' | tail -n 1)
exec agent-relay reply "$id" "answer to $id"
"#;

fn teach(claude: &Claude) {
    let script = claude.path("project/answer");
    fs::write(&script, ANSWER).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_writes_to_an_idle_one_whose_model_answers_without_being_asked() {
    let Some(setup) = setup(Version::Newest) else { return };
    let setup = setup.patient().with_arguments(&["--allowedTools", "Bash"]);
    let world = World::new().await;
    let ((a, agent_a), (b, agent_b)) = tokio::join!(world.session(&setup), world.session(&setup));
    assert_ne!(agent_a.id, agent_b.id);
    teach(&b);
    // Written so, A's own model takes it for no order.
    a.say(&format!("RUN: agent-relay send {} \"question, R\"\"UN: ./answer\"", agent_b.id)).await;
    let question = world.mail(&agent_b).await;
    assert_eq!(question.from, agent_a.id, "the command speaks as the session it runs in");
    assert!(question.verified);
    let answer = world.mail(&agent_a).await;
    assert_eq!((&answer.from, answer.reply_to), (&agent_b.id, Some(question.id)));
    assert_eq!(answer.body.as_str(), format!("answer to {}", question.id));
    assert!(answer.verified);
    // A may still be in the turn that sent it.
    assert_eq!(world.read(question.id).await.via.unwrap().as_str(), "claude-socket");
    let via = world.read(answer.id).await.via.unwrap();
    assert!(["claude-socket", "claude-tool"].contains(&via.as_str()), "{via}");
    for ((message, session), agent) in
        [(&question, &b), (&answer, &a)].iter().zip([&agent_b, &agent_a])
    {
        world.handled(message.id).await;
        world.status(agent, Status::Idle).await;
        let header = format!("[msg:{}] from {}", message.id, message.from);
        let context = session.model.context();
        assert_eq!(context.matches(&header).count(), 1, "{context}");
    }
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
