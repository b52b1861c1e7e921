//! Pairs: inviting, answering, talking, ending.

use relay_core::{
    api::{
        query,
        reply::Sent,
        request::{ActOnPair, InvitePair, SayInPair},
        route::Route,
    },
    caller::{Caller, Verified},
    error::Refused,
    id::PairId,
    pair::Pair,
};
use relay_store::Acting;

use super::speaker;
use crate::{
    app::App,
    http::{error::HttpError, reply::Link},
};

/// `POST /api/pairs`
pub async fn invite(app: &App, caller: &Caller, mut body: InvitePair) -> Result<Pair, HttpError> {
    let process = (body.instance_id.take(), body.epoch.take());
    let (by, verified) = speaker(app, caller, (body.from.take(), "from"), process)?;
    Ok(app.store.invite_pair(by, verified, body).await?)
}

/// `GET /api/pairs`
pub async fn list(
    app: &App,
    caller: &Caller,
    mut query: query::Pairs,
) -> Result<(Vec<Pair>, Option<Link>), HttpError> {
    if let Some(agent) = &query.agent {
        caller.check_own(agent, "see the pairs")?;
    }
    let page = app.store.pairs(&query, caller.narrowed_to()).await?;
    query.before = page.items.first().map(|pair| pair.id.clone());
    let next = page.more.then(|| Link::new(Route::ListPairs.to_string(), query.write()));
    Ok((page.items, next))
}

/// `GET /api/pairs/{id}`
pub async fn get(app: &App, caller: &Caller, id: PairId) -> Result<Pair, HttpError> {
    Ok(app.store.pair(&id, caller.narrowed_to()).await?)
}

/// `POST /api/pairs/{id}/accept`
pub async fn accept(
    app: &App,
    caller: &Caller,
    id: PairId,
    body: ActOnPair,
) -> Result<Pair, HttpError> {
    let (by, verified) = party(app, caller, body)?;
    Ok(app.store.accept_pair(id, by, verified).await?)
}

/// `POST /api/pairs/{id}/reject`
pub async fn reject(
    app: &App,
    caller: &Caller,
    id: PairId,
    body: ActOnPair,
) -> Result<Pair, HttpError> {
    let (by, verified) = party(app, caller, body)?;
    Ok(app.store.reject_pair(id, by, verified).await?)
}

/// `POST /api/pairs/{id}/hangup`
pub async fn hang_up(
    app: &App,
    caller: &Caller,
    id: PairId,
    body: ActOnPair,
) -> Result<Pair, HttpError> {
    let (by, verified) = party(app, caller, body)?;
    Ok(app.store.hang_up_pair(id, by, verified).await?)
}

/// `POST /api/pairs/{id}/messages`
pub async fn say(
    app: &App,
    caller: &Caller,
    id: PairId,
    body: SayInPair,
) -> Result<Sent, HttpError> {
    let process = (body.instance_id, body.epoch);
    let (by, verified) = speaker(app, caller, (body.from, "from"), process)?;
    let sent = app.store.say_in_pair(id, by, verified, body.body).await?;
    app.metrics.message_accepted();
    Ok(sent)
}

fn party(app: &App, caller: &Caller, body: ActOnPair) -> Result<(Acting, Verified), Refused> {
    let process = (body.instance_id, body.epoch);
    speaker(app, caller, (body.agent_id, "agentId"), process)
}
