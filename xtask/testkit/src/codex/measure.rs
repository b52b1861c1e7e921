//! How messages get into a session: measured, and judged elsewhere.

use std::time::Duration;

use relay_client::core::{agent::Status, message::Message};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Codex, Setup};
use crate::{PATIENCE, World};

/// A burst of a hundred messages of 300 characters, sent within two seconds.
pub struct Burst {
    /// What was sent, oldest first.
    pub sent: Vec<Message>,
    /// What the model has been told, in its newest request.
    pub context: String,
    /// How many of the messages stand in it whole, once.
    pub whole: usize,
    /// How many requests brought mail to the model.
    pub requests: usize,
    /// From the first message to the end of the last turn.
    pub took: Duration,
}

/// From sending to the model's having it, each time to an idle session, oldest first.
pub async fn idle_wake(world: &World, setup: &Setup, count: usize) -> Vec<Duration> {
    let (codex, agent) = world.codex_session(setup).await;
    let mut took = Vec::new();
    for number in 0..count {
        world.status(&agent, Status::Idle).await;
        let begun = Instant::now();
        let message = world.send(&agent, &format!("number {number}")).await;
        let header = format!("[msg:{}] ", message.id);
        while !codex.model.heard().contains(&header) {
            assert!(begun.elapsed() < PATIENCE, "never: {header}");
            sleep(Duration::from_millis(2)).await;
        }
        took.push(begun.elapsed());
        world.handled(message.id).await;
    }
    took
}

/// Sends a burst to an idle session.
pub async fn burst(world: &World, setup: &Setup) -> Burst {
    let (codex, agent) = world.codex_session(setup).await;
    let begun = Instant::now();
    let sent = world.burst(&agent).await;
    for message in &sent {
        world.handled(message.id).await;
    }
    let took = begun.elapsed();
    let context = codex.model.heard();
    let stands = |message: &&Message| context.matches(&whole(message)).count() == 1;
    let whole = sent.iter().filter(stands).count();
    Burst { whole, requests: requests_with_mail(&codex).len(), sent, context, took }
}

/// A message of `tester` as the model reads it.
pub fn whole(message: &Message) -> String {
    format!("[msg:{}] from tester: {}", message.id, message.body)
}

/// The requests whose newest input is mail.
fn requests_with_mail(codex: &Codex) -> Vec<Value> {
    let has_mail = |request: &Value| request.to_string().contains("[msg:");
    codex.model.requests().into_iter().filter(has_mail).collect()
}
