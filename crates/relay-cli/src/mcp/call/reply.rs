//! `reply`: an answer in a message's thread.

use relay_core::{api::request::SendMessage, target::Target};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Call,
    send::{deliver, told},
};
use crate::mcp::{
    arguments::{self, Id},
    fault::Fault,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    id: Id,
    text: String,
}

/// Sends to whoever wrote the message; one's own is followed up to those it was for.
pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let Reply { id: Id(id), text } = arguments::read(arguments)?;
    let body = arguments::body("text", &text)?;
    let answered = call.voice.ask(|relay| async move { relay.message(id).await }).await?;
    let me = &call.voice.me;
    let to = if answered.from == *me { answered.to } else { Target::Agent(answered.from) };
    let reply = SendMessage { reply_to: Some(id), ..SendMessage::new(me.clone(), to, body) };
    Ok(told(&deliver(call, reply).await?))
}
