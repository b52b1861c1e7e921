//! Reading an event stream for one thing only: when each marked message arrived.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::agents::Agent;
use crate::reply::find;
use crate::request::{self, MARK, MARK_DIGITS};

/// An open stream of one agent's events.
pub struct Stream {
    connection: TcpStream,
    buffer: Vec<u8>,
}

impl Stream {
    /// Opens the stream and reads until the server's `hello`.
    pub async fn open(address: SocketAddr, agent: &Agent) -> io::Result<Self> {
        let connection = TcpStream::connect(address).await?;
        Self::begin(connection, agent).await
    }

    /// As [`Stream::open`], with next to no room in the kernel for what is not read.
    pub async fn open_narrow(address: SocketAddr, agent: &Agent) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        Self::begin(socket.connect(address).await?, agent).await
    }

    async fn begin(mut connection: TcpStream, agent: &Agent) -> io::Result<Self> {
        connection.set_nodelay(true)?;
        connection.write_all(&request::follow(&agent.token, &agent.id)).await?;
        let mut stream = Self { connection, buffer: Vec::with_capacity(4096) };
        while find(&stream.buffer, b"event: hello").is_none() {
            stream.read().await?;
            if stream.buffer.starts_with(b"HTTP/1.1 ") && stream.buffer.get(9) != Some(&b'2') {
                let text = String::from_utf8_lossy(&stream.buffer).into_owned();
                return Err(io::Error::other(format!("the stream was refused: {text}")));
            }
        }
        stream.buffer.clear();
        Ok(stream)
    }

    /// Waits for bytes and hands over the sending moment of every message in them.
    pub async fn arrivals(&mut self, mut arrived: impl FnMut(Duration)) -> io::Result<()> {
        self.read().await?;
        let mut done = 0;
        while let Some(place) = find(&self.buffer[done..], MARK) {
            let digits = done + place + MARK.len();
            let Some(text) = self.buffer.get(digits..digits + MARK_DIGITS) else { break };
            let nanoseconds = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            arrived(Duration::from_nanos(nanoseconds.ok_or(io::ErrorKind::InvalidData)?));
            done = digits + MARK_DIGITS;
        }
        // A mark may be cut in two by the end of a read: keep as much as a cut one could be.
        let keep = self.buffer.len().saturating_sub(MARK.len() + MARK_DIGITS).max(done);
        self.buffer.drain(..keep);
        Ok(())
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.connection.read_buf(&mut self.buffer).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream was closed")),
            _ => Ok(()),
        }
    }
}
