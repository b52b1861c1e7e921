//! `/mcp`: the Model Context Protocol over HTTP, on the relay's own port.
//!
//! The tools speak to the relay as every client does, so they are no part of this crate: whoever
//! runs the relay [mounts](crate::Inner::mount_mcp) what answers. Before it is asked, a request has
//! passed the guard, its sender is known and its body is read within bounds; an answer that goes on
//! ends when the relay stops.

use std::{fmt, net::IpAddr, pin::Pin};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderName, Method, Response, header};
use http_body_util::{BodyExt as _, BodyStream, Either, StreamBody};
use relay_core::{
    api::{
        query,
        route::{self, NoRoute},
    },
    caller::Caller,
};
use secrecy::SecretString;

use super::{Body, authenticate::OWN_HEADER, error::HttpError, reply, request::Request};
use crate::app::App;

/// Where it is.
pub const PATH: &str = "/mcp";
/// What it answers to.
const METHODS: [route::Method; 3] =
    [route::Method::Post, route::Method::Get, route::Method::Delete];
/// What proves who asks, and has been looked at.
const PROOFS: [HeaderName; 2] = [header::AUTHORIZATION, OWN_HEADER];

/// An answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// What answers at [`PATH`].
pub trait Mcp: Send + Sync {
    /// Answers a request, whose extensions hold the [`Asker`].
    fn answer(&self, request: http::Request<Bytes>) -> Answering<'_>;
}

/// Who asks, as the relay found out.
#[derive(Clone)]
pub struct Asker {
    /// As whom it may act.
    pub caller: Caller,
    /// The token that says so.
    pub token: Option<SecretString>,
    /// The address it came from.
    pub peer: IpAddr,
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Hands the request on, where there is somebody to answer.
pub async fn answer(app: &App, request: &mut Request) -> Result<Response<Body>, HttpError> {
    let Some(mcp) = app.mcp() else { return Err(NoRoute::NotFound.into()) };
    query::none(&request.pairs()?)?;
    let body = match request.parts.method {
        Method::POST => request.bytes().await?,
        Method::HEAD => return Ok(reply::stream_head()),
        Method::GET | Method::DELETE => {
            request.ignore_body()?;
            Bytes::new()
        }
        _ => return Err(NoRoute::MethodNotAllowed(METHODS.to_vec()).into()),
    };
    let answer = mcp.answer(asked(request, body)).await;
    Ok(answer.map(|body| until_stop(app, body)))
}

/// The request with who asks in the place of what proves it, which belongs in nobody's log.
fn asked(request: &Request, body: Bytes) -> http::Request<Bytes> {
    let mut parts = request.parts.clone();
    for proof in PROOFS {
        parts.headers.remove(proof);
    }
    parts.extensions.insert(Asker {
        caller: request.caller.clone(),
        token: request.token.clone().map(SecretString::from),
        peer: request.peer,
    });
    http::Request::from_parts(parts, body)
}

fn until_stop(app: &App, body: Body) -> Body {
    let Either::Right(stream) = body else { return body };
    let mut stopping = app.stopping();
    let stopped = async move {
        // An error means that the relay is gone altogether.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let frames = BodyStream::new(stream).take_until(Box::pin(stopped));
    Either::Right(StreamBody::new(frames).boxed_unsync())
}
