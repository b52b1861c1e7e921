//! Integrations: what they report, what is known of them, and what they could not be told.

use relay_core::{
    api::{query, request::PostEvent, route::Route},
    callback::DeadLetter,
    caller::{Caller, Verified},
    error::{Code, Refused},
    id::CallbackId,
    intake::Report,
    integration::Overview,
    task::{Source, Task},
};

use super::task::reported;
use crate::{
    app::App,
    http::{error::HttpError, reply::Link},
};

/// `POST /api/integrations/events`: whether it opened a task, and the task.
pub async fn post(app: &App, caller: &Caller, body: PostEvent) -> Result<(bool, Task), HttpError> {
    let source = source(caller)?;
    if let Caller::Integration(integration) = caller {
        app.event_rates.count(&integration.name)?;
    }
    let report = body.report()?;
    if let (Caller::Integration(integration), Report::Firing(draft)) = (caller, &report) {
        integration.check(&draft.target, draft.channel.as_ref())?;
    }
    let verified = Verified(!matches!(source, Source::Relay | Source::Token(_)));
    Ok(reported(app.store.report(source, None, verified, report).await?))
}

/// Whose token it is; nobody posts without one, on a relay that asks for none either.
fn source(caller: &Caller) -> Result<Source, Refused> {
    Ok(match caller {
        Caller::Integration(integration) => Source::Integration(integration.name.clone()),
        Caller::Scoped { id, .. } => Source::Token(*id),
        Caller::Agent(id) => Source::Agent(id.clone()),
        Caller::Full | Caller::Operator => Source::Relay,
        Caller::Anonymous => {
            return Err(Refused::new(Code::Unauthorized, "an integration needs its token")
                .hint("configure it with AGENT_RELAY_INTEGRATIONS, and send its token as `Authorization: Bearer TOKEN`"));
        }
    })
}

/// `GET /api/integrations`
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Overview>, HttpError> {
    let seen = app.store.integrations().await?;
    let mut all = app.config.integrations.overviews(seen);
    if let Some(own) = caller.integration() {
        all.retain(|overview| overview.name == own.name);
    }
    Ok(all)
}

/// `GET /api/integrations/dead-letters`
pub async fn dead_letters(
    app: &App,
    caller: &Caller,
    mut query: query::DeadLetters,
) -> Result<(Vec<DeadLetter>, Option<Link>), HttpError> {
    if let Some(own) = caller.integration() {
        query.integration = Some(own.name.clone());
    }
    let page = app.store.dead_letters(&query).await?;
    query.after = page.items.last().map(|letter| letter.id);
    let next = page.more.then(|| Link::new(Route::ListDeadLetters.to_string(), query.write()));
    Ok((page.items, next))
}

/// `POST /api/integrations/dead-letters/{id}/retry`
pub async fn retry(app: &App, id: CallbackId) -> Result<DeadLetter, HttpError> {
    Ok(app.store.retry_dead_letter(id).await?)
}
