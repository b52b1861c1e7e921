//! How long a message takes to get into a session: measured, and judged elsewhere.

use std::{fs, process::Command, time::Duration};

use relay_client::core::{agent::Status, message::Message};
use tokio::time::Instant;

use super::{Claude, Setup};
use crate::{World, until};

/// From sending to the model's having it, each time to an idle session, oldest first.
pub async fn idle_wake(world: &World, setup: &Setup, count: usize) -> Vec<Duration> {
    let (claude, agent) = world.session(setup).await;
    // The first turn is longer for the program itself.
    let first = world.send(&agent, "first").await;
    world.handled(first.id).await;
    let mut took = Vec::new();
    for _ in 0..count {
        world.status(&agent, Status::Idle).await;
        let since = Instant::now();
        let sent = world.send(&agent, "measured").await;
        took.push(arrived(&claude, &sent).await - since);
        world.handled(sent.id).await;
    }
    took
}

/// From the end of the tool that runs to the model's having what was sent meanwhile.
pub async fn after_tool(world: &World, setup: &Setup, count: usize) -> Vec<Duration> {
    let (claude, agent) = world.session(&setup.clone().bypassing()).await;
    let fifo = claude.path("project/fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut took = Vec::new();
    for _ in 0..count {
        world.status(&agent, Status::Idle).await;
        claude.say("RUN: read word <fifo").await;
        world.status(&agent, Status::Busy).await;
        let sent = world.send(&agent, "measured").await;
        until("it waits in the mailbox", async || (claude.queued() == 1).then_some(())).await;
        let fifo = fifo.clone();
        // Blocks until the tool reads.
        tokio::task::spawn_blocking(|| fs::write(fifo, "on\n").unwrap()).await.unwrap();
        let since = Instant::now();
        took.push(arrived(&claude, &sent).await - since);
        world.handled(sent.id).await;
    }
    took
}

async fn arrived(claude: &Claude, message: &Message) -> Instant {
    let header = format!("[msg:{}] from tester", message.id);
    until("the model has it", async || claude.model.had(&header)).await
}
