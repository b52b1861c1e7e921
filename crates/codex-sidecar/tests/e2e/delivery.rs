//! How messages reach a session, whatever it is doing.

use std::fs;

use relay_client::core::{
    agent::{Agent, Status},
    message::{Message, Urgency},
};
use testkit::{
    World, a_while,
    codex::{Codex, Setup, measure},
    until,
};

/// How often the text of a message stands there; a reminder of it has none.
pub fn times(codex: &Codex, message: &Message) -> usize {
    let header = format!("[msg:{}] from tester", message.id);
    let has_text = |rest: &&str| rest.starts_with(": ") || rest.starts_with(" (urgent): ");
    codex.model.heard().split(&header).skip(1).filter(has_text).count()
}

/// Waits until a message is read and its turn has ended; says by which path it came.
async fn arrives(world: &World, codex: &Codex, message: &Message) -> String {
    let receipt = world.read(message.id).await;
    world.handled(message.id).await;
    assert_eq!(times(codex, message), 1, "once: {}", codex.model.context());
    receipt.via.map(|via| via.to_string()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_before_the_first_prompt_wakes_the_session_which_answers_without_being_asked() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    assert!(agent.tags.iter().any(|tag| tag.as_str() == "codex"), "{agent:?}");
    let call = r#"mcp: agent_relay send {"to": "tester", "text": "all is well"}"#;
    let message = world.send(&agent, call).await;
    codex.shows("[msg:").await;
    assert_eq!(arrives(&world, &codex, &message).await, "codex-turn");
    let answer = until("the answer", async || {
        let tester = world.plain.agent(&"tester".parse().unwrap()).await.unwrap();
        world.all_mail(&tester).await.into_iter().next()
    })
    .await;
    assert_eq!((&answer.from, answer.body.as_str()), (&agent.id, "all is well"));
    assert!(answer.verified);
    world.status(&agent, Status::Idle).await;
    let call =
        format!(r#"mcp: agent_relay reply {{"id": {}, "text": "and to that, too"}}"#, message.id);
    let question = world.send(&agent, &call).await;
    // A question to the person would have held the turn up.
    arrives(&world, &codex, &question).await;
    let tester = world.plain.agent(&"tester".parse().unwrap()).await.unwrap();
    let reply = world.all_mail(&tester).await.pop().unwrap();
    assert_eq!((&reply.from, reply.reply_to), (&agent.id, Some(message.id)));
    let told = format!("You are agent `{}`", agent.id);
    assert_eq!(codex.model.heard().matches(&told).count(), 1, "it knows who it is");
    assert_eq!(world.agents("codex").await.len(), 1, "helper threads are no agents");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streaming_answer_is_not_cut() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    codex.say("hold: it").await;
    codex.model.holds("it").await;
    world.status(&agent, Status::Busy).await;
    let message = world.send(&agent, "when you have spoken").await;
    a_while().await;
    assert!(codex.model.is_held("it"), "it is still speaking");
    assert!(world.is_unread(message.id).await);
    codex.model.release("it");
    arrives(&world, &codex, &message).await;
    assert!(codex.model.context().contains("holding it"), "the answer was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_a_tools_output_it_does_not_wait_for_the_answer_and_does_not_cut_it() {
    let Some(mut setup) = Setup::find() else { return };
    setup.env.push(("AGENT_RELAY_CODEX_DELIVERY", "tool-output".into()));
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    let first = world.send(&agent, "to an idle session").await;
    assert_eq!(arrives(&world, &codex, &first).await, "codex-tool-output");
    codex.say("hold: it").await;
    codex.model.holds("it").await;
    let second = world.send(&agent, "to one that speaks").await;
    a_while().await;
    assert!(codex.model.is_held("it"), "it is still speaking");
    codex.model.release("it");
    assert_eq!(arrives(&world, &codex, &second).await, "codex-tool-output");
    assert!(codex.model.context().contains("holding it"), "the answer was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_joins_the_turn_in_which_a_tool_runs() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    codex.say("shell: sleep 10; echo slept").await;
    codex.shows("sleep 10").await;
    world.status(&agent, Status::Busy).await;
    until("the tool runs", async || {
        codex.processes().iter().any(|(_, line)| line == "sleep 10").then_some(())
    })
    .await;
    let message = world.send(&agent, "while you work").await;
    assert_eq!(arrives(&world, &codex, &message).await, "codex-steer");
    assert!(codex.model.context().contains("slept"), "the tool was let end");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_somebody_is_asked_everything_waits_and_nobody_answers_for_them() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    codex.say("escalate: touch outside").await;
    world.status(&agent, Status::Waiting).await;
    codex.shows("Yes, proceed").await;
    let message = world.send(&agent, "while they decide").await;
    a_while().await;
    assert!(world.is_unread(message.id).await);
    assert!(codex.screen().contains("Yes, proceed"), "nobody has answered");
    assert!(!codex.path("project/outside").exists());
    codex.key("y");
    arrives(&world, &codex, &message).await;
    assert!(codex.path("project/outside").exists());
    world.status(&agent, Status::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_later_waits_for_the_turns_end() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    codex.say("shell: sleep 6; echo slept").await;
    until("the tool runs", async || {
        codex.processes().iter().any(|(_, line)| line == "sleep 6").then_some(())
    })
    .await;
    let later = world.send_as(Urgency::Later, &agent, "no hurry").await;
    let now = world.send(&agent, "soon").await;
    assert_eq!(arrives(&world, &codex, &now).await, "codex-steer");
    assert_eq!(arrives(&world, &codex, &later).await, "codex-turn");
}

async fn with_profile(world: &World, setup: &Setup, profile: &str) -> (Codex, Agent) {
    let codex = Codex::new(&world.url()).await;
    let file = codex.path("profiles.json");
    fs::write(&file, format!(r#"{{"test": {profile}}}"#)).unwrap();
    let mut setup = setup.clone();
    setup.env.push(("AGENT_RELAY_PROFILE", "test".into()));
    setup.env.push(("AGENT_RELAY_PROFILES_FILE", file.to_string_lossy().into_owned()));
    let agent = world.joins("codex", codex.start(&setup)).await;
    (codex, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_stopped_only_where_the_profile_allows_it() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    for allowed in [true, false] {
        let profile = format!(r#"{{"interrupt": {allowed}}}"#);
        let (codex, agent) = with_profile(&world, &setup, &profile).await;
        codex.say("hold: it").await;
        codex.model.holds("it").await;
        let message = world.send_as(Urgency::Interrupt, &agent, "stop that").await;
        if allowed {
            assert_eq!(arrives(&world, &codex, &message).await, "codex-turn");
            assert!(!codex.model.is_held("it"), "it was stopped");
            continue;
        }
        a_while().await;
        assert!(codex.model.is_held("it") && world.is_unread(message.id).await);
        codex.model.release("it");
        arrives(&world, &codex, &message).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_somebody_stopped_has_ended() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    let message = world.send(&agent, "hold: it").await;
    codex.model.holds("it").await;
    world.read(message.id).await;
    codex.key("Escape");
    world.handled(message.id).await;
    a_while().await;
    assert!(!codex.model.context().contains("cut off"), "nobody is reminded");
    let next = world.send(&agent, "and now").await;
    arrives(&world, &codex, &next).await;
    assert_eq!(times(&codex, &message), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_failed_is_brought_to_mind_once_without_the_text() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    let message = world.send(&agent, "fail: 400").await;
    world.read(message.id).await;
    until("the reminder", async || codex.model.context().contains("cut off").then_some(())).await;
    world.handled(message.id).await;
    assert_eq!(times(&codex, &message), 1, "the text once: {}", codex.model.heard());
    let named = codex.model.heard().matches(&format!("[msg:{}]", message.id)).count();
    assert_eq!(named, 2, "{}", codex.model.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_or_was_deleted_wakes_nobody() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    codex.say("hold: it").await;
    codex.model.holds("it").await;
    let deleted = world.send(&agent, "take this back").await;
    let kept = world.send(&agent, "keep this").await;
    a_while().await;
    world.tester.delete_message(deleted.id).await.unwrap();
    codex.model.release("it");
    arrives(&world, &codex, &kept).await;
    assert_eq!(times(&codex, &deleted), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_a_hundred_is_whole_and_in_order_in_at_most_twelve_turns() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let burst = measure::burst(&world, &setup).await;
    assert_eq!(burst.whole, 100, "each whole, once");
    let place = |message: &Message| burst.context.find(&measure::whole(message)).unwrap();
    assert!(burst.sent.is_sorted_by_key(place), "in order");
    println!("100 messages: {} requests, all after {:?}", burst.requests, burst.took);
    assert!(burst.requests <= 12, "{}", burst.requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_is_woken_again_and_again() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let mut took = measure::idle_wake(&world, &setup, 20).await;
    took.sort();
    println!("woken after {:?} (median), {:?} (longest) of 20", took[10], took[19]);
}
