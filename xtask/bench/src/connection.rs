//! One connection on which requests and replies alternate.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::reply::Framing;

pub struct Connection {
    stream: TcpStream,
    framing: Framing,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr, framing: Framing) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, framing, buffer: Vec::with_capacity(4096) })
    }

    /// Sends one request and waits for the whole of its reply, which it returns.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(length) = self.framing.whole(&self.buffer)? {
                return Ok(&self.buffer[..length]);
            }
        }
    }
}
