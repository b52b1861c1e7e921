//! Agents: registering, describing themselves, staying alive.

use relay_core::{
    agent::Agent,
    api::{
        query,
        request::{Heartbeat, RegisterAgent, SetLabel, SetStatus, UpdateAgent},
        route::Route,
    },
    caller::Caller,
    error::{Code, Refused},
    id::AgentId,
    identity::{self, Mode},
    token::Digest,
};
use relay_store::{Presented, Registration};

use crate::{
    app::App,
    http::{error::HttpError, reply::Link, request::Request},
};

/// The most agents that are found at once.
const MOST_FOUND: usize = 500;

/// `POST /api/agents`
pub async fn register(
    app: &App,
    request: &Request,
    body: RegisterAgent,
) -> Result<Registration, HttpError> {
    check_registrant(app, &request.caller, &body.id).await?;
    let presented = Presented {
        token: agents_token(request),
        full: matches!(request.caller, Caller::Full | Caller::Operator),
    };
    Ok(app.store.register_agent(body, presented, app.config.identity).await?)
}

/// Another agent's token registers nothing, and hears that a live id is taken like everybody.
async fn check_registrant(app: &App, caller: &Caller, id: &AgentId) -> Result<(), HttpError> {
    let Err(refused) = caller.check_own(id, "register the id") else { return Ok(()) };
    match app.store.agent(id).await {
        Ok(agent) if agent.is_live() => Err(identity::taken(&agent).into()),
        _ => Err(refused.into()),
    }
}

/// `GET /api/agents`
pub async fn list(
    app: &App,
    query: Option<query::Agents>,
) -> Result<(Vec<Agent>, Option<Link>), HttpError> {
    let Some(mut query) = query else { return Ok((Vec::new(), None)) };
    let page = app.store.agents(&query).await?;
    query.after = page.items.last().map(|agent| agent.id.clone());
    let next = page.more.then(|| Link::new(Route::ListAgents.to_string(), query.write()));
    Ok((page.items, next))
}

/// `GET /api/agents/find`
pub async fn find(app: &App, query: query::Find) -> Result<Vec<Agent>, HttpError> {
    let capability = query.capability.ok_or_else(|| missing("capability"))?;
    let query = query::Agents { capability: Some(capability), ..Default::default() };
    let mut found = app.store.every_agent(&query).await?;
    found.retain(|agent| agent.is_live() && agent.ready);
    found.truncate(MOST_FOUND);
    Ok(found)
}

/// `GET /api/agents/{id}`
pub async fn get(app: &App, id: AgentId) -> Result<Agent, HttpError> {
    Ok(app.store.agent(&id).await?)
}

/// `PATCH /api/agents/{id}`
pub async fn update(
    app: &App,
    caller: &Caller,
    id: AgentId,
    change: UpdateAgent,
) -> Result<Agent, HttpError> {
    check_own(app, caller, &id, "change the description")?;
    Ok(app.store.update_agent(&id, change).await?)
}

/// `PATCH /api/agents/{id}/label`
pub async fn set_label(
    app: &App,
    caller: &Caller,
    id: AgentId,
    body: SetLabel,
) -> Result<Agent, HttpError> {
    let change = UpdateAgent { label: Some(body.label), ..UpdateAgent::default() };
    update(app, caller, id, change).await
}

/// `PATCH /api/agents/{id}/status`
pub async fn set_status(
    app: &App,
    caller: &Caller,
    id: AgentId,
    body: SetStatus,
) -> Result<Agent, HttpError> {
    let change = UpdateAgent {
        status: Some(body.status),
        status_detail: Some(body.detail),
        ..UpdateAgent::default()
    };
    update(app, caller, id, change).await
}

/// `POST /api/agents/{id}/heartbeat`
pub async fn heartbeat(
    app: &App,
    request: &Request,
    id: AgentId,
    beat: Heartbeat,
) -> Result<Agent, HttpError> {
    check_own(app, &request.caller, &id, "keep alive the session")?;
    let token = agents_token(request).map(|token| Digest::of(&token));
    Ok(app.store.heartbeat(&id, beat, token).await?)
}

/// `DELETE /api/agents/{id}`
pub async fn remove(app: &App, caller: &Caller, id: AgentId) -> Result<(), HttpError> {
    check_own(app, caller, &id, "end the registration")?;
    Ok(app.store.remove_agent(&id).await?)
}

/// An agent acts for itself only; where identity is strict, nobody without a token acts for one.
fn check_own(app: &App, caller: &Caller, id: &AgentId, what: &str) -> Result<(), Refused> {
    if app.config.identity == Mode::Strict && *caller == Caller::Anonymous {
        return Err(Refused::new(
            Code::Forbidden,
            format!("identity is strict: acting as `{id}` takes its own token"),
        )
        .hint("send the token that its registration returned"));
    }
    caller.check_own(id, what)
}

fn agents_token(request: &Request) -> Option<String> {
    request.token.clone().filter(|_| matches!(request.caller, Caller::Agent(_)))
}

fn missing(name: &str) -> Refused {
    Refused::new(Code::MissingField, format!("`{name}` is missing"))
        .with(serde_json::json!({ "field": name }))
}
