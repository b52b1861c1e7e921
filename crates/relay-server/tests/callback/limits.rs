//! What a receiver cannot make the relay do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::sync::watch;

use crate::{
    World, builder,
    common::{Client, until},
    receiver::{Receiver, Reply},
};

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let elsewhere = Receiver::content().await;
    let location = elsewhere.url();
    let receiver = Receiver::start(move |_| Reply::With(307, "location", location.clone())).await;
    let world = World::start(builder(&receiver)).await;
    world.post("disk").await;
    world.settled().await;
    assert_eq!((receiver.count(), elsewhere.count()), (1, 0));
    assert_eq!(counted(&world, "refused").await, 1);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_left_in_time() {
    let (_gate, closed) = watch::channel(false);
    let receiver = Receiver::start(move |_| Reply::Gate(closed.clone())).await;
    let impatient = |config: &mut relay_server::Config| {
        config.callback_timeout = Duration::from_millis(50);
        config.callback_timetable = vec![Duration::ZERO];
    };
    let world = World::start(builder(&receiver).config(impatient)).await;
    world.post("disk").await;
    world.settled().await;
    let letters = world.dead_letters().await;
    assert_eq!(letters[0]["lastError"], "no answer within 50ms");
    assert_eq!(letters[0].get("lastStatus"), None);
    assert_eq!(counted(&world, "timed_out").await, 1);
}

#[tokio::test]
async fn of_an_answer_without_end_little_is_read() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let receiver = Receiver::start(move |_| Reply::Endless(count.clone())).await;
    let world = World::start(builder(&receiver)).await;
    world.post("disk").await;
    world.post("disk").await;
    world.settled().await;
    assert_eq!(receiver.count(), 2);
    // What was written into the sockets' buffers before the relay hung up.
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked < 32 << 20, "{asked} bytes were asked for");
}

#[tokio::test]
async fn an_answer_whose_body_never_comes_has_arrived_all_the_same() {
    let receiver = Receiver::start(|_| Reply::Stuck).await;
    let impatient =
        |config: &mut relay_server::Config| config.callback_timeout = Duration::from_millis(200);
    let world = World::start(builder(&receiver).config(impatient)).await;
    world.post("disk").await;
    world.settled().await;
    assert_eq!(receiver.count(), 1);
    assert_eq!(counted(&world, "delivered").await, 1);
}

#[tokio::test]
async fn a_relay_that_ends_with_something_unsent_is_noticed() {
    let (_gate, closed) = watch::channel(false);
    let receiver = Receiver::start(move |_| Reply::Gate(closed.clone())).await;
    let world = World::start(builder(&receiver)).await;
    world.post("disk").await;
    until("it is under way", || receiver.count() == 1).await;
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world)));
    assert!(dropped.is_err());
}

/// How many attempts ended so, as `GET /metrics` has it.
async fn counted(world: &World, result: &str) -> u64 {
    let printed = Client::new(&world.relay).get("/metrics").await.text;
    let begin = format!("relay_callback_attempts_total{{result=\"{result}\"}} ");
    let line = printed.lines().find_map(|line| line.strip_prefix(&begin));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn attempts_are_counted_and_timed() {
    let receiver = Receiver::content().await;
    let world = World::start(builder(&receiver)).await;
    for number in 0..5 {
        world.post(&format!("k{number}")).await;
    }
    world.settled().await;
    assert_eq!(counted(&world, "delivered").await, 5);
    let printed = Client::new(&world.relay).get("/metrics").await.text;
    assert!(printed.contains("relay_callback_attempt_seconds_count 5"), "{printed}");
    let all = world.ops.get("/api/integrations").await.expect(200);
    assert_eq!((&all[0]["waitingCallbacks"], &all[0]["callback"]), (&json!(0), &json!(true)));
}
