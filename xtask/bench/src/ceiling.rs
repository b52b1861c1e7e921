//! The ceiling: what hyper does on this machine when nothing is stored.
//!
//! It parses the message that the relay parses, answers with as many bytes, and delivers from memory. What
//! the relay takes longer is what durability, rules and the event log cost.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Serves until the process is killed.
pub async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let board = Arc::new(Board::default());
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let board = Arc::clone(&board);
        let service = service_fn(move |request| {
            let board = Arc::clone(&board);
            async move { Ok::<_, Infallible>(board.answer(request).await) }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(connection), service),
        );
    }
}

/// The open streams by agent, and the last id given.
#[derive(Default)]
struct Board {
    last: AtomicU64,
    streams: Mutex<HashMap<String, Vec<UnboundedSender<Bytes>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendMessage {
    from: String,
    to: String,
    body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: u64,
    from: String,
    to: String,
    body: String,
    kind: &'static str,
    urgency: &'static str,
    thread_id: u64,
    claimable: bool,
    payload: Empty,
    meta: Empty,
    read_by: [&'static str; 0],
    verified: bool,
    created_at: u64,
}

#[derive(Serialize)]
struct Empty {}

impl Board {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => whole(StatusCode::OK, "ok"),
            (&Method::POST, "/api/agents") => whole(StatusCode::CREATED, r#"{"token":"none"}"#),
            (&Method::POST, "/api/messages") => self.send(request).await,
            (&Method::GET, "/api/events") => self.follow(request.uri().query().unwrap_or_default()),
            _ => whole(StatusCode::NOT_FOUND, ""),
        }
    }

    async fn send(&self, request: Request<Incoming>) -> Answer {
        let Ok(body) = request.into_body().collect().await else {
            return whole(StatusCode::BAD_REQUEST, "cut off");
        };
        let sent: SendMessage = match serde_json::from_slice(&body.to_bytes()) {
            Ok(sent) => sent,
            Err(error) => return whole(StatusCode::BAD_REQUEST, error.to_string()),
        };
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let message = Message {
            id,
            from: sent.from,
            to: sent.to,
            body: sent.body,
            kind: "chat",
            urgency: "normal",
            thread_id: id,
            claimable: false,
            payload: Empty {},
            meta: Empty {},
            read_by: [],
            verified: true,
            created_at: 1_767_225_600_000,
        };
        let json = serde_json::to_string(&message).expect("a message is JSON");
        self.deliver(&message, &json);
        whole(StatusCode::CREATED, json)
    }

    fn deliver(&self, message: &Message, json: &str) {
        let streams = self.streams.lock().expect("no holder panics");
        let Some(readers) = streams.get(&message.to) else { return };
        let id = message.id;
        let event = Bytes::from(format!(
            "id: {id}\nevent: message.new\n\
             data: {{\"seq\":{id},\"name\":\"message.new\",\"message\":{json}}}\n\n"
        ));
        for reader in readers {
            let _ = reader.send(event.clone());
        }
    }

    fn follow(&self, query: &str) -> Answer {
        let agent = query.strip_prefix("for=").unwrap_or_default();
        let (sender, mut receiver) = unbounded_channel();
        let _ = sender.send(Bytes::from_static(b"event: hello\ndata: {}\n\n"));
        let mut streams = self.streams.lock().expect("no holder panics");
        streams.entry(agent.to_owned()).or_default().push(sender);
        let events = stream::poll_fn(move |context| receiver.poll_recv(context));
        let body: Events = Box::pin(events.map(|event| Ok(Frame::data(event))));
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Either::Right(StreamBody::new(body)))
            .expect("the parts are constant")
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;
type Answer = Response<Either<Full<Bytes>, StreamBody<Events>>>;

fn whole(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Either::Left(Full::new(body.into())))
        .expect("the parts are constant")
}
