//! Messages: sending, reading, claiming.

use std::time::Duration;

use relay_core::{
    api::{
        query,
        reply::{Cursor, Sent},
        request::{ActOnClaim, MarkMessage, SendMessage},
        route::Route,
    },
    caller::Caller,
    error::{Code, Refused},
    id::{AgentId, MessageId, Seq},
    identity::Mode,
    message::Message,
    receipt::Receipt,
};
use relay_store::{Acting, Delivery, Page, Reader};
use tokio::time::Instant;

use super::{acting, who};
use crate::{
    app::App,
    http::{error::HttpError, reply::Link, request::Request},
};

/// `POST /api/messages`: whether it is new, and what was stored.
pub async fn send(
    app: &App,
    request: &Request,
    mut body: SendMessage,
) -> Result<(bool, Sent), HttpError> {
    let from = who(&request.caller, body.from.take(), "from")?;
    let verified = request.caller.speak_for(&from, app.config.identity)?;
    if let Some(integration) = request.caller.integration() {
        app.event_rates.count(&app.store, &integration.name).await?;
        integration.check(&body.to, body.channel.as_ref())?;
    }
    body.idempotency_key = request.idempotency_key(body.idempotency_key)?;
    Ok(match app.store.send_message(from, verified, body).await? {
        Delivery::Stored(sent) => {
            app.metrics.message_accepted();
            (true, sent)
        }
        Delivery::Repeated(sent) => (false, sent),
    })
}

/// `GET /api/messages`
pub async fn list(
    app: &App,
    caller: &Caller,
    query: query::Messages,
) -> Result<(Vec<Message>, Option<Link>), HttpError> {
    if let Some(reader) = &query.reader {
        caller.check_own(reader, "read the mail")?;
    }
    let page = match (query.wait, &query.reader) {
        (None, _) => app.store.messages(&query, caller.narrowed_to()).await?,
        (Some(wait), Some(reader)) => {
            let span = Duration::from_secs(u64::from(wait.0));
            poll(app, caller, &query, reader, Instant::now() + span).await?
        }
        (Some(_), None) => {
            return Err(Refused::field("wait", "needs `for`: whose mail to wait for").into());
        }
    };
    let next = page.more.then(|| next_page(query, &page.items)).flatten();
    Ok((page.items, next))
}

/// Listens first and looks then, so that nothing arrives unseen in between.
async fn poll(
    app: &App,
    caller: &Caller,
    query: &query::Messages,
    reader: &AgentId,
    deadline: Instant,
) -> Result<Page<Message>, HttpError> {
    app.fanout.reached(app.store.current().await?).await;
    let listening = Reader::Agent { id: reader.clone(), presence: false };
    loop {
        let arrived = app.fanout.wait(&listening);
        let page = app.store.messages(query, caller.narrowed_to()).await?;
        let Some(arrived) = arrived.filter(|_| page.items.is_empty()) else { return Ok(page) };
        tokio::select! {
            _ = arrived.next() => {}
            () = app.stopped() => return Ok(page),
            () = tokio::time::sleep_until(deadline) => return Ok(page),
        }
    }
}

/// Oldest first, the next page follows the last; the newest page is followed by the one before it.
fn next_page(mut query: query::Messages, items: &[Message]) -> Option<Link> {
    query.wait = None;
    if query.unread == Some(true) || query.since.is_some() {
        query.since = Some(Seq(items.last()?.id.0));
    } else {
        query.before = Some(Seq(items.first()?.id.0));
    }
    Some(Link::new(Route::ListMessages.to_string(), query.write()))
}

/// `GET /api/messages/cursor`
pub async fn cursor(app: &App) -> Result<Cursor, HttpError> {
    Ok(app.store.cursor().await?)
}

/// `GET /api/messages/{id}`
pub async fn get(app: &App, caller: &Caller, id: MessageId) -> Result<Message, HttpError> {
    Ok(app.store.message(id, caller.narrowed_to()).await?)
}

/// `GET /api/messages/{id}/thread`
pub async fn thread(app: &App, caller: &Caller, id: MessageId) -> Result<Vec<Message>, HttpError> {
    Ok(app.store.thread(id, caller.narrowed_to()).await?)
}

/// `GET /api/messages/{id}/receipts`
pub async fn receipts(
    app: &App,
    caller: &Caller,
    id: MessageId,
) -> Result<Vec<Receipt>, HttpError> {
    Ok(app.store.receipts(id, caller.narrowed_to()).await?)
}

/// `POST /api/messages/{id}/claim`
pub async fn claim(
    app: &App,
    caller: &Caller,
    id: MessageId,
    body: ActOnClaim,
) -> Result<Message, HttpError> {
    Ok(app.store.claim_message(id, acting(app, caller, body)?).await?)
}

/// `POST /api/messages/{id}/release`
pub async fn release(
    app: &App,
    caller: &Caller,
    id: MessageId,
    body: ActOnClaim,
) -> Result<Message, HttpError> {
    Ok(app.store.release_message(id, acting(app, caller, body)?).await?)
}

/// `POST /api/messages/{id}/done`
pub async fn finish(
    app: &App,
    caller: &Caller,
    id: MessageId,
    body: ActOnClaim,
) -> Result<Message, HttpError> {
    Ok(app.store.finish_message(id, acting(app, caller, body)?).await?)
}

/// `PATCH /api/messages/{id}`
pub async fn mark(
    app: &App,
    caller: &Caller,
    id: MessageId,
    body: MarkMessage,
) -> Result<Message, HttpError> {
    let agent = who(caller, body.agent_id.clone(), "agentId")?;
    caller.check_own(&agent, "mark the mail")?;
    caller.speak_for(&agent, app.config.identity)?;
    let by = Acting {
        agent,
        instance_id: body.instance_id.clone(),
        epoch: body.epoch,
        generation: None,
    };
    Ok(app.store.mark_message(id, by, body).await?)
}

/// `DELETE /api/messages/{id}`
pub async fn delete(app: &App, caller: &Caller, id: MessageId) -> Result<(), HttpError> {
    if app.config.identity == Mode::Strict && *caller == Caller::Anonymous {
        return Err(Refused::new(
            Code::Forbidden,
            "identity is strict: deleting a message takes its sender's token",
        )
        .into());
    }
    Ok(app.store.delete_message(id, caller.narrowed_to()).await?)
}
