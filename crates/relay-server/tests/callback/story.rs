//! What is told, to whom, and how it is signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    SECRET, World, builder,
    common::{Client, until},
    integration, openssl, post,
    receiver::{Receiver, Reply},
    token,
};
use relay_server::testing::TestRelay;

#[tokio::test]
async fn whoever_reported_is_told_what_becomes_of_it_in_order() {
    let receiver = Receiver::content().await;
    let mut world = World::start(builder(&receiver)).await;
    let task = world.post("disk").await;
    assert_eq!(world.post("disk").await, task);
    let worker = &world.worker.http;
    let claimed = worker.post(&format!("/api/tasks/{task}/claim"), json!({})).await.expect(200);
    let generation = claimed["claim"]["generation"].clone();
    let status = format!("/api/tasks/{task}/status");
    for (status_word, extra) in [("in_progress", "progress"), ("done", "result")] {
        let report = json!({ "status": status_word, "generation": generation, extra: "swept" });
        worker.patch(&status, report).await.expect(200);
    }
    world.settled().await;
    let expected = [("created", 1), ("repeated", 2), ("claimed", 3), ("progress", 4), ("done", 5)];
    assert_eq!(receiver.events(), expected);
    let last = receiver.arrived().pop().unwrap();
    assert_eq!(last.callback.task.result.as_deref(), Some("swept"));
    assert_eq!(last.callback.task_event.task_id.0, task);
    assert_eq!(last.callback.at, last.callback.task_event.at);
    assert_eq!(receiver.arrived()[0].callback.task.status.as_str(), "open", "as it was then");
    world.relay.stop().await;
}

#[tokio::test]
async fn a_callback_is_signed_so_that_openssl_agrees() {
    let receiver = Receiver::content().await;
    let world = World::start(builder(&receiver)).await;
    let task = world.post("disk").await;
    world.settled().await;
    let arrived = receiver.arrived().pop().unwrap();
    assert_eq!(arrived.id(), format!("evt_{}", arrived.callback.task_event.id));
    assert_eq!(arrived.header("webhook-timestamp"), "1800000000", "the attempt's, in seconds");
    assert_eq!(arrived.header("content-type"), "application/json");
    assert!(arrived.header("user-agent").starts_with("agent-relay/0."));
    assert_eq!(arrived.path, "/hook?key=hush");
    assert_eq!(arrived.callback.task.id.0, task);
    let key = STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
    if let Some(signature) = openssl::signature(&key, &arrived.signed()) {
        assert_eq!(arrived.header("webhook-signature"), signature);
    }
}

#[tokio::test]
async fn without_a_secret_the_integrations_token_signs() {
    let receiver = Receiver::content().await;
    let mut ops = integration("ops", &receiver.url());
    ops["callbackSecret"] = json!(null);
    let world = World::start(TestRelay::builder().integrations(&json!([ops]))).await;
    world.post("disk").await;
    world.settled().await;
    let arrived = receiver.arrived().pop().unwrap();
    if let Some(signature) = openssl::signature(token("ops").as_bytes(), &arrived.signed()) {
        assert_eq!(arrived.header("webhook-signature"), signature);
    }
}

#[tokio::test]
async fn while_a_secret_is_changed_the_old_and_the_new_one_sign() {
    let receiver = Receiver::content().await;
    let mut ops = integration("ops", &receiver.url());
    ops["callbackSecret"] = json!(format!("{SECRET} the-new-one-0123456789"));
    let world = World::start(TestRelay::builder().integrations(&json!([ops]))).await;
    world.post("disk").await;
    world.settled().await;
    let arrived = receiver.arrived().pop().unwrap();
    let signatures: Vec<_> = arrived.header("webhook-signature").split(' ').collect();
    let old = STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
    let keys = [old, b"the-new-one-0123456789".to_vec()];
    assert_eq!(signatures.len(), keys.len());
    for (signature, key) in signatures.iter().zip(keys) {
        if let Some(expected) = openssl::signature(&key, &arrived.signed()) {
            assert_eq!(*signature, expected);
        }
    }
}

#[tokio::test]
async fn a_slow_receiver_delays_only_itself() {
    let (gate, closed) = watch::channel(false);
    let slow = Receiver::start(move |_| Reply::Gate(closed.clone())).await;
    let quick = Receiver::content().await;
    let both = json!([integration("ops", &slow.url()), integration("dev", &quick.url())]);
    let builder = TestRelay::builder().integrations(&both).callbacks_checked();
    let world = World::start(builder).await;
    let dev = Client::new(&world.relay).token(&token("dev"));
    for number in 0..20 {
        world.post(&format!("ops-{number}")).await;
        post(&dev, &format!("dev-{number}")).await;
    }
    until("the quick one has everything", || quick.count() == 20).await;
    assert!(slow.count() <= 4, "nobody else gets more than four at once");
    gate.send_replace(true);
    world.settled().await;
    assert_eq!(slow.count(), 20);
}

#[tokio::test]
async fn a_receiver_gets_four_at_once_and_never_two_of_one_task() {
    let (gate, closed) = watch::channel(false);
    let receiver = Receiver::start(move |_| Reply::Gate(closed.clone())).await;
    let world = World::start(builder(&receiver)).await;
    for number in 0..18 {
        world.post(&format!("k{}", number % 6)).await;
    }
    until("four have come", || receiver.count() == 4).await;
    gate.send_replace(true);
    world.settled().await;
    assert_eq!(receiver.crowd(), (4, false));
    assert_eq!(receiver.count(), 18);
    for (task, sequences) in by_task(&receiver) {
        assert_eq!(sequences, [1, 2, 3], "task {task}");
    }
}

fn by_task(receiver: &Receiver) -> std::collections::BTreeMap<i64, Vec<i64>> {
    let mut tasks = std::collections::BTreeMap::<_, Vec<_>>::new();
    for arrived in receiver.arrived() {
        tasks.entry(arrived.callback.task.id.0).or_default().push(arrived.callback.sequence);
    }
    tasks
}

#[tokio::test]
async fn what_was_under_way_at_the_end_is_sent_again_by_the_next() {
    let (gate, closed) = watch::channel(false);
    let receiver = Receiver::start(move |_| Reply::Gate(closed.clone())).await;
    let mut world = World::start(
        TestRelay::builder().integrations(&json!([integration("ops", &receiver.url())])),
    )
    .await;
    world.post("disk").await;
    until("it is under way", || receiver.count() == 1).await;
    world.relay.restart().await;
    gate.send_replace(true);
    world.settled().await;
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].id(), arrived[1].id(), "by which the receiver knows it");
}

#[tokio::test]
async fn what_waits_for_an_integration_that_is_gone_waits_until_it_is_back() {
    let receiver = Receiver::start(|_| Reply::Status(503)).await;
    let mut world = World::start(builder(&receiver)).await;
    world.post("disk").await;
    world.settled().await;
    world.relay.stop().await;
    let before = receiver.count();
    world.relay.set(|builder| builder.integrations(&json!([])));
    world.relay.start_again().await;
    let all = Client::new(&world.relay).get("/api/integrations").await.expect(200);
    assert_eq!(all[0]["name"], "ops");
    assert_eq!((&all[0]["configured"], &all[0]["waitingCallbacks"]), (&json!(false), &json!(1)));
    world.relay.stop().await;
    assert_eq!(receiver.count(), before);
    let ops = json!([integration("ops", &receiver.url())]);
    world.relay.set(|builder| builder.integrations(&ops));
    world.relay.clock().advance(std::time::Duration::from_secs(5));
    world.relay.start_again().await;
    world.settled().await;
    assert_eq!(receiver.count(), before + 1);
}
