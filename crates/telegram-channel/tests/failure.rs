//! What goes wrong on either side, and what becomes of the messages.

mod support;

use std::time::Duration;

use relay_client::core::id::AgentId;
use serde_json::json;
use support::{ADA, BOB, World, answer, send, soon, telegram::Fault};

#[tokio::test]
async fn too_many_requests_wait_as_long_as_they_are_told_and_arrive_once() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    world.telegram.fail(ADA, [Fault::too_many(1)]);
    let start = tokio::time::Instant::now();
    let slow = send(&backend, "backend", "slow").await;
    soon(world.telegram.until(|seen| seen.attempts == 1)).await;
    let next = send(&backend, "backend", "next").await;
    world.until_read(&slow).await;
    world.until_read(&next).await;
    assert!(world.telegram.taken()[0].at - start >= Duration::from_secs(1));
    let expected = [format!("backend #{}\nslow", slow.id), format!("backend #{}\nnext", next.id)];
    assert_eq!(world.telegram.texts(ADA), expected, "in order, without a mark");
    running.stop().await;
}

#[tokio::test]
async fn a_chat_that_has_to_wait_holds_up_no_other() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let other = world.agent("other", None).await;
    let running = world.carry("12=backend,13=other").await;
    world.telegram.fail(ADA, [Fault::too_many(3600)]);
    send(&backend, "backend", "slow").await;
    soon(world.telegram.until(|seen| seen.attempts == 1)).await;
    let quick = send(&other, "other", "quick").await;
    world.until_read(&quick).await;
    world.telegram.says(BOB, "thanks");
    assert_eq!(world.mail("other", 1).await[0].body, "Ada: thanks");
    assert!(world.telegram.texts(ADA).is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_chat_that_refuses_holds_up_no_other_and_what_it_refused_stays_unread() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let other = world.agent("other", None).await;
    let running = world.carry("12=backend,13=other").await;
    let blocked = "Forbidden: bot was blocked by the user";
    world.telegram.fail(ADA, [Fault::refuse(403, blocked)]);
    let refused = send(&backend, "backend", "hello?").await;
    let taken = send(&other, "other", "hello").await;
    world.until_read(&taken).await;
    let me: AgentId = "telegram".parse().unwrap();
    let shown = async {
        loop {
            let agent = world.client().agent(&me).await.unwrap();
            if let Some(detail) = agent.status_detail {
                return detail;
            }
        }
    };
    assert!(soon(shown).await.contains("chat 12 refuses mail: Telegram says: Forbidden"));
    let after = send(&backend, "backend", "now?").await;
    world.until_read(&after).await;
    running.stop().await;
    assert!(world.client().message(refused.id).await.unwrap().read_by.is_empty());

    let running = world.carry("12=backend,13=other").await;
    world.until_read(&refused).await;
    assert_eq!(world.telegram.texts(ADA).len(), 2, "the one is not repeated, the other came");
    assert_eq!(world.telegram.texts(BOB).len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn what_was_surely_not_taken_is_sent_again_without_a_mark() {
    let mut world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    world.telegram.stop().await;
    let sent = send(&backend, "backend", "hello").await;
    world.telegram.start_again().await;
    world.until_read(&sent).await;
    assert_eq!(world.telegram.texts(ADA), [format!("backend #{}\nhello", sent.id)]);
    running.stop().await;
}

#[tokio::test]
async fn what_may_have_been_taken_is_sent_again_with_a_mark() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    for fault in
        [Fault::CutBefore, Fault::CutAfter, Fault::Page(502), Fault::refuse(500, "Internal")]
    {
        let before = world.telegram.taken().len();
        let twice = usize::from(matches!(fault, Fault::CutAfter));
        world.telegram.fail(ADA, [fault]);
        let sent = send(&backend, "backend", "hello").await;
        world.until_read(&sent).await;
        let texts = world.telegram.texts(ADA).split_off(before);
        assert_eq!(texts.len(), 1 + twice, "{texts:?}");
        let marked = format!("backend #{} (perhaps sent before)\nhello", sent.id);
        assert_eq!(texts[twice], marked);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_group_that_moved_while_nobody_looked_is_followed() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("-5=backend").await;
    world.telegram.fail(
        -5,
        [Fault::Refuse(json!({
            "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded",
            "parameters": {"migrate_to_chat_id": -1005},
        }))],
    );
    let sent = send(&backend, "backend", "hello").await;
    world.until_read(&sent).await;
    assert_eq!(world.telegram.texts(-1005), [format!("backend #{}\nhello", sent.id)]);
    running.stop().await;
}

#[tokio::test]
async fn restarts_of_the_relay_lose_and_repeat_nothing() {
    let mut world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    for round in 0..3 {
        world.telegram.says(ADA, &format!("before {round}"));
        world.relay.stop().await;
        world.telegram.says(ADA, &format!("meanwhile {round}"));
        world.relay.start_again().await;
        world.telegram.says(ADA, &format!("after {round}"));
        let sent = send(&backend, "backend", &format!("out {round}")).await;
        world.until_read(&sent).await;
    }
    let mail = world.mail("backend", 9).await;
    let expected: Vec<_> = (0..3)
        .flat_map(|round| {
            ["before", "meanwhile", "after"].map(|when| format!("Ada: {when} {round}"))
        })
        .collect();
    assert_eq!(mail.iter().map(|m| m.body.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(world.telegram.texts(ADA).len(), 3);
    running.stop().await;
}

#[tokio::test]
async fn a_telegram_that_is_away_is_waited_for_in_both_directions() {
    let mut world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    for round in 0..3 {
        world.telegram.stop().await;
        world.telegram.says(ADA, &format!("in {round}"));
        let sent = send(&backend, "backend", &format!("out {round}")).await;
        world.telegram.start_again().await;
        world.until_read(&sent).await;
    }
    let mail = world.mail("backend", 3).await;
    let bodies: Vec<_> = mail.iter().map(|m| m.body.as_str()).collect();
    assert_eq!(bodies, ["Ada: in 0", "Ada: in 1", "Ada: in 2"]);
    let expected = ["out 0", "out 1", "out 2"];
    for (text, expected) in world.telegram.texts(ADA).iter().zip(expected) {
        assert!(text.ends_with(expected) && !text.contains("perhaps"), "{text}");
    }
    assert_eq!(world.telegram.texts(ADA).len(), 3);
    running.stop().await;
}

#[tokio::test]
async fn restarts_of_the_channel_lose_and_repeat_nothing() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    world.carry("12=backend").await.stop().await;
    let first = send(&backend, "backend", "nobody is there").await;
    for round in 0..3 {
        world.telegram.says(ADA, &format!("while away {round}"));
        let running = world.carry("12=backend").await;
        let asked = world.mail("backend", 2 * round + 1).await.pop().unwrap();
        let answered = answer(&backend, "backend", &asked, &format!("answer {round}")).await;
        world.until_read(&answered).await;
        world.telegram.says(ADA, &format!("at the end {round}"));
        world.mail("backend", 2 * round + 2).await;
        running.stop().await;
    }
    world.until_read(&first).await;
    assert_eq!(world.telegram.texts(ADA).len(), 4);
    let orders = ["/help", "/agents"];
    for order in orders {
        world.telegram.says(ADA, order);
    }
    let running = world.carry("12=backend").await;
    world.telegram.messages(6).await;
    running.stop().await;
    let running = world.carry("12=backend").await;
    world.telegram.says(ADA, "last");
    world.mail("backend", 7).await;
    assert_eq!(world.telegram.texts(ADA).len(), 6, "no order is obeyed twice");
    running.stop().await;
}

#[tokio::test]
async fn an_update_that_is_reported_again_after_a_crash_is_stored_once() {
    let world = World::new().await;
    world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    let parts = json!({"text": "hello"});
    let number = world.telegram.writes(ADA, &parts);
    world.mail("backend", 1).await;
    running.stop().await;
    // The crash came before the ledger knew, and the chat was bound anew since.
    std::fs::remove_file(world.settings("").ledger).unwrap();
    world.agent("web", None).await;
    let mut again = parts.clone();
    again["message_id"] = json!(number);
    let running = world.carry("12=web").await;
    world.telegram.writes(ADA, &again);
    world.telegram.says(ADA, "next");
    let mail = world.mail("web", 1).await;
    assert_eq!(mail[0].body, "Ada: next");
    world.mail("backend", 1).await;
    running.stop().await;
}

#[tokio::test]
async fn a_deleted_message_that_waited_is_not_sent() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let running = world.carry("12=backend").await;
    world.telegram.fail(ADA, [Fault::Hold]);
    let held = send(&backend, "backend", "first").await;
    soon(world.telegram.until(|seen| seen.attempts == 1)).await;
    let slip = send(&backend, "backend", "a slip").await;
    let last = send(&backend, "backend", "last").await;
    backend.delete_message(slip.id).await.unwrap();
    world.telegram.release();
    world.until_read(&held).await;
    world.until_read(&last).await;
    assert_eq!(world.telegram.texts(ADA).len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_bot_that_is_dismissed_ends_the_channel_and_says_why() {
    let world = World::new().await;
    let mut settings = world.settings("12");
    settings.token = "98:another-token".into();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let failure = soon(telegram_channel::run(settings, stopped)).await.unwrap_err();
    assert_eq!((failure.exit, failure.message.as_str()), (3, "Telegram says: Unauthorized (401)"));
    assert!(failure.hint.unwrap().contains("BotFather"));
}

#[tokio::test]
async fn two_for_one_bot_are_refused() {
    let world = World::new().await;
    let running = world.carry("12").await;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let failure = soon(telegram_channel::run(world.settings("12"), stopped)).await.unwrap_err();
    assert_eq!(failure.exit, 1);
    assert!(failure.message.starts_with("another agent-relay-telegram carries for this bot"));
    running.stop().await;
}
