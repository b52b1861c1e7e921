//! A test message for every session that is there, and how far it comes.

use std::time::Duration;

use futures_util::future::join_all;
use relay_core::{
    agent::Agent,
    api::request::SendMessage,
    doctor::{Finding, Progress, delivery},
    receipt::Receipt,
    target::Target,
    time::{Timestamp, millis},
};
use tokio::time::{Instant, interval, timeout_at};

use crate::context::Context;

/// How often the receipts are looked at.
const PACE: Duration = Duration::from_millis(200);
/// Mail for a terminal waits for a person, mail for a channel reaches people.
const NO_SESSIONS: [&str; 3] = ["cli", "channel", "integration"];
const SUBJECT: &str = "Agent Relay: test";
const TEXT: &str =
    "This is a test by `agent-relay doctor --deliver`. It needs no answer and no action.";

/// Sends one to each, at once, and follows them.
pub async fn to_each(context: &Context, agents: &[Agent], patience: Duration) -> Vec<Finding> {
    let is_session = |agent: &&Agent| {
        agent.is_live()
            && !agent.id.is_human()
            && agent.id != *context.me()
            && !NO_SESSIONS.contains(&agent.provider.as_str())
    };
    let sessions: Vec<_> = agents.iter().filter(is_session).collect();
    if sessions.is_empty() {
        return vec![Finding::skipped("deliver", "no session of a provider is live")];
    }
    join_all(sessions.into_iter().map(|agent| to_one(context, agent, patience))).await
}

async fn to_one(context: &Context, agent: &Agent, patience: Duration) -> Finding {
    let until = Instant::now() + patience;
    let before = context.now();
    let sent = match context.relay.send_message(message(context, agent, patience)).await {
        Ok(sent) => sent,
        Err(error) => {
            return Finding::failed("deliver", format!("{}: not stored: {error}", agent.id));
        }
    };
    let stored_ms = context.now().since(before).as_millis() as i64;
    let receipt = timeout_at(until, handled(context, sent.message.id, agent)).await;
    // What was seen up to the end counts where the end did not come.
    let receipt = match receipt {
        Ok(receipt) => receipt,
        Err(_) => seen(context, sent.message.id, agent).await,
    };
    let after = |at: Timestamp| (at.0 - sent.message.created_at.0).max(0);
    let read = receipt.as_ref().and_then(|receipt| {
        Some((after(receipt.read_at?), receipt.via.as_ref().map(ToString::to_string)))
    });
    delivery(&Progress {
        agent: agent.id.to_string(),
        provider: agent.provider.to_string(),
        status: agent.status,
        stored_ms,
        read,
        handled_ms: receipt.and_then(|receipt| receipt.handled_at).map(after),
        waited_ms: millis(patience),
    })
}

/// It does not linger: what nobody has read by then is not handed over any more.
fn message(context: &Context, agent: &Agent, patience: Duration) -> SendMessage {
    let to = Target::Agent(agent.id.clone());
    let mut message = SendMessage::new(context.me().clone(), to, TEXT.parse().expect("a text"));
    message.subject = SUBJECT.parse().ok();
    message.kind = "test".parse().ok();
    message.expires_in_ms = Some(millis(patience).max(1_000));
    message
}

/// Waits until the turn that had the message has ended.
async fn handled(
    context: &Context,
    id: relay_core::id::MessageId,
    agent: &Agent,
) -> Option<Receipt> {
    let mut pace = interval(PACE);
    loop {
        pace.tick().await;
        let receipt = seen(context, id, agent).await;
        if receipt.as_ref().is_some_and(|receipt| receipt.handled_at.is_some()) {
            return receipt;
        }
    }
}

async fn seen(context: &Context, id: relay_core::id::MessageId, agent: &Agent) -> Option<Receipt> {
    let receipts = context.relay.receipts(id).await.ok()?;
    receipts.into_iter().find(|receipt| receipt.agent_id == agent.id)
}
