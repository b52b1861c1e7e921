//! HTTP as bytes on a socket: the tables say what is sent, down to the last byte.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// 0 where the connection was closed without an answer.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body; of a stream, its first frame.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn is_stream(&self) -> bool {
        self.status == 200
            && self
                .header("content-type")
                .is_some_and(|media| media.starts_with("text/event-stream"))
    }
}

/// One end of a connection.
pub struct Socket {
    reading: OwnedReadHalf,
    read: Vec<u8>,
    /// Writing goes on while answers are read. The half stays here: dropping it would close it.
    _writing: JoinHandle<io::Result<OwnedWriteHalf>>,
}

impl Socket {
    /// Connects and starts to send; `pause` lies between two bytes.
    pub async fn send(
        address: SocketAddr,
        bytes: Vec<u8>,
        half_close: bool,
        pause: Option<Duration>,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reading, mut writing) = stream.into_split();
        let task = tokio::spawn(async move {
            match pause {
                None => writing.write_all(&bytes).await?,
                Some(pause) => drip(&mut writing, &bytes, pause).await?,
            }
            if half_close {
                writing.shutdown().await?;
            }
            Ok(writing)
        });
        Ok(Self { reading, read: Vec::new(), _writing: task })
    }

    /// Reads the next answer; interim ones are passed over. `bare` answers have no body, whatever
    /// their headers announce.
    pub async fn answer(&mut self, bare: bool) -> Answer {
        loop {
            let Some(head) = self.through(b"\r\n\r\n").await else { return Answer::default() };
            let head = String::from_utf8_lossy(&head).into_owned();
            let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
            let mut answer = Answer { status, head, body: Vec::new() };
            if (100..200).contains(&status) {
                continue;
            }
            if !bare && !matches!(status, 204 | 304) {
                answer.body = self.body(&answer).await;
            }
            return answer;
        }
    }

    /// Reads the next frame of a stream; empty at its end.
    pub async fn frame(&mut self) -> String {
        let frame = self.through(b"\n\n").await.unwrap_or_default();
        String::from_utf8_lossy(&frame).into_owned()
    }

    /// Reads all that comes until the other side closes, or begins a stream.
    pub async fn everything(&mut self) -> Vec<u8> {
        let hello = b"event: hello";
        while !self.read.windows(hello.len()).any(|part| part == hello) && self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Waits until the other side closes.
    pub async fn closed(&mut self) {
        while self.more().await {}
    }

    async fn body(&mut self, answer: &Answer) -> Vec<u8> {
        if answer.is_stream() {
            return self.frame().await.into_bytes();
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunks().await;
        }
        if let Some(length) = answer.header("content-length") {
            return self.exactly(length.parse().expect("a length")).await;
        }
        self.closed().await;
        std::mem::take(&mut self.read)
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(line) = self.through(b"\r\n").await {
            let line = String::from_utf8_lossy(&line).into_owned();
            let size = usize::from_str_radix(line.trim(), 16).expect("a chunk's size");
            body.extend(self.exactly(size).await);
            self.through(b"\r\n").await;
            if size == 0 {
                break;
            }
        }
        body
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length && self.more().await {}
        let length = length.min(self.read.len());
        self.read.drain(..length).collect()
    }

    async fn through(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                return Some(self.read.drain(..at + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// A reset is an end like any other.
    async fn more(&mut self) -> bool {
        self.reading.read_buf(&mut self.read).await.is_ok_and(|count| count > 0)
    }
}

/// Sends one byte at a time, and goes on with a header that never ends.
async fn drip(writing: &mut OwnedWriteHalf, bytes: &[u8], pause: Duration) -> io::Result<()> {
    let mut ticks = tokio::time::interval(pause);
    for byte in bytes.iter().chain(std::iter::repeat(&b'x')) {
        ticks.tick().await;
        writing.write_all(&[*byte]).await?;
    }
    Ok(())
}
