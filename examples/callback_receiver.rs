//! Is called back: checks who sent it, ignores repeats, and says what became of each task.
//!
//! ```text
//! export CALLBACK_SECRET="whsec_$(openssl rand -base64 24)"
//! export AGENT_RELAY_INTEGRATIONS='[{"name": "ops", "token": "ops-token-0123456789",
//!   "scopes": ["tasks:create"], "targets": ["*"],
//!   "callbackUrl": "http://localhost:4870/", "callbackSecret": "'$CALLBACK_SECRET'"}]'
//! agent-relay serve &
//! cargo run -p examples --example callback_receiver
//! ```

use std::{collections::HashSet, convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode, body::Incoming, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use relay_client::core::callback::Callback;
use standardwebhooks::{HEADER_WEBHOOK_ID, Webhook};
use tokio::{net::TcpListener, sync::Mutex};

type Error = Box<dyn std::error::Error>;

/// Larger than any callback.
const MOST_BYTES: usize = 1 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let receiver = Receiver::new(&secret()?)?;
    let listener = TcpListener::bind("127.0.0.1:4870").await?;
    println!("waiting for callbacks at http://{}/", listener.local_addr()?);
    serve(listener, receiver).await
}

#[expect(clippy::disallowed_methods, reason = "an example's one setting")]
fn secret() -> Result<String, Error> {
    Ok(std::env::var("CALLBACK_SECRET").map_err(|_| "set CALLBACK_SECRET to the relay's secret")?)
}

/// Takes callbacks until the program ends.
pub async fn serve(listener: TcpListener, receiver: Receiver) -> Result<(), Error> {
    let receiver = Arc::new(receiver);
    loop {
        let (stream, _) = listener.accept().await?;
        let receiver = Arc::clone(&receiver);
        let service = service_fn(move |request| answer(Arc::clone(&receiver), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Any 2xx says that the callback has arrived for good. What is refused is sent again, later.
async fn answer(
    receiver: Arc<Receiver>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let status = match Limited::new(body, MOST_BYTES).collect().await {
        Ok(body) => receiver.receive(&head.headers, &body.to_bytes()).await,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

/// Knows the secret, and what came already.
pub struct Receiver {
    webhook: Webhook,
    // A real one keeps the ids for a few days, and in its database: in the transaction that does
    // what the callback asks for.
    seen: Mutex<HashSet<String>>,
}

impl Receiver {
    /// `whsec_…` is the base64 of the key. A secret of another form is the key itself.
    pub fn new(secret: &str) -> Result<Self, Error> {
        let webhook = match secret.strip_prefix("whsec_") {
            Some(_) => Webhook::new(secret)?,
            None => Webhook::from_bytes(secret.into())?,
        };
        Ok(Self { webhook, seen: Mutex::default() })
    }

    /// The signature is of the bytes as they came, so it is checked before anything is read.
    pub async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        if let Err(why) = self.webhook.verify(body, headers) {
            println!("refused: {why}");
            return StatusCode::UNAUTHORIZED;
        }
        let id = headers[HEADER_WEBHOOK_ID].to_str().unwrap_or_default();
        let mut seen = self.seen.lock().await;
        if seen.contains(id) {
            println!("{id} came before");
            return StatusCode::OK;
        }
        match serde_json::from_slice::<Callback>(body) {
            Ok(callback) => println!("{id} {}", tell(&callback)),
            // From a newer relay, perhaps. To be sent it again would not help.
            Err(why) => println!("{id} cannot be read: {why}"),
        }
        seen.insert(id.to_owned());
        StatusCode::OK
    }
}

fn tell(callback: &Callback) -> String {
    let Callback { event, sequence, task, task_event, .. } = callback;
    let by = task_event.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let result = task.result.as_ref().map(|result| format!(": {result}")).unwrap_or_default();
    format!("task {} ({}), {sequence}: {event}{by}{result}", task.id, task.title)
}
