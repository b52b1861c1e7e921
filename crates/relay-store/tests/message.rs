//! The story of a message: sent, found, read, answered, deleted.

mod common;

use std::time::Duration;

use common::{by, code, fixture, id, words};
use relay_core::{api::query, error::Code, id::Seq};
use relay_store::Delivery;
use serde_json::json;

#[tokio::test]
async fn direct_mail_reaches_its_reader_once() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let first = f.send("a", "b", "one").await;
    let second = f.send("A", "id:B", "two").await;
    assert_eq!(f.unread("b").await, [first.0, second.0]);
    assert_eq!(f.unread("a").await, [] as [i64; 0], "the sender never receives its own");
    f.read("b", first).await;
    f.read("b", first).await;
    assert_eq!(f.unread("b").await, [second.0]);
    let message = f.store.message(first, None).await.unwrap();
    assert_eq!((message.read_by, message.to.to_string()), (vec![id("b")], "b".to_owned()));
    let events = f.replay("a", Seq(first.0)).await;
    assert_eq!(words(&events), [format!("message.read {first}")], "marking twice tells once");
}

#[tokio::test]
async fn an_unknown_id_is_refused_and_an_empty_group_is_not() {
    let f = fixture().await;
    f.join(json!("backend-1")).await;
    let message = |to: &str| json!({ "to": to, "body": "x" });
    assert_eq!(code(f.deliver("backend-1", message("backend-2")).await), Code::TargetNotFound);
    assert_eq!(
        code(f.deliver("backend", message("backend-1")).await),
        Code::NotFound,
        "sending mints no identity"
    );
    let Delivery::Stored(sent) = f.deliver("backend-1", message("tag:nobody")).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(sent.recipients, 0);
}

#[tokio::test]
async fn group_mail_reaches_those_who_had_joined() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!({"id": "b", "tags": ["x"]})).await;
    f.join(json!("late")).await;
    let early = f.send("a", "tag:x", "early").await;
    f.patch("late", json!({"tags": ["x"]})).await;
    let after = f.send("a", "tag:x", "after").await;
    let all = f.send("a", "broadcast", "all").await;
    f.join(json!("newcomer")).await;
    assert_eq!(f.unread("b").await, [early.0, after.0, all.0]);
    assert_eq!(f.unread("late").await, [after.0, all.0]);
    assert_eq!(f.unread("newcomer").await, [] as [i64; 0]);
    assert_eq!(f.unread("human").await, [] as [i64; 0], "the operator is in no group");
}

#[tokio::test]
async fn label_mail_waits_for_whoever_bears_the_label_next() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    f.join(json!("c")).await;
    let waiting = f.send("a", "label:Night Shift", "hello?").await;
    let cursor = f.store.head();
    f.patch("b", json!({"label": "night shift"})).await;
    let offered = f.replay("b", cursor).await;
    assert!(
        words(&offered).contains(&format!("message.new {waiting}")),
        "the stream tells, past its cursor"
    );
    assert_eq!(f.unread("b").await, [waiting.0]);
    f.patch("c", json!({"label": "NIGHT SHIFT"})).await;
    assert_eq!(f.unread("c").await, [waiting.0], "nobody has read it yet");
    f.read("b", waiting).await;
    f.join(json!({"id": "d", "label": "night shift"})).await;
    assert_eq!(f.unread("d").await, [] as [i64; 0], "it has been read");
}

#[tokio::test]
async fn a_channels_mail_reaches_its_subscribers() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!({"id": "ops", "channels": ["ops"]})).await;
    f.join(json!({"id": "dev", "channels": ["dev"]})).await;
    let channel = f.sent("a", json!({"to": "broadcast", "body": "x", "channel": "ops"})).await.id;
    let plain = f.send("a", "broadcast", "y").await;
    assert_eq!(f.unread("ops").await, [channel.0, plain.0]);
    assert_eq!(f.unread("dev").await, [plain.0]);
    assert_eq!(f.replay("dev", Seq(channel.0 - 1)).await.len(), 1);
}

#[tokio::test]
async fn a_key_sends_once() {
    let mut f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let keyed = |body: &str| json!({"to": "b", "body": body, "idempotencyKey": "k1"});
    let first = f.sent("a", keyed("x")).await;
    f.reopen().await;
    let Delivery::Repeated(again) = f.deliver("a", keyed("x")).await.unwrap() else {
        panic!("sent twice")
    };
    assert_eq!(again.message.id, first.id);
    assert_eq!(code(f.deliver("a", keyed("y")).await), Code::IdempotencyMismatch);
    f.sent("b", json!({"to": "a", "body": "x", "idempotencyKey": "k1"})).await;
    let (one, two) = (f.send("a", "b", "same").await, f.send("a", "b", "same").await);
    assert_ne!(one, two, "equal text without a key is two messages");
}

#[tokio::test]
async fn a_key_sends_once_among_concurrent_tries() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let tries =
        (0..32).map(|_| f.deliver("a", json!({"to": "b", "body": "x", "idempotencyKey": "k"})));
    let outcomes = futures_util::future::join_all(tries).await;
    let stored = outcomes.iter().filter(|o| matches!(o, Ok(Delivery::Stored(_)))).count();
    assert_eq!((stored, outcomes.iter().filter(|o| o.is_ok()).count()), (1, 32));
    assert_eq!(f.unread("b").await.len(), 1);
}

#[tokio::test]
async fn answers_make_a_thread_and_a_receipt() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let root = f.send("a", "b", "question").await;
    let answer = f.sent("b", json!({"to": "a", "body": "answer", "replyTo": root})).await;
    let more = f.sent("a", json!({"to": "b", "body": "thanks", "replyTo": answer.id})).await;
    assert_eq!((answer.thread_id, more.thread_id), (root, root));
    let thread = f.store.thread(more.id, None).await.unwrap();
    assert_eq!(thread.iter().map(|m| m.id).collect::<Vec<_>>(), [root, answer.id, more.id]);
    let receipts = f.store.receipts(root, None).await.unwrap();
    assert_eq!((receipts[0].agent_id.as_str(), receipts[0].answer_id), ("b", Some(answer.id)));
    let missing = json!({"to": "a", "body": "x", "replyTo": 999_999});
    assert_eq!(code(f.deliver("b", missing).await), Code::NotFound);
}

#[tokio::test]
async fn what_has_expired_reaches_nobody() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let message =
        f.sent("a", json!({"to": "b", "body": "now or never", "expiresInMs": 1000})).await;
    assert_eq!(f.unread("b").await, [message.id.0]);
    f.advance(Duration::from_secs(1));
    assert_eq!(f.unread("b").await, [] as [i64; 0]);
    assert!(words(&f.replay("b", Seq(message.id.0 - 1)).await).is_empty());
}

#[tokio::test]
async fn deleting_blanks_the_text_and_keeps_the_id() {
    let mut f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let message = f.send("a", "b", "secret words").await;
    assert_eq!(code(f.store.delete_message(message, Some(&id("b"))).await), Code::Forbidden);
    f.store.index().await.unwrap();
    f.store.delete_message(message, Some(&id("a"))).await.unwrap();
    assert_eq!(code(f.store.delete_message(message, None).await), Code::NotFound);
    assert_eq!(f.store.message(message, None).await.unwrap().body, "");
    assert_eq!(f.unread("b").await, [] as [i64; 0]);
    let query = query::Messages { q: Some("secret".into()), ..query::Messages::default() };
    assert!(f.store.messages(&query, None).await.unwrap().items.is_empty());
    f.reopen().await;
    assert!(f.send("a", "b", "next").await > message, "an id is never used again");
}

#[tokio::test]
async fn a_search_finds_what_was_just_sent() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let hit = f
        .sent("a", json!({"to": "b", "body": "The migration looks clean", "subject": "Review"}))
        .await
        .id;
    f.send("a", "b", "unrelated").await;
    let found = async |q: &str| {
        let query = query::Messages { q: Some(q.into()), ..query::Messages::default() };
        f.store
            .messages(&query, None)
            .await
            .map(|page| page.items.iter().map(|m| m.id).collect::<Vec<_>>())
    };
    for q in ["migration", "CLEAN migr", "review looks", "\"looks\" OR("] {
        assert_eq!(
            found(q).await.unwrap_or_default(),
            if q.contains("OR") { vec![] } else { vec![hit] },
            "{q}"
        );
    }
    assert_eq!(code(found("--").await), Code::InvalidField);
}

#[tokio::test]
async fn pages_are_whole_and_in_order() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(f.send("a", "b", &format!("{n}")).await.0);
    }
    let page = async |query: query::Messages| {
        let page = f.store.messages(&query, None).await.unwrap();
        (page.items.iter().map(|m| m.id.0).collect::<Vec<_>>(), page.more)
    };
    let base = query::Messages {
        reader: Some(id("b")),
        limit: Some(query::Within(3)),
        ..query::Messages::default()
    };
    assert_eq!(page(base.clone()).await, (ids[4..].to_vec(), true), "the newest page, newest last");
    let since = query::Messages { since: Some(Seq(ids[1])), ..base.clone() };
    assert_eq!(page(since).await, (ids[2..5].to_vec(), true));
    let before = query::Messages { before: Some(Seq(ids[2])), ..base.clone() };
    assert_eq!(page(before).await, (ids[..2].to_vec(), false));
    let far = query::Messages { since: Some(Seq(i64::MAX)), ..base };
    assert_eq!(page(far).await, (vec![], false));
}

#[tokio::test]
async fn a_viewer_sees_its_own_part() {
    let f = fixture().await;
    for agent in ["a", "b", "c"] {
        f.join(json!(agent)).await;
    }
    let message = f.send("a", "b", "between us").await;
    assert_eq!(code(f.store.message(message, Some(&id("c"))).await), Code::Forbidden);
    assert!(f.store.message(message, Some(&id("b"))).await.is_ok());
    let all = query::Messages::default();
    assert!(f.store.messages(&all, Some(&id("c"))).await.unwrap().items.is_empty());
    assert_eq!(f.store.messages(&all, Some(&id("a"))).await.unwrap().items.len(), 1);
    let mark = serde_json::from_value(json!({ "read": true })).unwrap();
    assert_eq!(code(f.store.mark_message(message, by("c"), mark).await), Code::Forbidden);
}
