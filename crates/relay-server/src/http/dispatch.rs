//! The one place where a route meets its handler.

use std::{net::IpAddr, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Response, header, request::Parts};
use hyper::body::Incoming;
use relay_core::{
    api::{
        query,
        route::{Method, NoRoute, Route},
    },
    caller::Caller,
    error::Refused,
};
use tokio::time::Instant;

use super::{
    Body,
    authenticate::{Door, Identified},
    cors,
    error::{self, HttpError},
    guard::{self, Visitor},
    mcp, openapi, reply,
    request::{Payload, Request},
};
use crate::{
    app::App,
    handler::{agent, channel, event, health, integration, message, pair, stats, task, token},
    logging,
};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Answers a request, whatever happens on the way.
pub async fn answer(app: &App, peer: IpAddr, request: http::Request<Incoming>) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let route =
        Route::parse(method, path).or_else(|unknown| app.dashboard.route(method, path, unknown));
    let name = match &route {
        Ok(route) => route.entry().name,
        Err(_) if path == mcp::PATH => "Mcp",
        Err(_) => "none",
    };
    let private = is_private(path);
    let mut asker = None;
    let answered = AssertUnwindSafe(pass(app, peer, parts, body, route, &mut asker)).catch_unwind();
    let mut response = answered.await.unwrap_or_else(|_| {
        app.metrics.panics.inc();
        error::internal().into_response()
    });
    harden(&mut response, private);
    let answered = logging::Answered {
        route: name,
        status: response.status(),
        took: started.elapsed(),
        peer,
        asker,
    };
    app.metrics.answered(&answered);
    answered.log();
    response
}

/// Guards first, then the preflight, then who asks and what.
async fn pass(
    app: &App,
    peer: IpAddr,
    parts: Parts,
    incoming: Incoming,
    route: Result<Route, NoRoute>,
    asker: &mut Option<Caller>,
) -> Response<Body> {
    let body = Payload::new(incoming, &parts.headers, app.config.limits.body_timeout);
    let visitor = match admit(app, &parts, route.as_ref().ok()) {
        Ok(visitor) => visitor,
        Err(refused) => {
            body.linger();
            return refuse(app, refused.into());
        }
    };
    let mut response = if cors::is_preflight(&parts.method, &parts.headers) {
        cors::preflight(&parts.headers)
    } else {
        let mut request = Request { caller: Caller::Anonymous, token: None, peer, parts, body };
        let handled = handle(app, route, &mut request).await;
        *asker = Some(request.caller);
        request.body.linger();
        handled.unwrap_or_else(|error| refuse(app, error))
    };
    cors::open(&mut response, &visitor);
    response
}

fn admit(app: &App, parts: &Parts, route: Option<&Route>) -> Result<Visitor, Refused> {
    guard::check_length(&parts.uri)?;
    if matches!(route, Some(Route::Health | Route::Ready)) {
        return Ok(Visitor::Own);
    }
    let api = is_api(parts.uri.path());
    app.guard.check(&parts.uri, &parts.headers, api)
}

fn refuse(app: &App, error: HttpError) -> Response<Body> {
    app.metrics.rejected(error.code());
    error.into_response()
}

/// Where only programs and the relay's own pages ask.
fn is_api(path: &str) -> bool {
    path.starts_with("/api") || path == mcp::PATH
}

/// Where answers are for the one who asks only.
fn is_private(path: &str) -> bool {
    is_api(path) || path == "/metrics"
}

/// Who asks is settled before whether there is such a route: strangers learn nothing of the API.
async fn handle(
    app: &App,
    route: Result<Route, NoRoute>,
    request: &mut Request,
) -> Result<Response<Body>, HttpError> {
    let path = request.parts.uri.path();
    let open = match &route {
        Ok(route) => route.scopes().is_empty(),
        Err(_) => !is_private(path),
    };
    if !open {
        let door = Door {
            keys: &app.keys,
            integrations: &app.config.integrations,
            store: &app.store,
            wrong: &app.wrong_tokens,
            metrics: &app.metrics,
        };
        let Identified { caller, token } =
            door.identify(request.peer, &request.parts.headers).await?;
        request.caller = caller;
        request.token = token;
    }
    if request.parts.uri.path() == mcp::PATH {
        return mcp::answer(app, request).await;
    }
    let route = route?;
    request.caller.check(&route)?;
    if !open && route.entry().query.is_empty() {
        query::none(&request.pairs()?)?;
    }
    run(app, route, request).await
}

#[expect(clippy::too_many_lines, reason = "one arm for each route, and no second level")]
async fn run(app: &App, route: Route, request: &mut Request) -> Result<Response<Body>, HttpError> {
    let head = request.parts.method == http::Method::HEAD;
    if route.method() == Method::Delete {
        request.ignore_body()?;
    }
    Ok(match route {
        Route::RegisterAgent => {
            let body = request.json().await?;
            let registration = agent::register(app, request, body).await?;
            reply::stored(registration.created, &registration.reply)
        }
        Route::ListAgents => {
            let query = query::Agents::read_filters(&request.pairs()?)?;
            let (page, next) = agent::list(app, query).await?;
            reply::list(&page, next)
        }
        Route::FindAgents => {
            reply::list(&agent::find(app, query::Find::read(&request.pairs()?)?).await?, None)
        }
        Route::GetAgent(id) => reply::ok(&agent::get(app, id).await?),
        Route::UpdateAgent(id) => {
            let body = request.json().await?;
            reply::ok(&agent::update(app, &request.caller, id, body).await?)
        }
        Route::SetLabel(id) => {
            let body = request.json().await?;
            reply::ok(&agent::set_label(app, &request.caller, id, body).await?)
        }
        Route::SetStatus(id) => {
            let body = request.json().await?;
            reply::ok(&agent::set_status(app, &request.caller, id, body).await?)
        }
        Route::Heartbeat(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&agent::heartbeat(app, request, id, body).await?)
        }
        Route::RemoveAgent(id) => {
            agent::remove(app, &request.caller, id).await?;
            reply::no_content()
        }
        Route::SendMessage => {
            let body = request.json().await?;
            let (new, sent) = message::send(app, request, body).await?;
            reply::stored(new, &sent)
        }
        Route::ListMessages => {
            let query = query::Messages::read(&request.pairs()?)?;
            let (page, next) = message::list(app, &request.caller, query).await?;
            reply::list(&page, next)
        }
        Route::MessageCursor => reply::ok(&message::cursor(app).await?),
        Route::GetMessage(id) => reply::ok(&message::get(app, &request.caller, id).await?),
        Route::GetThread(id) => {
            reply::list(&message::thread(app, &request.caller, id).await?, None)
        }
        Route::GetReceipts(id) => {
            reply::list(&message::receipts(app, &request.caller, id).await?, None)
        }
        Route::ClaimMessage(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&message::claim(app, &request.caller, id, body).await?)
        }
        Route::ReleaseMessage(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&message::release(app, &request.caller, id, body).await?)
        }
        Route::FinishMessage(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&message::finish(app, &request.caller, id, body).await?)
        }
        Route::MarkMessage(id) => {
            let body = request.json().await?;
            reply::ok(&message::mark(app, &request.caller, id, body).await?)
        }
        Route::DeleteMessage(id) => {
            message::delete(app, &request.caller, id).await?;
            reply::no_content()
        }
        Route::InvitePair => {
            let body = request.json().await?;
            reply::stored(true, &pair::invite(app, &request.caller, body).await?)
        }
        Route::ListPairs => {
            let query = query::Pairs::read(&request.pairs()?)?;
            let (page, next) = pair::list(app, &request.caller, query).await?;
            reply::list(&page, next)
        }
        Route::GetPair(id) => reply::ok(&pair::get(app, &request.caller, id).await?),
        Route::AcceptPair(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&pair::accept(app, &request.caller, id, body).await?)
        }
        Route::RejectPair(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&pair::reject(app, &request.caller, id, body).await?)
        }
        Route::SayInPair(id) => {
            let body = request.json().await?;
            reply::stored(true, &pair::say(app, &request.caller, id, body).await?)
        }
        Route::HangUpPair(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&pair::hang_up(app, &request.caller, id, body).await?)
        }
        Route::PostEvent => {
            let body = request.json().await?;
            let (new, task) = integration::post(app, &request.caller, body).await?;
            reply::stored(new, &task)
        }
        Route::ListIntegrations => {
            reply::list(&integration::list(app, &request.caller).await?, None)
        }
        Route::ListDeadLetters => {
            let query = query::DeadLetters::read(&request.pairs()?)?;
            let (page, next) = integration::dead_letters(app, &request.caller, query).await?;
            reply::list(&page, next)
        }
        Route::RetryDeadLetter(id) => {
            let integration::Nothing {} = request.json_or_nothing().await?;
            reply::ok(&integration::retry(app, &request.caller, id).await?)
        }
        Route::ListChannels => reply::list(&channel::list(app).await?, None),
        Route::CreateTask => {
            let body = request.json().await?;
            let (new, created) = task::create(app, &request.caller, body).await?;
            reply::stored(new, &created)
        }
        Route::ListTasks => {
            let query = query::Tasks::read(&request.pairs()?)?;
            let (page, next) = task::list(app, &request.caller, query).await?;
            reply::list(&page, next)
        }
        Route::GetTask(id) => reply::ok(&task::get(app, &request.caller, id).await?),
        Route::GetTaskEvents(id) => {
            reply::list(&task::events(app, &request.caller, id).await?, None)
        }
        Route::ClaimTask(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&task::claim(app, &request.caller, id, body).await?)
        }
        Route::ReleaseTask(id) => {
            let body = request.json_or_nothing().await?;
            reply::ok(&task::release(app, &request.caller, id, body).await?)
        }
        Route::UpdateTask(id) => {
            let body = request.json().await?;
            reply::ok(&task::update(app, &request.caller, id, body).await?)
        }
        Route::StreamEvents => {
            let query = query::Events::read(&request.pairs()?)?;
            let stream = event::stream(app, request, query).await?;
            if head { reply::stream_head() } else { reply::stream(stream.frames()) }
        }
        Route::CreateToken => {
            let body = request.json().await?;
            reply::stored(true, &token::create(app, &request.caller, body).await?)
        }
        Route::ListTokens => reply::list(&token::list(app).await?, None),
        Route::RevokeToken(id) => {
            token::revoke(app, id).await?;
            reply::no_content()
        }
        Route::Stats => reply::ok(&stats::counts(app).await?),
        Route::StatsSeries => {
            reply::list(&stats::series(app, query::Series::read(&request.pairs()?)?).await?, None)
        }
        Route::HealthDetails => reply::ok(&health::details(app).await),
        Route::OpenApi => reply::text("application/json", openapi::bytes()),
        Route::Health => reply::text("text/plain; charset=utf-8", "ok"),
        Route::Ready => reply::readiness(health::readiness(app)),
        Route::Metrics => {
            let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            reply::text(media_type, stats::metrics(app).await)
        }
        Route::Dashboard => app.dashboard.answer(request.parts.uri.path(), &request.parts.headers),
    })
}

/// What every answer carries so that browsers take it for what it is.
fn harden(response: &mut Response<Body>, private: bool) {
    let headers = response.headers_mut();
    let own = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, own("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, own("DENY"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(own("default-src 'self'"));
    headers.insert(header::REFERRER_POLICY, own("no-referrer"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, own("same-origin"));
    if private {
        headers.insert(header::CACHE_CONTROL, own("no-store"));
    }
}
