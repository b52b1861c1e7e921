//! A server that answers what a test tells it to, byte for byte.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::http::Relay;

/// What happens to a connection after its request was read.
pub(crate) enum Answer {
    /// The bytes are written, then the connection is closed.
    Close(Vec<u8>),
    /// The bytes are written, then nothing happens any more.
    Hold(Vec<u8>),
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with(status, "", body)
    }

    /// An answer with further header lines, each ended by CRLF.
    pub(crate) fn with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Close(
            format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}\
                 content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }

    pub(crate) fn refusal(status: u16, code: &str) -> Self {
        Self::json(status, &format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#))
    }
}

type Script = dyn Fn(usize, &str) -> Answer + Send + Sync;

/// A running script. Each connection carries one request; its number counts from 0.
pub(crate) struct Scripted {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    pub(crate) async fn start(
        script: impl Fn(usize, &str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(usize, &str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(script), Arc::clone(&requests)));
        Self { url, requests, _tasks: tasks }
    }

    pub(crate) fn relay(&self) -> Relay {
        Relay::new(&self.url, Some("t0ken")).unwrap()
    }

    /// The requests so far, each with its head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>, requests: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (script, requests) = (Arc::clone(&script), Arc::clone(&requests));
        connections.spawn(async move { serve(stream, &*script, &requests).await });
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &Script,
    requests: &Mutex<Vec<String>>,
) -> Option<()> {
    let request = read(&mut stream).await?;
    let number = {
        let mut requests = requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    let (bytes, hold) = match script(number, &request) {
        Answer::Close(bytes) => (bytes, false),
        Answer::Hold(bytes) => (bytes, true),
    };
    stream.write_all(&bytes).await.ok()?;
    stream.flush().await.ok()?;
    if hold {
        std::future::pending::<()>().await;
    }
    stream.shutdown().await.ok()
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
