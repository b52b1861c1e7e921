//! Who is called back: notes what arrives, and answers with one status until it is told another.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
        mpsc::{Receiver as Arrivals, Sender, channel},
    },
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::PATIENCE;

/// A program on a port of its own.
pub struct Receiver {
    pub url: String,
    status: Arc<AtomicU16>,
    arrivals: Arrivals<Arrival>,
}

/// What was posted to it.
#[derive(Debug)]
pub struct Arrival {
    pub headers: HeaderMap,
    pub text: String,
}

impl Arrival {
    /// What was posted, as JSON.
    pub fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Receiver {
    /// One that answers everything with this status.
    pub fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let (send, arrivals) = channel();
        let answer = Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, send) = (Arc::clone(&answer), send.clone());
                std::thread::spawn(move || serve(stream, &answer, &send));
            }
        });
        Self { url, status, arrivals }
    }

    /// Answers with another status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The next thing that arrives.
    pub fn next(&self) -> Arrival {
        self.arrivals.recv_timeout(PATIENCE).expect("something is posted")
    }

    /// Whether nothing more has arrived so far.
    pub fn is_quiet(&self) -> bool {
        self.arrivals.try_recv().is_err()
    }
}

/// Reads requests off one connection until it is closed.
fn serve(stream: TcpStream, status: &AtomicU16, arrivals: &Sender<Arrival>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let headers = head(&mut reader)?;
        let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let answer = status.load(Ordering::SeqCst);
        arrivals.send(Arrival { headers, text: String::from_utf8(body).ok()? }).ok()?;
        let answer = format!("HTTP/1.1 {answer} X\r\ncontent-length: 0\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}

fn head(reader: &mut BufReader<TcpStream>) -> Option<HeaderMap> {
    let mut lines = reader.lines().map_while(Result::ok);
    lines.next()?;
    let fields = lines.take_while(|line| !line.is_empty());
    let field = |line: String| {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    };
    fields.map(field).collect()
}
