//! Mail from the relay into the model's context.

use std::path::PathBuf;

use relay_client::core::{
    agent::{Agent, Status},
    api::{query, request::MarkMessage},
    message::Message,
};
use serde_json::json;

use crate::{World, until};

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_read_when_a_hook_gave_it_and_handled_when_the_turn_ended() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    let sent = world.send(&agent, "tests pass").await;
    let (line, file) = world.nudge(&agent).await;
    let changed = json!({"file_path": file, "event": "change"});
    let (code, _, stderr) = session.hook("FileChanged", &changed);
    assert_eq!((code, stderr), (2, line.clone()));
    let other = json!({"file_path": "/srv/web-app/a.rs", "event": "change"});
    assert_eq!(session.hook("FileChanged", &other).0, 0, "somebody else's file");
    let receipts = world.tester.receipts(sent.id).await.unwrap();
    assert!(receipts.iter().all(|receipt| receipt.read_at.is_none()), "a nudge is no reading");
    let prompt = format!(
        "<task-notification>\n<summary>x</summary>\n</task-notification>\n<system-reminder>\n{line}\n</system-reminder>"
    );
    let context = session.context("UserPromptSubmit", &json!({"prompt": prompt})).unwrap();
    assert_eq!(context, format!("[msg:{}] from tester: tests pass", sent.id));
    assert_eq!(session.context("UserPromptSubmit", &json!({"prompt": prompt})), None, "once");
    let via = until("a receipt", async || {
        let receipts = world.tester.receipts(sent.id).await.unwrap();
        receipts.into_iter().find(|receipt| receipt.read_at.is_some())?.via
    })
    .await;
    assert_eq!(via.as_str(), "claude-file");
    session.hook("Stop", &json!({}));
    until("the end of the turn", async || {
        let receipts = world.tester.receipts(sent.id).await.unwrap();
        receipts.iter().any(|receipt| receipt.handled_at.is_some()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_comes_between_tools_and_never_to_a_subagent() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    world.be(1, Status::Idle).await;
    session.context("UserPromptSubmit", &json!({"prompt": "work"}));
    let agent = world.be(1, Status::Busy).await.remove(0);
    world.send(&agent, "hurry").await;
    let tool = json!({"tool_name": "Bash", "tool_input": {}});
    let inside = json!({"tool_name": "Bash", "tool_input": {}, "agent_id": "sub"});
    let context = until("the message", async || {
        assert_eq!(session.context("PostToolUse", &inside), None);
        session.context("PostToolUse", &tool)
    })
    .await;
    assert!(context.ends_with("from tester: hurry"), "{context}");
    assert_eq!(session.context("PostToolUse", &tool), None);
}

/// The file of a message that has come and was not given yet.
fn queued(world: &World, agent: &Agent, message: &Message) -> PathBuf {
    let folder = world.home.path().join(".local/state/agent-relay/claude/agent");
    folder.join(agent.id.folded()).join("queue").join(format!("{:016}", message.id.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_in_another_way_does_not_come_again() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    let (seen, unseen) = (world.send(&agent, "seen").await, world.send(&agent, "unseen").await);
    let file = queued(&world, &agent, &seen);
    until("the message in the queue", async || file.exists().then_some(())).await;
    let mark = MarkMessage {
        agent_id: Some(agent.id.clone()),
        read: Some(true),
        handled: None,
        via: None,
        instance_id: None,
        epoch: None,
    };
    world.plain.mark_message(seen.id, &mark).await.unwrap();
    until("the message out of the queue", async || (!file.exists()).then_some(())).await;
    let other = queued(&world, &agent, &unseen);
    until("the other message", async || other.exists().then_some(())).await;
    let context = session.context("UserPromptSubmit", &json!({"prompt": "hello"})).unwrap();
    assert_eq!(context, format!("[msg:{}] from tester: unseen", unseen.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nudge_that_comes_late_costs_no_turn() {
    let world = World::new().await;
    let session = world.session();
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    world.send(&agent, "tests pass").await;
    let (line, _) = world.nudge(&agent).await;
    let prompt = json!({"prompt": line});
    assert!(session.context("UserPromptSubmit", &prompt).is_some());
    let in_the_turn = session.hook("UserPromptSubmit", &prompt);
    assert_eq!(in_the_turn, (0, String::new(), String::new()), "a running turn goes on");
    session.hook("Stop", &json!({}));
    let (code, late, _) = session.hook("UserPromptSubmit", &prompt);
    assert!(code == 0 && late.contains(r#""decision":"block""#), "{late}");
    world.be(1, Status::Idle).await;
    let typed = session.hook("UserPromptSubmit", &json!({"prompt": "hello"}));
    assert_eq!(typed, (0, String::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_there_the_sender_is_told_once_a_turn_what_was_not_allowed() {
    let world = World::new().await;
    let session = world.session().with("AGENT_RELAY_APPROVAL", "guarded");
    let session = session.with("CLAUDE_CODE_SESSION_ATTENDED", "0");
    session.start();
    let agent = world.be(1, Status::Idle).await.remove(0);
    let remove = json!({"tool_name": "Bash", "tool_input": {"command": "rm -rf build"}});
    session.context("UserPromptSubmit", &json!({"prompt": "clean up"}));
    assert!(session.hook("PreToolUse", &remove).1.contains(r#""permissionDecision":"deny""#));
    let sent = world.send(&agent, "please clean up").await;
    let file = queued(&world, &agent, &sent);
    until("the message in the queue", async || file.exists().then_some(())).await;
    session.context("UserPromptSubmit", &json!({"prompt": "go on"})).expect("the message");
    for _ in 0..3 {
        session.hook("PreToolUse", &remove);
    }
    let told = until("a note", async || told(&world, &agent).await.pop()).await;
    let expected = format!(
        "msg:{}: `{}` was not allowed to run Bash (deletes files: rm -rf build): nobody is there to ask.",
        sent.id, agent.id
    );
    assert_eq!((told.body.as_str(), told.kind.as_str()), (expected.as_str(), "system"));
    assert_eq!((told.reply_to, told.verified), (Some(sent.id), true));
    session.hook("PreToolUse", &remove);
    session.hook("Stop", &json!({}));
    until("the end of the turn", async || {
        let receipts = world.tester.receipts(sent.id).await.unwrap();
        receipts.iter().any(|receipt| receipt.handled_at.is_some()).then_some(())
    })
    .await;
    assert_eq!(self::told(&world, &agent).await.len(), 1);
}

/// What an agent has written.
async fn told(world: &World, agent: &Agent) -> Vec<Message> {
    let query = query::Messages { from: Some(agent.id.clone()), ..Default::default() };
    world.plain.messages(&query).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_person_is_there_the_person_is_asked_and_nobody_is_told() {
    let world = World::new().await;
    let session = world.session().with("AGENT_RELAY_APPROVAL", "guarded");
    let session = session.with("CLAUDE_CODE_SESSION_ATTENDED", "1");
    session.start();
    let remove = json!({"tool_name": "Bash", "tool_input": {"command": "rm -rf build"}});
    assert!(session.hook("PreToolUse", &remove).1.contains(r#""permissionDecision":"ask""#));
    let older = world.session().with("AGENT_RELAY_APPROVAL", "guarded");
    let older = older.with("CLAUDE_CODE_ENTRYPOINT", "sdk-cli");
    assert!(older.hook("PreToolUse", &remove).1.contains(r#""permissionDecision":"deny""#));
}
