//! One connection to an app-server: JSON-RPC in WebSocket frames, without the `jsonrpc` field.

use std::{collections::HashMap, fmt, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        self, client::IntoClientRequest as _, http::HeaderValue, protocol::Message as Frame,
    },
};

use super::{
    message::{Message, Notice, Refusal},
    protocol::{Call, Capabilities, ClientInfo, Initialize, Initialized},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A call is answered at once, or the server is not well.
const ANSWER: Duration = Duration::from_secs(20);
/// Every word of a streamed answer, and other chatter that no decision needs.
const UNHEARD: [&str; 6] = [
    "item/agentMessage/delta",
    "item/reasoning/textDelta",
    "item/reasoning/summaryTextDelta",
    "item/commandExecution/outputDelta",
    "thread/tokenUsage/updated",
    "account/rateLimits/updated",
];

/// Where an app-server listens, and what opens it.
#[derive(Clone)]
pub struct Address {
    /// `ws://127.0.0.1:PORT`
    pub url: String,
    /// The capability token.
    pub token: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("url", &self.url).field("token", &"…").finish()
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server says no.
    #[error("codex refuses: {0}")]
    Refused(#[from] Refusal),
    /// The connection is gone; whether the call was heard is unknown.
    #[error("the connection to codex is gone")]
    Gone,
    /// No answer for 20 seconds; whether the call was heard is unknown.
    #[error("codex does not answer")]
    Silent,
    /// The answer is not what the protocol says.
    #[error("codex answers something else: {0}")]
    Strange(#[from] serde_json::Error),
    /// There is no connection to begin with.
    #[error("cannot connect to codex: {0}")]
    Connect(Box<tungstenite::Error>),
}

impl CallError {
    /// True where the server's words hold this text; it has no other way to tell reasons apart.
    pub fn says(&self, words: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.message.contains(words))
    }
}

type Answer = oneshot::Sender<Result<Value, Refusal>>;

/// What goes to the server.
enum Outgoing {
    Call {
        method: &'static str,
        params: Value,
        answer: Answer,
    },
    /// What follows the answer to `initialize`.
    Initialized,
}

/// A connection. Clones share it; it is closed when the last one is gone.
#[derive(Clone)]
pub struct Client {
    outgoing: mpsc::UnboundedSender<Outgoing>,
}

/// What the server tells, in its order; ends with the connection.
pub type Notices = mpsc::UnboundedReceiver<Notice>;

impl Client {
    /// Connects and says who we are.
    pub async fn connect(
        address: &Address,
        version: &'static str,
    ) -> Result<(Self, Notices, Initialized), CallError> {
        let mut request = address.url.as_str().into_client_request().map_err(connect)?;
        if let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {}", address.token)) {
            request.headers_mut().insert("authorization", bearer);
        }
        let opened =
            timeout(ANSWER, connect_async(request)).await.map_err(|_| CallError::Silent)?;
        let (socket, _) = opened.map_err(connect)?;
        let (outgoing, queue) = mpsc::unbounded_channel();
        let (tell, notices) = mpsc::unbounded_channel();
        tokio::spawn(carry(socket, queue, tell));
        let client = Self { outgoing };
        let us = Initialize {
            client_info: ClientInfo { name: "agent-relay", title: Some("Agent Relay"), version },
            capabilities: Capabilities {
                experimental_api: true,
                opt_out_notification_methods: &UNHEARD,
            },
        };
        let server = client.call(&us).await?;
        client.outgoing.send(Outgoing::Initialized).map_err(|_| CallError::Gone)?;
        Ok((client, notices, server))
    }

    /// Asks, and waits for the answer.
    pub async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, CallError> {
        let (answer, answered) = oneshot::channel();
        let params = serde_json::to_value(call)?;
        let outgoing = Outgoing::Call { method: C::METHOD, params, answer };
        self.outgoing.send(outgoing).map_err(|_| CallError::Gone)?;
        let answered = timeout(ANSWER, answered).await.map_err(|_| CallError::Silent)?;
        Ok(serde_json::from_value(answered.map_err(|_| CallError::Gone)??)?)
    }
}

fn connect(error: tungstenite::Error) -> CallError {
    CallError::Connect(Box::new(error))
}

/// Carries calls and answers until either side is gone. Calls without an answer fail then, because
/// their senders are dropped.
async fn carry(
    socket: Socket,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    tell: mpsc::UnboundedSender<Notice>,
) {
    let (mut to, mut from) = socket.split();
    let mut waiting: HashMap<u64, Answer> = HashMap::new();
    let mut last = 0;
    loop {
        tokio::select! {
            next = outgoing.recv() => {
                let message = match next {
                    Some(Outgoing::Call { method, params, answer }) => {
                        last += 1;
                        waiting.insert(last, answer);
                        json!({"id": last, "method": method, "params": params})
                    }
                    Some(Outgoing::Initialized) => json!({"method": "initialized"}),
                    None => break,
                };
                if to.send(Frame::text(message.to_string())).await.is_err() {
                    break;
                }
            }
            frame = from.next() => {
                let Some(Ok(frame)) = frame else { break };
                let Ok(text) = frame.to_text() else { continue };
                match Message::read(text) {
                    Message::Answer { id, answer } => {
                        if let Some(waiting) = waiting.remove(&id) {
                            let _ = waiting.send(answer);
                        }
                    }
                    Message::Notice(notice) => {
                        // Whoever only calls need not listen.
                        let _ = tell.send(notice);
                    }
                    Message::Other => {}
                }
            }
        }
    }
    let _ = to.close().await;
}
