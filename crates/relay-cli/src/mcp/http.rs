//! The server at `/mcp`, on the relay's own port: one session for each client that begins one.
//!
//! The relay has looked at host, origin and token before a request comes here. What the tools do,
//! they do as a client of the same relay, with the token of the one who asks.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Either, Full};
use relay_client::http::Relay;
use relay_core::error::{Code, Refused};
use relay_server::http::{
    Body,
    mcp::{Answering, Mcp},
};
use rmcp::{
    model::ProtocolVersion,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::local::{LocalSessionManager, SessionConfig},
    },
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    guest::Lobby,
    server::Server,
    who::{Remote, Who},
};

/// The most sessions open at once.
const MOST_SESSIONS: usize = 256;
/// A session of which nothing was heard for so long is over.
const IDLE: Duration = Duration::from_mins(30);
/// How long agents may take to say goodbye before the relay stops.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often it is looked whether they have.
const SOON: Duration = Duration::from_millis(5);
/// The newest version with sessions. Without one, whoever has no agent's token would be nobody.
const NEWEST: ProtocolVersion = ProtocolVersion::V_2025_11_25;
const SESSION_HEADER: &str = "mcp-session-id";

/// What answers at `/mcp`.
pub struct Mount {
    service: StreamableHttpService<Server, LocalSessionManager>,
    sessions: Arc<LocalSessionManager>,
    lobby: Lobby,
}

impl Mount {
    /// For the relay that listens there.
    pub fn new(address: SocketAddr) -> Self {
        // Made for the first who asks: its trusted roots are slow to load, and most never need it.
        let relay: OnceLock<Relay> = OnceLock::new();
        let url = format!("http://{address}");
        let lobby = Lobby::default();
        let mut manager = LocalSessionManager::default();
        manager.session_config = session_config();
        let (sessions, guests) = (Arc::new(manager), lobby.clone());
        let open = move || {
            let session = random()?;
            let relay = if let Some(relay) = relay.get() {
                relay.clone()
            } else {
                let made = Relay::own(&url).map_err(std::io::Error::other)?.with_retries(1);
                relay.get_or_init(|| made).clone()
            };
            let who = Who::Remote(Remote::new(relay, session, guests.clone()));
            let versions = ProtocolVersion::known_up_to(&NEWEST);
            Ok(Server::new(Arc::new(who), CancellationToken::new(), versions))
        };
        let config =
            StreamableHttpServerConfig::default().disable_allowed_hosts().disable_allowed_origins();
        let service = StreamableHttpService::new(open, Arc::clone(&sessions), config);
        Self { service, sessions, lobby }
    }

    /// Ends all sessions; their agents are offline before the relay is gone.
    pub async fn close(&self) {
        self.service.config.cancellation_token.cancel();
        let ended = async {
            while !self.sessions.sessions.read().await.is_empty() {
                tokio::time::sleep(SOON).await;
            }
            self.lobby.empty(FAREWELL).await;
        };
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            tracing::warn!("some MCP sessions did not end in time");
        }
    }

    async fn handle(&self, mut request: Request<Bytes>) -> Response<Body> {
        let opens =
            request.method() == Method::POST && !request.headers().contains_key(SESSION_HEADER);
        if opens && self.sessions.sessions.read().await.len() >= MOST_SESSIONS {
            return relay_server::http::error::HttpError::from(full()).into_response();
        }
        let read = CancellationToken::new();
        request.extensions_mut().insert(read.clone());
        let answer = self.service.handle(request.map(Full::new)).await;
        let guard = read.drop_guard();
        answer.map(|inner| Either::Right(Read { inner, _guard: guard }.boxed_unsync()))
    }
}

impl Mcp for Mount {
    fn answer(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(self.handle(request))
    }
}

fn session_config() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.keep_alive = Some(IDLE);
    config
}

fn full() -> Refused {
    Refused::new(Code::TooManyStreams, format!("{MOST_SESSIONS} MCP sessions are open"))
        .hint("close some; those of which nothing is heard end by themselves after 30 minutes")
}

fn random() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// An answer's body, which tells by its end that nobody reads it any more.
struct Read<B> {
    inner: B,
    _guard: DropGuard,
}

impl<B: http_body::Body + Unpin> http_body::Body for Read<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }
}

#[cfg(test)]
mod tests {
    use relay_core::caller::Caller;
    use relay_server::http::mcp::Asker;
    use serde_json::json;

    use super::*;

    /// As an agent asks, so that nothing is registered and no relay is needed.
    fn hello() -> Request<Bytes> {
        let hello = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "probe", "version": "1"},
            },
        });
        let peer = [127, 0, 0, 1].into();
        let caller = Caller::Agent("a".parse().unwrap());
        Request::post("/mcp")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .extension(Asker { caller, token: None, peer })
            .body(hello.to_string().into())
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_of_which_nothing_is_heard_is_over() {
        let mount = Mount::new(([127, 0, 0, 1], 9).into());
        let answer = mount.answer(hello()).await;
        assert!(answer.headers().contains_key(SESSION_HEADER), "{answer:?}");
        let count = async || mount.sessions.sessions.read().await.len();
        assert_eq!(count().await, 1);
        tokio::time::sleep(IDLE / 2).await;
        assert_eq!(count().await, 1, "it may be quiet for a while");
        tokio::time::sleep(IDLE).await;
        assert_eq!(count().await, 0);
    }
}
