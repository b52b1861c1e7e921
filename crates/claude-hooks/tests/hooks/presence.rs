//! Who a session is, from its beginning to its end.

use relay_client::core::agent::Status;
use serde_json::json;

use crate::{Session, World, companions, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_an_agent_from_its_start_to_its_end() {
    let world = World::new().await;
    let session = world.session();
    let primer = session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    assert!(primer.contains(agent.id.as_str()) && primer.contains(&world.relay.url()), "{primer}");
    assert!(agent.id.as_str().contains("web-app"), "{}", agent.id);
    assert_eq!(agent.project.as_deref(), Some("web-app"));
    session.context("UserPromptSubmit", &json!({"prompt": "hello"}));
    world.be(1, Status::Busy).await;
    session.hook("PermissionRequest", &json!({"tool_name": "Bash"}));
    world.be(1, Status::Waiting).await;
    session.hook("Stop", &json!({}));
    world.be(1, Status::Idle).await;
    session.hook("SessionEnd", &json!({"reason": "prompt_input_exit"}));
    world.be(1, Status::Offline).await;
    until("no companion", async || (companions(agent.id.as_str()) == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_session_is_offline_and_its_companion_gone() {
    let world = World::new().await;
    let mut session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    session.claude.kill().unwrap();
    session.claude.wait().unwrap();
    world.be(1, Status::Offline).await;
    until("no companion", async || (companions(agent.id.as_str()) == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_live_claimant_gets_a_number_and_a_warning() {
    let world = World::new().await;
    let first = world.session().with("AGENT_RELAY_ID", "builder");
    let second = world.session().with("AGENT_RELAY_ID", "builder");
    assert!(first.start().contains("`builder`"));
    world.be(1, Status::Idle).await;
    let primer = second.start();
    assert!(primer.contains("agent `builder-2`") && primer.contains("Warning:"), "{primer}");
    world.be(2, Status::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_resumed_before_its_old_process_is_gone_is_the_agent_that_it_was() {
    let world = World::new().await;
    let leaving = world.session();
    leaving.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    leaving.hook("SessionEnd", &json!({"reason": "prompt_input_exit"}));
    let resumed = world.session();
    let primer = resumed.context("SessionStart", &json!({"source": "resume"})).unwrap();
    assert!(primer.contains(&format!("agent `{}`", agent.id)), "{primer}");
    assert_eq!(world.be(1, Status::Idle).await[0].id, agent.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_and_resuming_keep_the_agent() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    session.hook("SessionEnd", &json!({"reason": "clear"}));
    let start = json!({"source": "clear", "session_id": "s-2"});
    let primer = session.context("SessionStart", &start).unwrap();
    assert!(primer.contains(agent.id.as_str()), "{primer}");
    drop(session);
    world.be(1, Status::Offline).await;
    let resumed = world.session();
    let start = json!({"source": "resume", "session_id": "s-2"});
    let primer = resumed.context("SessionStart", &start).unwrap();
    assert!(primer.contains(agent.id.as_str()), "{primer}");
    assert_eq!(world.be(1, Status::Idle).await[0].id, agent.id);
}

#[test]
fn a_relay_that_is_away_and_settings_that_are_wrong_break_no_session() {
    let home = tempfile::tempdir().unwrap();
    let away = Session::new(home.path(), "http://127.0.0.1:9");
    assert!(away.start().contains("not reachable"));
    assert_eq!(away.context("UserPromptSubmit", &json!({"prompt": "hello"})), None);
    assert_eq!(away.hook("Stop", &json!({})), (0, String::new(), String::new()));
    let wrong = Session::new(home.path(), "nonsense");
    assert!(wrong.start().contains("Agent Relay is off in this session: AGENT_RELAY_URL"));
    assert_eq!(wrong.hook("NewEvent", &json!({"more": [1]})).0, 0);
}
