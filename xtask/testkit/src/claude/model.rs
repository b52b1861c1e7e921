//! A model server that does what it is told: a line `RUN: command` in what the session is asked
//! becomes a call of Bash, anything else an answer in words. It keeps every request.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, header::CONTENT_TYPE, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Requests = Arc<Mutex<Vec<Value>>>;

/// The server of one session.
pub struct Model {
    port: u16,
    requests: Requests,
}

impl Model {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Requests::default();
        let kept = Arc::clone(&requests);
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
        Self { port, requests }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many turns and steps of turns the session has asked for.
    pub fn calls(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The whole conversation, as the last request had it.
    pub fn context(&self) -> String {
        let requests = self.requests.lock().unwrap();
        requests.last().map(|body| everything(&body["messages"])).unwrap_or_default()
    }

    /// What the tools of the last request's turn brought.
    pub fn results(&self) -> String {
        let requests = self.requests.lock().unwrap();
        requests.last().map(|body| body["messages"].to_string()).unwrap_or_default()
    }
}

async fn serve(
    request: Request<Incoming>,
    kept: Requests,
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
        kept.lock().unwrap().push(body.clone());
    }
    let block = decide(&body, is_turn).await;
    let message = message(&body, &block);
    let (kind, text) = if body["stream"] == true {
        ("text/event-stream", stream(&message, &block))
    } else {
        ("application/json", message.to_string())
    };
    let response = Response::builder().header(CONTENT_TYPE, kind).body(Full::from(text));
    Ok(response.unwrap())
}

/// What the model answers: the content of one block.
async fn decide(body: &Value, is_turn: bool) -> Value {
    if !is_turn {
        let harmless = "<block>no</block><reason>test</reason>";
        return json!({"type": "text", "text": harmless});
    }
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let last = messages.iter().rposition(|message| message["role"] == "assistant");
    let new = everything(&json!(messages[last.map_or(0, |last| last + 1)..]));
    let answered = messages.last().is_some_and(|message| has_result(&message["content"]))
        || new.contains("\"tool_result\"");
    if let Some(command) = command(&new).filter(|_| !answered) {
        let input = json!({"command": command, "description": "scripted"});
        let id = format!("toolu_{}", messages.len());
        return json!({"type": "tool_use", "id": id, "name": "Bash", "input": input});
    }
    if new.contains("THINK") && !answered {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    json!({"type": "text", "text": "noted"})
}

fn has_result(content: &Value) -> bool {
    content
        .as_array()
        .is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"))
}

/// The last line that says `RUN:`, which may stand behind a message's header.
fn command(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once("RUN: ")?;
    rest.lines().next().map(|line| line.trim().to_owned())
}

/// All text of some messages, and a mark where a tool's result stands.
fn everything(messages: &Value) -> String {
    let mut text = String::new();
    for message in messages.as_array().into_iter().flatten() {
        match &message["content"] {
            Value::String(content) => text.push_str(content),
            blocks => {
                for block in blocks.as_array().into_iter().flatten() {
                    match block["type"].as_str() {
                        Some("tool_result") => text.push_str("\"tool_result\""),
                        _ => text.push_str(block["text"].as_str().unwrap_or_default()),
                    }
                    text.push('\n');
                }
            }
        }
        text.push('\n');
    }
    text
}

fn message(body: &Value, block: &Value) -> Value {
    let stop = if block["type"] == "tool_use" { "tool_use" } else { "end_turn" };
    json!({
        "id": "msg_test", "type": "message", "role": "assistant", "model": body["model"],
        "content": [block], "stop_reason": stop, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 0,
                  "cache_read_input_tokens": 0},
    })
}

fn stream(message: &Value, block: &Value) -> String {
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let (empty, delta) = if block["type"] == "text" {
        (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]}))
    } else {
        let mut empty = block.clone();
        empty["input"] = json!({});
        let input = block["input"].to_string();
        (empty, json!({"type": "input_json_delta", "partial_json": input}))
    };
    let stop = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    let events = [
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": empty}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ];
    let event = |event: &Value| {
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
    };
    events.iter().map(event).collect()
}
