//! The story of a claim: one winner, a lease, an end.

mod common;

use std::time::Duration;

use common::{by, code, fixture, id, words};
use relay_core::{agent::Status, api::request::Heartbeat, error::Code};
use relay_store::Acting;
use serde_json::json;

const LEASE: Duration = relay_core::lease::DEFAULT_SPAN;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_race_for_two_hundred_and_each_has_one_winner() {
    let f = fixture().await;
    f.join(json!("boss")).await;
    for n in 0..16 {
        f.join(json!({"id": format!("w{n}"), "capabilities": ["work"]})).await;
    }
    let mut wins = 0;
    for _ in 0..200 {
        let work = f.work("boss", "cap:work").await;
        let tries = (0..16).map(|n| f.store.claim_message(work, by(&format!("w{n}"))));
        let outcomes = futures_util::future::join_all(tries).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(lost.into_iter().all(|o| o.unwrap_err().code() == Code::AlreadyClaimed));
        wins += won.len();
    }
    assert_eq!(wins, 200);
}

#[tokio::test]
async fn a_lapsed_lease_cannot_finish_and_goes_to_the_next() {
    let f = fixture().await;
    for agent in ["boss", "a", "b"] {
        f.join(json!(agent)).await;
    }
    let work = f.work("boss", "broadcast").await;
    let held = f.store.claim_message(work, by("a")).await.unwrap().claim.unwrap();
    assert_eq!(held.generation, 1);
    f.advance(LEASE);
    assert_eq!(code(f.store.finish_message(work, by("a")).await), Code::LeaseLost);
    assert_eq!(f.store.release_lapsed().await.unwrap(), 1);
    assert_eq!(f.store.release_lapsed().await.unwrap(), 0);
    let granted = f.store.claim_message(work, by("b")).await.unwrap().claim.unwrap();
    assert_eq!(granted.generation, 2);
    let old = Acting { generation: Some(1), ..by("a") };
    assert_eq!(code(f.store.finish_message(work, old.clone()).await), Code::LeaseLost);
    assert_eq!(code(f.store.release_message(work, old).await), Code::LeaseLost);
    f.store.finish_message(work, by("b")).await.unwrap();
    assert_eq!(code(f.store.claim_message(work, by("a")).await), Code::AlreadyDone);
}

#[tokio::test]
async fn heartbeats_renew_what_is_held() {
    let f = fixture().await;
    f.join(json!("boss")).await;
    f.join(json!("a")).await;
    let work = f.work("boss", "a").await;
    f.store.claim_message(work, by("a")).await.unwrap();
    for status in [None, Some(Status::Busy), None, Some(Status::Idle), Some(Status::Busy)] {
        f.advance(LEASE / 2);
        let beat = Heartbeat { status, ..Heartbeat::default() };
        f.store.heartbeat(&id("a"), beat, None).await.unwrap();
        assert_eq!(f.store.release_lapsed().await.unwrap(), 0);
    }
    f.store.finish_message(work, by("a")).await.unwrap();
}

#[tokio::test]
async fn who_goes_offline_gives_back_what_it_holds_but_not_what_it_finished() {
    let f = fixture().await;
    for agent in ["boss", "a", "b"] {
        f.join(json!(agent)).await;
    }
    let (open, done) = (f.work("boss", "broadcast").await, f.work("boss", "broadcast").await);
    for work in [open, done] {
        f.store.claim_message(work, by("a")).await.unwrap();
    }
    f.store.finish_message(done, by("a")).await.unwrap();
    let cursor = f.store.head();
    f.patch("a", json!({"status": "offline"})).await;
    let told = words(&f.replay("boss", cursor).await);
    assert_eq!(told, [format!("message.claim_released {open}")]);
    assert_eq!(code(f.store.claim_message(done, by("b")).await), Code::AlreadyDone);
    assert_eq!(f.store.claim_message(open, by("b")).await.unwrap().claim.unwrap().generation, 2);
}

#[tokio::test]
async fn a_claim_that_opens_again_is_offered_to_who_came_since() {
    let f = fixture().await;
    f.join(json!("boss")).await;
    f.join(json!({"id": "a", "tags": ["x"]})).await;
    let work = f.work("boss", "tag:x").await;
    f.store.claim_message(work, by("a")).await.unwrap();
    f.join(json!({"id": "b", "tags": ["x"]})).await;
    assert_eq!(f.unread("b").await, [] as [i64; 0], "somebody has it in hand");
    let cursor = f.store.head();
    f.store.release_message(work, by("a")).await.unwrap();
    assert!(words(&f.replay("b", cursor).await).contains(&format!("message.new {work}")));
    assert_eq!(f.unread("b").await, [work.0]);
    f.store.claim_message(work, by("b")).await.unwrap();
    f.store.release_message(work, by("b")).await.unwrap();
    let offers = words(&f.replay("b", cursor).await);
    assert_eq!(
        offers.iter().filter(|w| w.starts_with("message.new")).count(),
        1,
        "offered once: {offers:?}"
    );
}

#[tokio::test]
async fn open_work_waits_for_later_matches() {
    let f = fixture().await;
    f.join(json!("boss")).await;
    let (work, chat) =
        (f.work("boss", "cap:review").await, f.send("boss", "cap:review", "chat").await);
    f.join(json!({"id": "late", "capabilities": ["review"]})).await;
    assert_eq!(f.unread("late").await, [work.0], "but chat {chat} went to those who were there");
    f.store.claim_message(work, by("late")).await.unwrap();
}

#[tokio::test]
async fn a_holders_answer_finishes_the_work() {
    let f = fixture().await;
    for agent in ["boss", "a", "b"] {
        f.join(json!(agent)).await;
    }
    let work = f.work("boss", "broadcast").await;
    f.store.claim_message(work, by("a")).await.unwrap();
    f.sent("b", json!({"to": "boss", "body": "me too", "replyTo": work})).await;
    assert!(f.store.message(work, None).await.unwrap().claim.unwrap().done_at.is_none());
    let cursor = f.store.head();
    let answer = f.sent("a", json!({"to": "boss", "body": "done", "replyTo": work})).await;
    let claim = f.store.message(work, None).await.unwrap().claim.unwrap();
    assert_eq!((claim.by.as_str(), claim.done_at), ("a", Some(answer.created_at)));
    let told = words(&f.replay("boss", cursor).await);
    assert_eq!(told, [format!("message.new {}", answer.id), format!("message.done {work}")]);
}

#[tokio::test]
async fn a_persons_claim_does_not_lapse() {
    let f = fixture().await;
    f.join(json!("a")).await;
    let work = f.work("a", "human").await;
    f.store.claim_message(work, by("human")).await.unwrap();
    f.advance(LEASE * 1000);
    assert_eq!(f.store.release_lapsed().await.unwrap(), 0);
    f.store.finish_message(work, by("human")).await.unwrap();
}

#[tokio::test]
async fn who_it_is_not_for_cannot_claim() {
    let f = fixture().await;
    for agent in ["boss", "a"] {
        f.join(json!(agent)).await;
    }
    let work = f.work("boss", "cap:review").await;
    let chat = f.send("boss", "a", "hi").await;
    assert_eq!(code(f.store.claim_message(work, by("a")).await), Code::Forbidden);
    assert_eq!(code(f.store.claim_message(chat, by("a")).await), Code::NotClaimable);
    assert_eq!(code(f.store.claim_message(work, by("ghost")).await), Code::NotFound);
    assert_eq!(code(f.store.finish_message(work, by("a")).await), Code::NotClaimed);
}

#[tokio::test]
async fn claiming_again_changes_nothing_but_the_lease() {
    let f = fixture().await;
    f.join(json!("boss")).await;
    f.join(json!("a")).await;
    let work = f.work("boss", "a").await;
    let first = f.store.claim_message(work, by("a")).await.unwrap().claim.unwrap();
    let head = f.store.head();
    f.advance(Duration::from_mins(1));
    let again = f.store.claim_message(work, by("a")).await.unwrap().claim.unwrap();
    assert_eq!((again.generation, again.at), (first.generation, first.at));
    assert!(again.expires_at > first.expires_at);
    assert_eq!(f.store.head(), head, "no second event");
}
