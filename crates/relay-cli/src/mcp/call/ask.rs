//! `ask`: a question, and the wait for its answer.

use std::time::Duration;

use relay_core::{
    api::{
        query::{Messages, Within},
        request::SendMessage,
    },
    id::Seq,
    message::Message,
    target::Target,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Call, listed, nobody_waits, send};
use crate::mcp::{arguments, fault::Fault};

/// Under what most clients let a call take.
const USUAL: u64 = 50;
/// The longest wait, in seconds.
const LONGEST: u64 = 600;
/// The longest that one request waits; a longer wait is several.
const LONG_POLL: u64 = 55;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    to: String,
    text: String,
    wait: Option<u64>,
}

/// What a wait ends with.
enum End {
    Answer(Message),
    /// Whoever was asked wrote something else, and may itself be waiting for us.
    Crossed(Message),
    Silence,
}

/// The question stays when the wait ends: nothing is lost by giving up.
pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let asked: Ask = arguments::read(arguments)?;
    let wait = asked.wait.unwrap_or(USUAL);
    if !(1..=LONGEST).contains(&wait) {
        return Err(Fault::argument("wait", format_args!("must be 1 to {LONGEST} seconds")));
    }
    let body = arguments::body("text", &asked.text)?;
    let me = &call.voice.me;
    let question = call
        .reach(&asked.to, |to| send::deliver(call, SendMessage::new(me.clone(), to, body.clone())))
        .await?;
    let sent = send::told(&question);
    let deadline = Instant::now() + Duration::from_secs(wait);
    match answer(call, &question.message, deadline).await? {
        End::Answer(answer) => {
            let mut read = call.read(vec![answer]).await?;
            let shown = |answer| call.voice.reader().message_with_tools(&answer);
            Ok(read.pop().map(shown).unwrap_or_default())
        }
        End::Crossed(other) => Ok(format!(
            "{sent}; no answer yet, but {} wrote msg:{} meanwhile: use inbox, it may wait for you",
            other.from, other.id
        )),
        End::Silence => {
            Ok(format!("{sent}; no answer within {wait}s. A later one comes to the inbox"))
        }
    }
}

/// Long-polls what comes after the question for the first message of its thread. Two that ask each
/// other would both wait for nothing, so that mail of the one who was asked ends the wait, too.
async fn answer(call: &Call<'_>, question: &Message, deadline: Instant) -> Result<End, Fault> {
    let mut query = Messages {
        reader: Some(call.voice.me.clone()),
        since: Some(Seq(question.id.0)),
        ..Messages::default()
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis().div_ceil(1_000);
        if left == 0 {
            return Ok(End::Silence);
        }
        query.wait = Some(Within(left.min(u128::from(LONG_POLL)) as u32));
        let page = tokio::select! {
            page = call.voice.ask(|relay| listed(relay, query.clone())) => page?,
            () = call.ended() => return Err(nobody_waits()),
        };
        query.since = page.items.last().map(|last| Seq(last.id.0)).or(query.since);
        if let Some(end) = page.items.into_iter().find_map(|message| ends(question, message)) {
            return Ok(end);
        }
    }
}

fn ends(question: &Message, message: Message) -> Option<End> {
    if message.thread_id == question.thread_id {
        return Some(End::Answer(message));
    }
    let asked = question.to == Target::Agent(message.from.clone());
    asked.then_some(End::Crossed(message))
}
