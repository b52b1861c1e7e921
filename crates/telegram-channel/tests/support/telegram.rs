//! A Bot API server that keeps what it is told and fails as a test tells it to.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout},
};

/// What happens to the next message to a chat, in the place of its being taken.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is taken after all.
    None,
    /// It is refused so.
    Refuse(Value),
    /// A proxy answers for it.
    Page(u16),
    /// The connection is cut before it is taken.
    CutBefore,
    /// It is taken, and the connection is cut before that is said.
    CutAfter,
    /// It is taken, but that is not said before [`Telegram::release`].
    Hold,
}

impl Fault {
    pub fn refuse(code: u16, description: &str) -> Self {
        Self::Refuse(json!({"ok": false, "error_code": code, "description": description}))
    }

    pub fn too_many(seconds: u16) -> Self {
        Self::Refuse(json!({
            "ok": false, "error_code": 429, "description": "Too Many Requests",
            "parameters": {"retry_after": seconds},
        }))
    }
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub chat: i64,
    pub number: i64,
    pub text: String,
    pub answers: Option<i64>,
    pub at: Instant,
    /// The whole request.
    pub request: Value,
}

/// What it has seen so far.
#[derive(Default)]
pub struct Seen {
    pub polls: usize,
    /// Polls that were given up by who asked.
    pub hung_up: usize,
    /// Attempts to send, the failed counted.
    pub attempts: usize,
    pub taken: Vec<Taken>,
    updates: Vec<Value>,
    faults: HashMap<i64, VecDeque<Fault>>,
    update: u64,
    number: i64,
    released: bool,
}

struct State {
    seen: Mutex<Seen>,
    changed: Notify,
}

/// A running Bot API server.
pub struct Telegram {
    address: SocketAddr,
    state: Arc<State>,
    tasks: Option<JoinSet<()>>,
}

impl Telegram {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Seen { number: 100, update: 1000, ..Seen::default() };
        let state = Arc::new(State { seen: Mutex::new(seen), changed: Notify::new() });
        let mut telegram = Self { address: listener.local_addr().unwrap(), state, tasks: None };
        telegram.serve(listener);
        telegram
    }

    /// Is away from now on: connections are cut and refused.
    pub async fn stop(&mut self) {
        if let Some(mut tasks) = self.tasks.take() {
            tasks.shutdown().await;
        }
    }

    /// Is back, with all it had.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&self.state)));
        self.tasks = Some(tasks);
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn polls(&self) -> usize {
        self.state.seen().polls
    }

    pub fn attempts(&self) -> usize {
        self.state.seen().attempts
    }

    /// What was taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.state.seen().taken.clone()
    }

    /// The texts taken so far for a chat.
    pub fn texts(&self, chat: i64) -> Vec<String> {
        self.taken().into_iter().filter(|taken| taken.chat == chat).map(|t| t.text).collect()
    }

    /// What happens to the next messages to a chat.
    pub fn fail(&self, chat: i64, faults: impl IntoIterator<Item = Fault>) {
        self.state.seen().faults.entry(chat).or_default().extend(faults);
    }

    /// Says of what was held that it was taken.
    pub fn release(&self) {
        self.state.change(|seen| seen.released = true);
    }

    /// Waits until what was seen is as expected.
    pub async fn until(&self, expected: impl Fn(&Seen) -> bool) {
        self.state.until(expected).await;
    }

    /// Waits until so many messages were taken, and returns them.
    pub async fn messages(&self, count: usize) -> Vec<Taken> {
        super::soon(self.until(|seen| seen.taken.len() >= count)).await;
        let taken = self.taken();
        assert_eq!(taken.len(), count, "{taken:?}");
        taken
    }

    /// A person writes in a chat; returns the number of the message.
    pub fn says(&self, chat: i64, text: &str) -> i64 {
        self.writes(chat, &json!({"text": text}))
    }

    /// A person answers a message that the bot sent.
    pub fn answers(&self, taken: &Taken, text: &str) -> i64 {
        let answered = json!({
            "message_id": taken.number, "date": 0, "text": taken.text,
            "chat": {"id": taken.chat, "type": "private"},
            "from": {"id": 99, "is_bot": true, "first_name": "Relay"},
        });
        self.writes(taken.chat, &json!({"text": text, "reply_to_message": answered}))
    }

    /// A person writes anything.
    pub fn writes(&self, chat: i64, parts: &Value) -> i64 {
        let number = self.state.next_number();
        self.reports("message", &message(chat, number, parts));
        number
    }

    /// A person changes what it wrote.
    pub fn changes(&self, chat: i64, number: i64, text: &str) {
        self.reports("edited_message", &message(chat, number, &json!({"text": text})));
    }

    /// Reports anything.
    pub fn reports(&self, kind: &str, what: &Value) {
        self.state.change(|seen| {
            seen.update += 1;
            let update = json!({"update_id": seen.update, kind: what});
            seen.updates.push(update);
        });
    }
}

fn message(chat: i64, number: i64, parts: &Value) -> Value {
    let mut message = json!({
        "message_id": number, "date": 0,
        "chat": {"id": chat, "type": "private", "first_name": "Ada"},
        "from": {"id": chat.abs(), "is_bot": false, "first_name": "Ada"},
    });
    message.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    message
}

impl State {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let result = change(&mut self.seen());
        self.changed.notify_waiters();
        result
    }

    fn next_number(&self) -> i64 {
        self.change(|seen| {
            seen.number += 1;
            seen.number
        })
    }

    async fn until(&self, expected: impl Fn(&Seen) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if expected(&self.seen()) {
                return;
            }
            changed.await;
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&state)));
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| call(Arc::clone(&state), request));
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error cuts the connection.
async fn call(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body.is_object(), "Telegram takes nothing else");
    let (status, answer) = match path.strip_prefix(&format!("/bot{}/", super::TOKEN)) {
        Some("getMe") => (200, me()),
        Some("getUpdates") => (200, updates(&state, &body).await),
        Some("sendMessage") => send(&state, body).await?,
        Some(_) => (404, json!({"ok": false, "error_code": 404, "description": "Not Found"})),
        None => (401, json!({"ok": false, "error_code": 401, "description": "Unauthorized"})),
    };
    let text = if answer.is_null() { "<html>".to_owned() } else { answer.to_string() };
    let response = Response::builder().status(status).body(Full::from(text));
    Ok::<_, Infallible>(response.unwrap()).map_err(|never| match never {})
}

fn me() -> Value {
    let me = json!({
        "id": 99, "is_bot": true, "first_name": "Relay", "username": "relay_bot",
    });
    json!({"ok": true, "result": me})
}

/// What is asked for from an offset on confirms what was before it.
async fn updates(state: &State, body: &Value) -> Value {
    let mut poll = Poll { state, answered: false };
    state.change(|seen| {
        seen.polls += 1;
        let confirmed = body["offset"].as_u64().unwrap_or_default();
        seen.updates.retain(|update| update["update_id"].as_u64().unwrap() >= confirmed);
    });
    let hold = Duration::from_secs(body["timeout"].as_u64().unwrap_or_default());
    let _ = timeout(hold, state.until(|seen| !seen.updates.is_empty())).await;
    poll.answered = true;
    json!({"ok": true, "result": state.seen().updates.clone()})
}

/// A poll that is not answered yet.
struct Poll<'a> {
    state: &'a State,
    answered: bool,
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.state.change(|seen| seen.hung_up += 1);
        }
    }
}

async fn send(state: &State, body: Value) -> Result<(u16, Value), io::Error> {
    let chat = body["chat_id"].as_i64().unwrap();
    let fault = state.change(|seen| {
        seen.attempts += 1;
        seen.faults.get_mut(&chat).and_then(VecDeque::pop_front)
    });
    match &fault {
        Some(Fault::Refuse(refusal)) => {
            let status = refusal["error_code"].as_u64().unwrap() as u16;
            return Ok((status, refusal.clone()));
        }
        Some(Fault::Page(status)) => return Ok((*status, Value::Null)),
        Some(Fault::CutBefore) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::None | Fault::CutAfter | Fault::Hold) | None => {}
    }
    let number = take(state, chat, body);
    match fault {
        Some(Fault::CutAfter) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Hold) => state.until(|seen| seen.released).await,
        _ => {}
    }
    let message = json!({"message_id": number, "date": 0, "chat": {"id": chat, "type": "odd"}});
    Ok((200, json!({"ok": true, "result": message})))
}

fn take(state: &State, chat: i64, request: Value) -> i64 {
    let text = request["text"].as_str().unwrap().to_owned();
    assert!(text.encode_utf16().count() <= 4096, "longer than Telegram takes");
    let number = state.next_number();
    let answers = request["reply_parameters"]["message_id"].as_i64();
    let at = Instant::now();
    state.change(|seen| seen.taken.push(Taken { chat, number, text, answers, at, request }));
    number
}
