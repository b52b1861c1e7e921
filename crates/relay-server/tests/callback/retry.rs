//! When what failed is tried again, and when no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use relay_core::callback::TIMETABLE;
use serde_json::json;

use crate::{
    World, builder,
    common::Client,
    receiver::{Receiver, Reply},
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Fails as long as it is told to.
async fn moody() -> (Receiver, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(true));
    let mood = fails.clone();
    let reply = move |_: &_| Reply::Status(if mood.load(Ordering::SeqCst) { 500 } else { 200 });
    (Receiver::start(reply).await, fails)
}

#[tokio::test]
async fn it_is_tried_eight_times_by_the_timetable_to_the_millisecond_and_then_given_up() {
    let (receiver, fails) = moody().await;
    let mut world = World::start(builder(&receiver)).await;
    let task = world.post("disk").await;
    world.post("disk").await;
    world.settled().await;
    for (attempts, wait) in (1..).zip(&TIMETABLE[1..]) {
        assert_eq!(receiver.count(), attempts);
        world.relay.clock().advance(wait.saturating_sub(MILLISECOND));
        world.settled().await;
        assert_eq!(receiver.count(), attempts, "not a millisecond early");
        assert_eq!(world.dead_letters().await, json!([]));
        world.relay.clock().advance(MILLISECOND);
        world.settled().await;
    }
    // The eighth was the last; the next event of the task is no longer held up, and fails too.
    assert_eq!(receiver.events()[..8], [("created", 1); 8]);
    assert_eq!(receiver.events()[8..], [("repeated", 2)]);
    let letters = world.dead_letters().await;
    assert_eq!(letters.as_array().unwrap().len(), 1);
    let letter = &letters[0];
    assert_eq!(letter["taskId"], json!(task));
    assert_eq!((&letter["attempts"], &letter["lastStatus"]), (&json!(8), &json!(500)));
    assert_eq!(letter["lastError"], "answered 500 Internal Server Error");

    // It survives a restart, and is sent again by request.
    world.relay.restart().await;
    fails.store(false, Ordering::SeqCst);
    let retry = format!("/api/integrations/dead-letters/{}/retry", letter["id"]);
    Client::new(&world.relay).post_nothing(&retry).await.expect(200);
    world.settled().await;
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 10);
    assert_eq!(arrived[9].event(), ("created", 1));
    assert_eq!(arrived[9].id(), arrived[0].id());
    assert_eq!(world.dead_letters().await, json!([]));
    world.relay.clock().advance(TIMETABLE[1]);
    world.settled().await;
    assert_eq!(receiver.events()[10], ("repeated", 2));
    world.relay.stop().await;
}

#[tokio::test]
async fn every_attempt_is_signed_with_its_own_time_and_the_same_id() {
    let (receiver, fails) = moody().await;
    let world = World::start(builder(&receiver)).await;
    world.post("disk").await;
    world.settled().await;
    fails.store(false, Ordering::SeqCst);
    world.relay.clock().advance(TIMETABLE[1]);
    world.settled().await;
    let [first, second] = &receiver.arrived()[..] else { panic!("two attempts") };
    assert_eq!(first.header("webhook-timestamp"), "1800000000");
    assert_eq!(second.header("webhook-timestamp"), "1800000005");
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
    assert_eq!((first.id(), &first.text), (second.id(), &second.text));
}

#[tokio::test]
async fn a_task_whose_callback_failed_waits_and_the_others_do_not() {
    let fails = |arrived: &crate::receiver::Arrived| {
        Reply::Status(if arrived.callback.task.dedupe_key.as_deref() == Some("a") {
            500
        } else {
            200
        })
    };
    let receiver = Receiver::start(fails).await;
    let world = World::start(builder(&receiver)).await;
    for key in ["a", "a", "b", "b"] {
        world.post(key).await;
    }
    world.settled().await;
    let of = |key: &str| {
        let arrived = receiver.arrived();
        let mine = arrived.iter().filter(|a| a.callback.task.dedupe_key.as_deref() == Some(key));
        mine.map(crate::receiver::Arrived::event).collect::<Vec<_>>()
    };
    assert_eq!(of("a"), [("created", 1)]);
    assert_eq!(of("b"), [("created", 1), ("repeated", 2)]);
}

async fn tried_after(reply: impl Fn() -> Reply + Send + Sync + 'static, wait: Duration) {
    let receiver = Receiver::start(move |_| reply()).await;
    let world = World::start(builder(&receiver)).await;
    world.post("disk").await;
    world.settled().await;
    world.relay.clock().advance(wait.saturating_sub(MILLISECOND));
    world.settled().await;
    assert_eq!(receiver.count(), 1);
    world.relay.clock().advance(MILLISECOND);
    world.settled().await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it_up_to_an_hour() {
    let asks = |text: &'static str| move || Reply::With(503, "retry-after", text.into());
    tried_after(asks("90"), Duration::from_secs(90)).await;
    // The clock starts at 08:00:00.
    tried_after(asks("Fri, 15 Jan 2027 08:10:00 GMT"), Duration::from_mins(10)).await;
    tried_after(asks("86400"), Duration::from_hours(1)).await;
    tried_after(asks("1"), TIMETABLE[1]).await;
    tried_after(asks("soon"), TIMETABLE[1]).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_believed() {
    let receiver = Receiver::start(|_| Reply::Status(410)).await;
    let world = World::start(builder(&receiver)).await;
    world.post("disk").await;
    world.settled().await;
    assert_eq!(receiver.count(), 1);
    let letters = world.dead_letters().await;
    assert_eq!((&letters[0]["attempts"], &letters[0]["lastStatus"]), (&json!(1), &json!(410)));
    world.post("disk").await;
    world.settled().await;
    assert_eq!(receiver.events(), [("created", 1), ("repeated", 2)], "each is asked for itself");
}
