//! `status`: who this is, what waits for it; its label and tags.

use std::fmt::Write as _;

use relay_core::{
    agent::Agent,
    api::{
        query::{Messages, Within},
        request::UpdateAgent,
    },
    text::{Label, Word},
    version::{VERSION, warning},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Call, counted, listed, pair, unread};
use crate::{
    mcp::{arguments, fault::Fault},
    output::{self, agent, inline},
};

/// How far back claims are looked for.
const RECENT: u32 = 500;
/// How far unread mail is counted.
const COUNTED: u32 = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    label: Option<String>,
    tags: Option<Vec<String>>,
}

pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let agent = match change(arguments::read(arguments)?)? {
        Some(change) => changed(call, change).await?,
        None => shown(call).await?,
    };
    told(call, &agent).await
}

async fn changed(call: &Call<'_>, change: UpdateAgent) -> Result<Agent, Fault> {
    let changed = call.voice.ask(|relay| {
        let (me, change) = (call.voice.me.clone(), change.clone());
        async move { relay.update_agent(&me, &change).await }
    });
    changed.await
}

async fn shown(call: &Call<'_>) -> Result<Agent, Fault> {
    let shown = call.voice.ask(|relay| {
        let me = call.voice.me.clone();
        async move { relay.agent(&me).await }
    });
    shown.await
}

fn change(asked: Status) -> Result<Option<UpdateAgent>, Fault> {
    let Status { label, tags } = asked;
    if label.is_none() && tags.is_none() {
        return Ok(None);
    }
    let label = label.map(|text| match text.trim() {
        "" => Ok(None),
        text => text.parse::<Label>().map(Some).map_err(|why| Fault::argument("label", why)),
    });
    let word = |text: &String| text.parse::<Word>().map_err(|why| Fault::argument("tags", why));
    let tags = tags.map(|tags| tags.iter().map(word).collect::<Result<Vec<_>, _>>());
    Ok(Some(UpdateAgent {
        label: label.transpose()?,
        tags: tags.transpose()?,
        ..UpdateAgent::default()
    }))
}

async fn told(call: &Call<'_>, agent: &Agent) -> Result<String, Fault> {
    let voice = call.voice;
    let stats = voice.ask(|relay| async move { relay.stats().await }).await?;
    let (count, more) = unread(voice, COUNTED).await?;
    let pair = pair::current(call).await?;
    let label = agent.label.as_ref().map(|label| format!(" \"{}\"", inline(label)));
    let pair = pair.map(|pair| output::pair::brief(&pair, &voice.me));
    let mut text = format!(
        "you are {}{} ({}) on {}, version {}\n{}; claims {}; pair {}; tags {}",
        agent.id,
        label.unwrap_or_default(),
        agent::status(agent),
        voice.relay().url(),
        stats.version,
        counted(count, more),
        claims(call).await?,
        pair.unwrap_or_else(|| "-".to_owned()),
        agent::words(&agent.tags),
    );
    if let Some(warning) = warning(VERSION, &stats.version) {
        let _ = write!(text, "\nwarning: {warning}");
    }
    Ok(text)
}

/// The claimable messages that the agent holds.
async fn claims(call: &Call<'_>) -> Result<String, Fault> {
    let me = &call.voice.me;
    let query = Messages {
        reader: Some(me.clone()),
        claimable: Some(true),
        limit: Some(Within(RECENT)),
        ..Messages::default()
    };
    let page = call.voice.ask(|relay| listed(relay, query.clone())).await?;
    let held = page.items.iter().filter(|message| {
        message.claim.as_ref().is_some_and(|claim| claim.by == *me && claim.done_at.is_none())
    });
    let ids: Vec<String> = held.map(|message| format!("msg:{}", message.id)).collect();
    Ok(if ids.is_empty() { "-".to_owned() } else { ids.join(" ") })
}
