//! A small HTTP client over hyper, because these tests look at what goes over the wire.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod shop;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use relay_server::testing::TestRelay;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Somebody who asks, with the headers it always sends.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the error's code.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.code())
    }

    /// The answer's body, which must be a success.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// An agent that was registered, speaking with its own token.
pub struct TestAgent {
    pub id: String,
    pub token: String,
    pub http: Client,
}

impl Client {
    /// Somebody without a token.
    pub fn new(relay: &TestRelay) -> Self {
        Self::at(relay.address())
    }

    pub fn at(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new() }
    }

    /// The same, with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub fn token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        read(self.open(method, path, body).await).await
    }

    /// Registers an agent, and speaks as it from then on.
    pub async fn register(&self, id: &str, about: Value) -> TestAgent {
        let mut request = json!({ "id": id });
        request.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
        let reply = self.post("/api/agents", request).await.expect(201);
        let token = reply["token"].as_str().expect("a new agent gets a token").to_owned();
        let http = Self::at(self.address).token(&token);
        TestAgent { id: id.to_owned(), token, http }
    }

    /// Sends a request on a connection of its own and returns the answer's head.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> http::Response<Incoming> {
        self.try_open(method, path, body).await.expect("the relay answers")
    }

    /// The same, where the relay may be away.
    pub async fn try_open(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Option<http::Response<Incoming>> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(async move {
            // It ends with the relay or the test.
            let _ = connection.await;
        });
        let mut request = http::Request::builder().method(method).uri(path);
        let named = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !named("host") {
            request = request.header("host", self.address.to_string());
        }
        if body.is_some() && !named("content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        sender.send_request(request.body(body).unwrap()).await.ok()
    }

    /// Opens a stream.
    pub async fn stream(&self, path: &str) -> Stream {
        let response = self.open(Method::GET, path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        Stream::new(response)
    }
}

async fn read(response: http::Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

/// A stream of events, read frame by frame.
pub struct Stream {
    body: Incoming,
    buffer: String,
}

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub id: i64,
    pub event: String,
    pub data: Value,
}

impl Stream {
    pub fn new(response: http::Response<Incoming>) -> Self {
        Self { body: response.into_body(), buffer: String::new() }
    }

    /// The next block of lines, comments too; `None` at the end.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(block);
            }
            let frame = self.body.frame().await?.ok()?;
            self.buffer.push_str(std::str::from_utf8(frame.data_ref()?).unwrap());
        }
    }

    /// The next frame, comments left out; `None` at the end.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            let block = self.block().await?;
            if !block.starts_with(':') {
                return Some(Frame::read(&block));
            }
        }
    }

    /// The next frame, which must be of this name.
    pub async fn expect(&mut self, event: &str) -> Frame {
        let frame = self.next().await.expect("the stream goes on");
        assert_eq!(frame.event, event, "{frame:?}");
        frame
    }
}

impl Frame {
    pub fn read(block: &str) -> Self {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("no `{name}` in {block:?}"))
        };
        Self {
            id: field("id").parse().unwrap(),
            event: field("event").to_owned(),
            data: serde_json::from_str(field("data")).unwrap(),
        }
    }
}

/// A plain message.
pub fn mail(from: &str, to: &str, body: &str) -> Value {
    json!({ "from": from, "to": to, "body": body })
}

/// Claimable work.
pub fn work(from: &str, to: &str) -> Value {
    json!({ "from": from, "to": to, "body": "do it", "claimable": true })
}

/// Waits until something holds, looking again whenever the runtime has a moment.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = tokio::time::Instant::now();
    while !holds() {
        assert!(started.elapsed().as_secs() < 30, "it never came to pass that {what}");
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
