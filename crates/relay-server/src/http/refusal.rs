//! The body of what hyper refuses by itself.
//!
//! A head that is no HTTP, or is too large, never becomes a request: hyper answers it with a bare
//! status. Such an answer is exchanged for one with the same body as every other refusal. It cannot
//! be mistaken: our own refusals have a body, and no JSON holds a raw line break.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use relay_core::error::{Code, Refused};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket that explains hyper's own refusals.
pub struct Explain<S> {
    inner: S,
    /// What is written instead, and how many bytes it stands for.
    instead: Option<(Bytes, usize)>,
}

impl<S> Explain<S> {
    /// Wraps a socket.
    pub fn new(inner: S) -> Self {
        Self { inner, instead: None }
    }
}

impl<S: AsyncWrite + Unpin> Explain<S> {
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Option<Poll<io::Result<usize>>> {
        let (text, stands_for) = self.instead.as_mut()?;
        while text.has_remaining() {
            match Pin::new(&mut self.inner).poll_write(context, text) {
                Poll::Ready(Ok(0)) => {
                    return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into())));
                }
                Poll::Ready(Ok(written)) => text.advance(written),
                other => return Some(other),
            }
        }
        let stood_for = *stands_for;
        self.instead = None;
        Some(Poll::Ready(Ok(stood_for)))
    }

    fn take_over(&mut self, bytes: &[u8]) {
        if self.instead.is_none() {
            self.instead = explained(bytes).map(|text| (text, bytes.len()));
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take_over(bytes);
        match self.poll_instead(context) {
            Some(written) => written,
            None => Pin::new(&mut self.inner).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take_over(slices.first().map_or(&[], |first| first));
        match self.poll_instead(context) {
            Some(written) => written,
            None => Pin::new(&mut self.inner).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(written) = self.poll_instead(context) {
            ready!(written)?;
        }
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Explain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

/// The answer that stands in the place of a bare refusal.
fn explained(bytes: &[u8]) -> Option<Bytes> {
    let head = bytes.strip_prefix(b"HTTP/1.").filter(|rest| rest.get(1..3) == Some(b" 4"))?;
    let head = std::str::from_utf8(head).ok()?;
    let (status, headers) = head.get(2..)?.split_once("\r\n")?;
    if !headers.contains("content-length: 0\r\n") {
        return None;
    }
    let body = serde_json::to_string(&refused(status).to_body()).ok()?;
    Some(Bytes::from(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )))
}

fn refused(status: &str) -> Refused {
    match status.get(..3) {
        Some("414") => Refused::new(Code::UriTooLong, "the address is longer than 8 KiB"),
        Some("431") => Refused::new(Code::InvalidRequest, "the headers are too many or too large")
            .hint("at most 100 headers and 32 KiB together"),
        Some("408") => Refused::new(Code::RequestTimeout, "the request did not arrive in time"),
        _ => Refused::new(Code::InvalidRequest, "the request is not well-formed HTTP/1.1")
            .hint("look at the request line, the headers and the framing of the body"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn a_bare_refusal_gets_a_body_and_everything_else_passes() {
        let write = async |bytes: &'static str| {
            let mut socket = Explain::new(Vec::new());
            socket.write_all(bytes.as_bytes()).await.unwrap();
            String::from_utf8(socket.inner).unwrap()
        };
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let explained = write(bare).await;
        assert!(explained.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
        assert!(
            explained.contains("\r\n\r\n{\"error\":{\"code\":\"invalid_request\""),
            "{explained}"
        );
        for own in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 4",
            "{\"body\":\"HTTP/1.1 400 Bad Request\\r\\ncontent-length: 0\\r\\n\"}",
            "",
        ] {
            assert_eq!(write(own).await, own);
        }
    }
}
