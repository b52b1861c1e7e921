//! A model server that does what it is told: a line `RUN: command` in what the session is asked
//! becomes a call of Bash, `AGENT: prompt` a subagent, a skill the command that it names, and
//! anything else an answer in words. It keeps every request.

mod answer;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, header::CONTENT_TYPE, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, time::Instant};

/// What one request asked, and when it came.
struct Asked {
    body: Value,
    at: Instant,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    held: watch::Sender<bool>,
}

/// The server of one session.
pub struct Model {
    port: u16,
    shared: Arc<Shared>,
}

impl Model {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let kept = Arc::clone(&shared);
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
        Self { port, shared }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers nothing until it is released.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Answers what was held, and goes on.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// How many turns and steps of turns the session has asked for.
    pub fn calls(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }

    /// The whole conversation, as the last request had it.
    pub fn context(&self) -> String {
        self.contexts().pop().unwrap_or_default()
    }

    /// The whole conversation, as each request had it.
    pub fn contexts(&self) -> Vec<String> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().map(|asked| answer::everything(&asked.body["messages"])).collect()
    }

    /// When a text was first asked for.
    pub fn had(&self, text: &str) -> Option<Instant> {
        let asked = self.shared.asked.lock().unwrap();
        let has = |asked: &&Asked| answer::everything(&asked.body["messages"]).contains(text);
        asked.iter().find(has).map(|asked| asked.at)
    }

    /// What the tools of the last request's turn brought.
    pub fn results(&self) -> String {
        let asked = self.shared.asked.lock().unwrap();
        asked.last().map(|asked| asked.body["messages"].to_string()).unwrap_or_default()
    }
}

async fn serve(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await;
    let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if path.ends_with("/count_tokens") {
        return Ok(Response::new(Full::from(json!({"input_tokens": 100}).to_string())));
    }
    if path != "/v1/messages" {
        let missing =
            json!({"type": "error", "error": {"type": "not_found_error", "message": "x"}});
        let mut response = Response::new(Full::from(missing.to_string()));
        *response.status_mut() = hyper::StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let is_turn = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    if is_turn {
        let asked = Asked { body: body.clone(), at: Instant::now() };
        shared.asked.lock().unwrap().push(asked);
        let _ = shared.held.subscribe().wait_for(|held| !held).await;
    }
    let block = answer::decide(&body, is_turn);
    let message = answer::message(&body, &block);
    let (kind, text) = if body["stream"] == true {
        ("text/event-stream", answer::stream(&message, &block))
    } else {
        ("application/json", message.to_string())
    };
    let response = Response::builder().header(CONTENT_TYPE, kind).body(Full::from(text));
    Ok(response.unwrap())
}
