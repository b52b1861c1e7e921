//! Events: the stream.

use relay_core::{
    api::query,
    caller::Caller,
    error::{Code, Refused},
    id::{AgentId, Seq},
    token::Digest,
};
use relay_store::Reader;

use crate::{
    app::App,
    http::{error::HttpError, request::Request},
    sse::{Asker, EventStream},
};

/// `GET /api/events`
pub async fn stream(
    app: &App,
    request: &Request,
    query: query::Events,
) -> Result<EventStream, HttpError> {
    let since = resume_after(request, query.since.as_deref())?;
    // An agent that was registered a moment ago must be known to the fan-out before it listens.
    app.fanout.reached(app.store.current().await?).await;
    let reader = reader(app, &request.caller, query.reader).await?;
    let whose = match &reader {
        Reader::Agent { id, .. } | Reader::Integration(id) => Some(id),
        Reader::All => None,
    };
    let place = app.streams.take(whose)?;
    let asker =
        Asker { caller: request.caller.clone(), digest: request.token.as_deref().map(Digest::of) };
    let cursor = since.unwrap_or_else(|| app.fanout.position());
    Ok(EventStream::new(app, reader, asker, place, cursor))
}

/// `Last-Event-ID` wins over `since`; empty, it says that there is none.
fn resume_after(request: &Request, since: Option<&str>) -> Result<Option<Seq>, Refused> {
    let mut headers = request.parts.headers.get_all("last-event-id").iter();
    let header = match (headers.next(), headers.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().map_err(|_| no_cursor())?),
        (Some(_), Some(_)) => return Err(no_cursor()),
    };
    match header.filter(|text| !text.is_empty()).or(since) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| no_cursor()),
    }
}

fn no_cursor() -> Refused {
    Refused::new(Code::InvalidCursor, "the cursor is not a number that this relay gave out")
        .hint("send the last `id:` of the stream, or nothing to start at the present")
}

/// An agent's token reads its own; without `for` it sees who comes and goes, too.
async fn reader(app: &App, caller: &Caller, named: Option<AgentId>) -> Result<Reader, HttpError> {
    if let Some(id) = &named {
        caller.check_own(id, "follow the events")?;
    }
    let id = match (caller, named) {
        (Caller::Integration(own), _) => return Ok(Reader::Integration(own.name.clone())),
        (Caller::Agent(own), None) => {
            return Ok(Reader::Agent { id: own.clone(), presence: true });
        }
        (_, None) => return Ok(Reader::All),
        (_, Some(id)) => id,
    };
    if !id.is_human() {
        app.store.agent(&id).await?;
    }
    Ok(Reader::Agent { id, presence: false })
}
