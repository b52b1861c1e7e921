//! `inbox`: the mail that waits, or the next that comes; one message in full.

use std::time::Duration;

use relay_core::{
    api::query::{Messages, Within},
    message::Message,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Call, listed, nobody_waits};
use crate::mcp::{
    arguments::{self, Id},
    fault::Fault,
};

/// How many messages are read at once: what is read stands in a context that is not endless.
const FEW: u32 = 20;
/// The longest wait, in seconds.
const LONGEST: u32 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inbox {
    wait: Option<u32>,
    id: Option<Id>,
}

pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let Inbox { wait, id } = arguments::read(arguments)?;
    let wait = wait.unwrap_or(0);
    if wait > LONGEST {
        return Err(Fault::argument("wait", format_args!("must be at most {LONGEST} seconds"))
            .hint("call again to wait on"));
    }
    match id {
        Some(id) => whole(call, id).await,
        None => mail(call, wait).await,
    }
}

/// One message in full. What is for others was looked at, which is no reading.
async fn whole(call: &Call<'_>, Id(id): Id) -> Result<String, Fault> {
    let message = call.voice.ask(|relay| async move { relay.message(id).await }).await?;
    let text = call.voice.reader().whole(&message);
    if message.from != call.voice.me {
        call.read(vec![message]).await?;
    }
    Ok(text)
}

/// Looks once, so that a relay that is not there is told at once, then waits.
async fn mail(call: &Call<'_>, wait: u32) -> Result<String, Fault> {
    let deadline = Instant::now() + Duration::from_secs(wait.into());
    loop {
        if let Some(text) = taken(call).await? {
            return Ok(text);
        }
        let left = deadline.saturating_duration_since(Instant::now()).as_millis().div_ceil(1_000);
        if left == 0 {
            return Ok(match wait {
                0 => "no unread mail".to_owned(),
                seconds => format!("no mail within {seconds}s"),
            });
        }
        let later = Messages { wait: Some(Within(left as u32)), ..unread(call) };
        tokio::select! {
            page = call.voice.ask(|relay| listed(relay, later.clone())) => drop(page?),
            () = call.ended() => return Err(nobody_waits()),
        }
    }
}

/// What is owed or waits unread, as text; `None` where there is nothing.
async fn taken(call: &Call<'_>) -> Result<Option<String>, Fault> {
    let _turn = call.desk.turn.lock().await;
    if call.is_ended() {
        return Err(nobody_waits());
    }
    let owed = call.desk.take(&call.voice.me);
    if !owed.is_empty() {
        return Ok(Some(text(call, &owed, true)));
    }
    let page = call.voice.ask(|relay| listed(relay, unread(call))).await?;
    let more = page.has_more();
    if page.items.is_empty() {
        return Ok(None);
    }
    let mail = call.read(page.items).await?;
    Ok(Some(text(call, &mail, more)))
}

fn text(call: &Call<'_>, mail: &[Message], more: bool) -> String {
    let reader = call.voice.reader();
    let mut lines: Vec<String> = mail.iter().map(|mail| reader.message_with_tools(mail)).collect();
    if more {
        lines.push("more may wait: call inbox again".to_owned());
    }
    lines.join("\n")
}

fn unread(call: &Call<'_>) -> Messages {
    Messages {
        reader: Some(call.voice.me.clone()),
        unread: Some(true),
        limit: Some(Within(FEW)),
        ..Messages::default()
    }
}
