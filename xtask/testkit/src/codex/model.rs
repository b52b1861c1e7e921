//! A model server that does what [`super::script`] reads, and keeps every request.

use std::{
    collections::HashSet,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{
    BodyExt as _,
    channel::{Channel, Sender},
};
use hyper::{
    Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::script::{self, Step};
use crate::until;

/// How often a word comes of an answer that is held open.
const WORD: Duration = Duration::from_millis(100);

/// The server of one home.
pub struct Model {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    requests: Mutex<Vec<Value>>,
    answers: AtomicUsize,
    held: Mutex<HashSet<String>>,
    released: watch::Sender<HashSet<String>>,
}

impl Model {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let kept = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(move |request| serve(request, Arc::clone(&kept)));
                    let http = hyper::server::conn::http1::Builder::new();
                    // A session that is killed cuts its connections.
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { port, state }
    }

    /// Its address, as a provider's `base_url`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The bodies of all requests of turns, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        self.state.requests.lock().unwrap().clone()
    }

    /// All text that the newest request had.
    pub fn context(&self) -> String {
        let requests = self.state.requests.lock().unwrap();
        requests.last().map(everything).unwrap_or_default()
    }

    /// What the newest request says to the model, without what the model has said itself.
    pub fn heard(&self) -> String {
        let requests = self.state.requests.lock().unwrap();
        let items = requests.last().and_then(|body| body["input"].as_array());
        let items = items.into_iter().flatten().filter(|item| item["role"] != "assistant");
        items.map(script::text).collect::<Vec<_>>().join("\n")
    }

    /// Waits until an answer is held open under that name.
    pub async fn holds(&self, name: &str) {
        until(&format!("the answer `{name}` streams"), async || {
            self.state.held.lock().unwrap().contains(name).then_some(())
        })
        .await;
    }

    /// True while an answer is held open under that name; false also when its reader went away.
    pub fn is_held(&self, name: &str) -> bool {
        self.state.held.lock().unwrap().contains(name)
    }

    /// Lets the answers of that name end, now and in the future.
    pub fn release(&self, name: &str) {
        self.state.released.send_if_modified(|released| released.insert(name.to_owned()));
    }
}

/// All text of a request: what was said and what tools brought.
fn everything(body: &Value) -> String {
    let items = body["input"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(script::text).collect::<Vec<_>>().join("\n")
}

async fn serve(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Channel<Bytes>>, Infallible> {
    let is_turn = request.uri().path().ends_with("/responses");
    let body = request.into_body().collect().await;
    let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let (sender, channel) = Channel::new(64);
    let mut response = Response::new(channel);
    if !is_turn {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let step = if is_title(&body) {
        Step::Say("A title".into())
    } else {
        state.requests.lock().unwrap().push(body.clone());
        script::step(&body)
    };
    if let Step::Fail(code) = step {
        *response.status_mut() = StatusCode::from_u16(code).unwrap();
        return Ok(response);
    }
    response.headers_mut().insert(CONTENT_TYPE, "text/event-stream".parse().unwrap());
    let number = state.answers.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let mut answer = Answer { number, sender };
        // `None` when the reader has gone.
        let _ = answer.play(step, &state).await;
    });
    Ok(response)
}

/// The terminal has its threads named by a thread of its own.
fn is_title(body: &Value) -> bool {
    let turn = body["client_metadata"]["x-codex-turn-metadata"].as_str().unwrap_or_default();
    let turn: Value = serde_json::from_str(turn).unwrap_or_default();
    turn["thread_source"] == "thread_title"
}

/// One answer, on its way.
struct Answer {
    number: usize,
    sender: Sender<Bytes>,
}

impl Answer {
    async fn play(&mut self, step: Step, state: &State) -> Option<()> {
        let id = format!("resp_{}", self.number);
        self.event(&json!({"type": "response.created", "response": {"id": id}})).await?;
        let item = match step {
            Step::Say(text) => self.say(text).await?,
            Step::Hold(name) => self.hold(&name, state).await?,
            Step::Call { namespace, name, arguments } => {
                let number = self.number;
                let mut call = json!({
                    "type": "function_call", "id": format!("fc_{number}"),
                    "call_id": format!("call_{number}"), "name": name,
                    "arguments": arguments.to_string(),
                });
                if let Some(namespace) = namespace {
                    call["namespace"] = json!(namespace);
                }
                call
            }
            Step::Fail(_) => return None,
        };
        let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
        self.event(&done).await?;
        let usage = json!({
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
        });
        let whole = json!({"id": id, "usage": usage});
        self.event(&json!({"type": "response.completed", "response": whole})).await
    }

    async fn say(&mut self, text: String) -> Option<Value> {
        self.begin().await?;
        self.word(&text).await?;
        Some(self.message(&text))
    }

    async fn hold(&mut self, name: &str, state: &State) -> Option<Value> {
        let mut text = format!("holding {name}");
        self.begin().await?;
        self.word(&text).await?;
        state.held.lock().unwrap().insert(name.to_owned());
        let streamed = self.stream(&mut text, name, state).await;
        state.held.lock().unwrap().remove(name);
        streamed?;
        Some(self.message(&text))
    }

    async fn stream(&mut self, text: &mut String, name: &str, state: &State) -> Option<()> {
        let mut released = state.released.subscribe();
        loop {
            let word = tokio::time::timeout(WORD, released.wait_for(|r| r.contains(name)));
            let ended = word.await.is_ok();
            let word = if ended { format!(" held {name}") } else { " .".into() };
            self.word(&word).await?;
            text.push_str(&word);
            if ended {
                return Some(());
            }
        }
    }

    fn message(&self, text: &str) -> Value {
        let content = if text.is_empty() {
            json!([])
        } else {
            json!([{"type": "output_text", "text": text}])
        };
        let id = format!("msg_{}", self.number);
        json!({"type": "message", "role": "assistant", "id": id, "content": content})
    }

    async fn begin(&mut self) -> Option<()> {
        let item = self.message("");
        let event = json!({"type": "response.output_item.added", "output_index": 0, "item": item});
        self.event(&event).await
    }

    async fn word(&mut self, text: &str) -> Option<()> {
        let id = format!("msg_{}", self.number);
        self.event(&json!({
            "type": "response.output_text.delta", "item_id": id, "output_index": 0,
            "content_index": 0, "delta": text,
        }))
        .await
    }

    async fn event(&mut self, event: &Value) -> Option<()> {
        let name = event["type"].as_str().unwrap_or_default();
        let text = format!("event: {name}\ndata: {event}\n\n");
        self.sender.send_data(Bytes::from(text)).await.ok()
    }
}
