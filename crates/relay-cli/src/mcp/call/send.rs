//! `send`: a message to an agent or a group.

use relay_core::{
    api::{reply::Sent, request::SendMessage},
    message::Urgency,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Call;
use crate::{
    command::message::nobody,
    mcp::{arguments, fault::Fault},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    to: String,
    text: String,
    claimable: Option<bool>,
    urgency: Option<Urgency>,
}

pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let asked: Send = arguments::read(arguments)?;
    let body = arguments::body("text", &asked.text)?;
    let me = &call.voice.me;
    let sent = call
        .reach(&asked.to, |to| {
            deliver(
                call,
                SendMessage {
                    claimable: asked.claimable.filter(|claimable| *claimable),
                    urgency: asked.urgency,
                    ..SendMessage::new(me.clone(), to, body.clone())
                },
            )
        })
        .await?;
    Ok(told(&sent))
}

/// Sends a message.
pub async fn deliver(call: &Call<'_>, request: SendMessage) -> Result<Sent, Fault> {
    call.voice
        .ask(|relay| {
            let request = request.clone();
            async move { relay.send_message(request).await }
        })
        .await
}

/// What was sent, and when nobody is there to get it yet.
pub fn told(sent: &Sent) -> String {
    let message = &sent.message;
    let nobody = match sent.recipients {
        0 => format!("; {}", nobody(&message.to, message.claimable)),
        _ => String::new(),
    };
    format!("sent msg:{} to {}{nobody}", message.id, message.to)
}
