//! `pair`: an exclusive live chat with one agent.

use relay_client::{Relay, error::ClientError};
use relay_core::{
    api::request::{ActOnPair, InvitePair, SayInPair},
    id::PairId,
    pair::{INVITATION, Pair, Status},
    target::Whom,
    text::Note,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Call;
use crate::{
    command::pair::{live, newest},
    input::short,
    mcp::{arguments, fault::Fault},
    output,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    action: Action,
    to: Option<String>,
    text: Option<String>,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Invite,
    Accept,
    Reject,
    Say,
    Hangup,
}

pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let Step { action, to, text, id } = arguments::read(arguments)?;
    let id = id.map(|id| id.parse::<PairId>()).transpose();
    let id = id.map_err(|why| Fault::argument("id", why))?;
    match action {
        Action::Invite => invite(call, to, text).await,
        Action::Say => say(call, id, text).await,
        Action::Accept => {
            let pair = act(call, invited(call, id).await?, accept).await?;
            Ok(told(call, &pair, "is active; `say` talks, `hangup` ends it"))
        }
        Action::Reject => {
            let pair = act(call, invited(call, id).await?, reject).await?;
            Ok(told(call, &pair, "is declined"))
        }
        Action::Hangup => {
            let id = chosen(call, id, |_| true, "is in no pair").await?;
            let pair = act(call, id, hang_up).await?;
            Ok(told(call, &pair, "is over"))
        }
    }
}

async fn invite(
    call: &Call<'_>,
    to: Option<String>,
    text: Option<String>,
) -> Result<String, Fault> {
    let target: Whom = to
        .ok_or_else(|| Fault::missing("to"))?
        .parse()
        .map_err(|why| Fault::argument("to", why))?;
    let objective = text.map(|text| text.parse::<Note>()).transpose();
    let request = InvitePair {
        from: Some(call.voice.me.clone()),
        objective: objective.map_err(|why| Fault::argument("text", why))?,
        ..InvitePair::new(target)
    };
    let made = call.voice.ask(|relay| {
        let request = request.clone();
        async move { relay.invite_pair(&request).await }
    });
    let pair = made.await?;
    Ok(format!(
        "invited {} to pair {}; it has {} to answer",
        pair.partner,
        pair.id,
        short(INVITATION)
    ))
}

async fn say(call: &Call<'_>, id: Option<PairId>, text: Option<String>) -> Result<String, Fault> {
    let text = text.ok_or_else(|| Fault::missing("text"))?;
    let body = arguments::body("text", &text)?;
    let active = |pair: &Pair| pair.status == Status::Active;
    let id = chosen(call, id, active, "is in no pair that was accepted").await?;
    let request = SayInPair { from: Some(call.voice.me.clone()), ..SayInPair::new(body) };
    let said = call.voice.ask(|relay| {
        let (id, request) = (id.clone(), request.clone());
        async move { relay.say_in_pair(&id, &request).await }
    });
    let message = said.await?.message;
    Ok(format!("sent msg:{} to {}", message.id, message.to))
}

async fn invited(call: &Call<'_>, named: Option<PairId>) -> Result<PairId, Fault> {
    let me = call.voice.me.clone();
    let waits = |pair: &Pair| pair.status == Status::Pending && pair.partner == me;
    chosen(call, named, waits, "has no invitation to answer").await
}

/// The pair that was named, else the one this agent is in, if it is what is wanted.
async fn chosen(
    call: &Call<'_>,
    named: Option<PairId>,
    wanted: impl Fn(&Pair) -> bool,
    none: &str,
) -> Result<PairId, Fault> {
    if let Some(id) = named {
        return Ok(id);
    }
    let me = &call.voice.me;
    match current(call).await? {
        Some(pair) if wanted(&pair) => Ok(pair.id),
        Some(other) => Err(Fault::new("not_active", format_args!("`{me}` {none}"))
            .hint(format_args!("it is in pair {}", output::pair::brief(&other, me)))),
        None => {
            Err(Fault::new("not_active", format_args!("`{me}` {none}"))
                .hint("invite an agent first"))
        }
    }
}

/// The pair that the agent is in.
pub async fn current(call: &Call<'_>) -> Result<Option<Pair>, Fault> {
    let query = newest(&call.voice.me);
    let pairs = call.voice.ask(|relay| {
        let query = query.clone();
        async move { relay.pairs(&query).await }
    });
    Ok(live(pairs.await?.items))
}

async fn act<F>(
    call: &Call<'_>,
    id: PairId,
    step: impl Fn(Relay, PairId, ActOnPair) -> F,
) -> Result<Pair, Fault>
where
    F: Future<Output = Result<Pair, ClientError>>,
{
    let by = call.voice.pairing();
    call.voice.ask(|relay| step(relay, id.clone(), by.clone())).await
}

async fn accept(relay: Relay, id: PairId, by: ActOnPair) -> Result<Pair, ClientError> {
    relay.accept_pair(&id, &by).await
}

async fn reject(relay: Relay, id: PairId, by: ActOnPair) -> Result<Pair, ClientError> {
    relay.reject_pair(&id, &by).await
}

async fn hang_up(relay: Relay, id: PairId, by: ActOnPair) -> Result<Pair, ClientError> {
    relay.hang_up_pair(&id, &by).await
}

fn told(call: &Call<'_>, pair: &Pair, what: &str) -> String {
    format!("pair {} with {} {what}", pair.id, output::pair::with(pair, &call.voice.me))
}
