//! The story of the log: one order, live and replayed alike, pruned with a word.

mod common;

use std::{sync::Arc, time::Duration};

use common::{by, fixture, id, open_at, words};
use proptest::prelude::*;
use relay_core::{api::request::Heartbeat, event::Event, id::Seq, time::ManualClock};
use relay_store::{Reader, Store};
use serde_json::json;

async fn all(store: &Store, page: u32) -> Vec<Arc<Event>> {
    let head = store.head();
    let (mut cursor, mut events) = (Seq(0), Vec::new());
    while cursor < head {
        let replay = store.replay(&Reader::All, cursor, head, page).await.unwrap();
        assert!(replay.cursor > cursor);
        cursor = replay.cursor;
        events.extend(replay.events);
    }
    events
}

#[tokio::test]
async fn what_was_told_live_is_what_is_read_later() {
    let f = fixture().await;
    let mut feed = f.store.feed();
    for agent in ["a", "b", "c"] {
        f.join(json!({"id": agent, "tags": ["x"]})).await;
    }
    let work = f.work("a", "tag:x").await;
    let sends = (0..40).map(|n| f.send("a", "b", if n % 2 == 0 { "even" } else { "odd" }));
    futures_util::future::join_all(sends).await;
    f.store.claim_message(work, by("b")).await.unwrap();
    f.sent("b", json!({"to": "a", "body": "done", "replyTo": work})).await;
    f.patch("c", json!({"label": "see"})).await;
    f.store.close().await;
    let mut live = Vec::new();
    while let Some(batch) = feed.next().await {
        live.extend(batch.events);
    }
    let store = open_at(&f.place, &f.clock).await.unwrap();
    let later = all(&store, 7).await;
    assert_eq!(words(&live), words(&later));
    assert!(
        live.iter()
            .zip(&later)
            .all(|(a, b)| a.seq == b.seq && a.at == b.at && a.agent == b.agent && a.by == b.by)
    );
    assert!(live.windows(2).all(|pair| pair[0].seq < pair[1].seq), "every number once, in order");
}

#[tokio::test]
async fn retention_goes_in_chunks_and_says_how_far() {
    let mut f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    for _ in 0..3 {
        let sends = (0..400).map(|_| f.send("a", "b", "old"));
        futures_util::future::join_all(sends).await;
    }
    let held = f.work("a", "human").await;
    f.store.claim_message(held, by("human")).await.unwrap();
    let keep = Duration::from_hours(24 * 30);
    assert_eq!(f.store.retain(keep).await.unwrap().messages, 0);
    f.advance(keep + Duration::from_secs(1));
    f.store.heartbeat(&id("a"), Heartbeat::default(), None).await.unwrap();
    let fresh = f.send("a", "b", "fresh").await;
    let mut chunks = 0;
    loop {
        let chunk = f.store.retain(keep).await.unwrap();
        assert!(chunk.messages <= 500);
        chunks += 1;
        if !chunk.more {
            break;
        }
    }
    assert!(chunks >= 3);
    assert_eq!(f.unread("b").await, [fresh.0]);
    assert!(f.store.message(held, None).await.is_ok(), "work in somebody's hands stays");
    assert!(f.store.pruned_through().0 > held.0 - 5);
    let pruned = f.store.pruned_through();
    f.reopen().await;
    assert_eq!(f.store.pruned_through(), pruned);
    assert!(f.send("a", "b", "next").await > fresh);
}

#[tokio::test]
async fn an_empty_store_never_gives_a_number_twice() {
    let mut f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let last = f.send("a", "b", "x").await;
    f.advance(Duration::from_hours(24 * 40));
    while f.store.retain(Duration::from_hours(24)).await.unwrap().more {}
    f.reopen().await;
    assert!(f.send("a", "b", "y").await > last);
}

#[derive(Clone, Debug)]
enum Step {
    Send(bool),
    Work,
    Claim,
    Delete,
    Prune,
    Restart,
}

/// Opening a store again takes longer on PostgreSQL.
fn cases() -> u32 {
    if common::on_postgres() { 4 } else { 32 }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<bool>().prop_map(Step::Send),
        2 => Just(Step::Work),
        2 => Just(Step::Claim),
        2 => Just(Step::Delete),
        1 => Just(Step::Prune),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn numbers_only_grow_and_are_never_used_again(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let mut f = fixture().await;
            f.join(json!("a")).await;
            f.join(json!("b")).await;
            let (mut largest, mut work, mut newest) = (f.store.head(), None, None);
            for step in steps {
                match step {
                    Step::Send(direct) => newest = Some(f.send("a", if direct { "b" } else { "broadcast" }, "x").await),
                    Step::Work => { work = Some(f.work("a", "b").await); newest = work; }
                    Step::Claim => if let Some(work) = work { let _ = f.store.claim_message(work, by("b")).await; },
                    Step::Delete => if let Some(newest) = newest.take() { let _ = f.store.delete_message(newest, None).await; },
                    Step::Prune => {
                        f.advance(Duration::from_hours(48));
                        while f.store.retain(Duration::from_hours(24)).await.unwrap().more {}
                    }
                    Step::Restart => f.reopen().await,
                }
                if let Some(id) = newest {
                    assert!(id.0 <= f.store.head().0);
                }
                assert!(f.store.head() >= largest, "the log went back");
                largest = f.store.head();
            }
            let events = all(&f.store, 5).await;
            assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        });
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_harms_nothing() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let first = f.send("a", "b", "x").await;
    let clock: ManualClock = f.clock.clone();
    clock.set(relay_core::time::Timestamp(1_000));
    let second = f.send("a", "b", "y").await;
    assert!(second > first);
    assert_eq!(
        f.store.reap(Duration::from_secs(1), Duration::from_secs(1)).await.unwrap().offline,
        0
    );
    assert_eq!(f.store.retain(Duration::from_secs(1)).await.unwrap().messages, 0);
    assert_eq!(f.unread("b").await, [first.0, second.0]);
}
