//! `inbox`: the mail that waits, or the next that comes; one message in full.

use relay_core::{
    api::query::{Messages, Within},
    message::Message,
};
use serde::Deserialize;
use serde_json::{Map, Value};

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

async fn mail(call: &Call<'_>, wait: u32) -> Result<String, Fault> {
    let owed = call.owed.take(&call.voice.me);
    let (mail, more) = if owed.is_empty() { next(call, wait).await? } else { (owed, true) };
    if mail.is_empty() {
        return Ok(match wait {
            0 => "no unread mail".to_owned(),
            seconds => format!("no mail within {seconds}s"),
        });
    }
    let mail = call.read(mail).await?;
    let mut lines: Vec<String> =
        mail.iter().map(|message| call.voice.reader().message_with_tools(message)).collect();
    if more {
        lines.push("more may wait: call inbox again".to_owned());
    }
    Ok(lines.join("\n"))
}

/// Looks once, so that a relay that is not there is told at once, then waits.
async fn next(call: &Call<'_>, wait: u32) -> Result<(Vec<Message>, bool), Fault> {
    let now = Messages {
        reader: Some(call.voice.me.clone()),
        unread: Some(true),
        limit: Some(Within(FEW)),
        ..Messages::default()
    };
    let mut page = call.voice.ask(|relay| listed(relay, now.clone())).await?;
    if page.items.is_empty() && wait > 0 {
        let later = Messages { wait: Some(Within(wait)), ..now };
        page = tokio::select! {
            page = call.voice.ask(|relay| listed(relay, later.clone())) => page?,
            () = call.ended() => return Err(nobody_waits()),
        };
    }
    let more = page.has_more();
    Ok((page.items, more))
}
