//! Integrations: what they report, what is known of them, and what they could not be told.

use relay_core::{
    api::{query, request::PostEvent, route::Route},
    callback::DeadLetter,
    caller::{self, Caller, Verified},
    error::{Code, Refused},
    id::CallbackId,
    intake::Report,
    integration::{Integration, Overview},
    task::{Source, Task},
};
use relay_store::Reported;
use serde::Deserialize;

use crate::{
    app::App,
    http::{error::HttpError, reply::Link},
};

/// `POST /api/integrations/events`: whether it opened a task, and the task.
pub async fn post(app: &App, caller: &Caller, body: PostEvent) -> Result<(bool, Task), HttpError> {
    let source = source(caller)?;
    if let Caller::Integration(integration) = caller {
        return report(app, integration, || body.report()).await;
    }
    let verified = caller.speak_for(&source.sender(), app.config.identity)?;
    Ok(outcome(app.store.report(source, None, verified, body.report()?).await?))
}

/// Takes what an integration reports, within what its settings allow, and counts what became of it.
pub async fn report(
    app: &App,
    from: &Integration,
    what: impl FnOnce() -> Result<Report, Refused>,
) -> Result<(bool, Task), HttpError> {
    let taken = take(app, from, what).await;
    app.metrics.reported(
        &from.name,
        match &taken {
            Ok(Reported::Opened(_)) => "opened",
            Ok(Reported::Counted(_)) => "counted",
            Ok(Reported::Resolved(_)) => "resolved",
            Err(error) if error.code() == Code::RateLimited => "rate_limited",
            Err(_) => "refused",
        },
    );
    taken.map(outcome)
}

async fn take(
    app: &App,
    from: &Integration,
    what: impl FnOnce() -> Result<Report, Refused>,
) -> Result<Reported, HttpError> {
    app.event_rates.count(&app.store, &from.name).await?;
    let report = what()?;
    if let Report::Firing(draft) = &report {
        from.check(&draft.target, draft.channel.as_ref())?;
    }
    let source = Source::Integration(from.name.clone());
    Ok(app.store.report(source, None, Verified(true), report).await?)
}

/// Whether a report opened a task, and the task.
pub fn outcome(reported: Reported) -> (bool, Task) {
    match reported {
        Reported::Opened(task) => (true, task),
        Reported::Counted(task) | Reported::Resolved(task) => (false, task),
    }
}

/// Whose token it is; nobody posts without one, on a relay that asks for none either.
fn source(caller: &Caller) -> Result<Source, Refused> {
    Ok(match caller {
        Caller::Integration(integration) => Source::Integration(integration.name.clone()),
        Caller::Scoped { id, .. } => Source::Token(*id),
        Caller::Agent(id) => Source::Agent(id.clone()),
        Caller::Full | Caller::Operator => Source::Relay,
        Caller::Anonymous => return Err(caller::no_source()),
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

/// A body without fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// `POST /api/integrations/dead-letters/{id}/retry`
pub async fn retry(app: &App, caller: &Caller, id: CallbackId) -> Result<DeadLetter, HttpError> {
    if let Some(own) = caller.integration() {
        check_own(app, own, id).await?;
    }
    Ok(app.store.retry_dead_letter(id).await?)
}

/// Another integration's dead letter is none for this one.
async fn check_own(app: &App, own: &Integration, id: CallbackId) -> Result<(), HttpError> {
    let query = query::DeadLetters {
        integration: Some(own.name.clone()),
        after: Some(CallbackId(id.0 - 1)),
        limit: Some(query::Within(1)),
    };
    let found = app.store.dead_letters(&query).await?;
    if found.items.first().is_some_and(|letter| letter.id == id) {
        return Ok(());
    }
    let what = format!("dead letter {id} of the integration `{}`", own.name);
    Err(Refused::not_found(what).into())
}
