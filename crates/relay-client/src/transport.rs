//! How the event stream travels: eventsource-client over our own HTTP client.
//!
//! What eventsource-client leaves open is closed here: a stream that falls silent ends, and a frame
//! without an end is not buffered for ever.

use std::{io, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use launchdarkly_sdk_transport::{
    ByteStream, HttpTransport, Request, ResponseFuture, TransportError,
};
use reqwest::{Method, Url};
use sync_wrapper::{SyncFuture, SyncStream};
use tokio::time::timeout;

/// Larger than any frame of a relay: a request is 1 MiB at most.
const MOST_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// Requests that end when nothing arrives for `silence`.
#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) client: reqwest::Client,
    pub(crate) silence: Duration,
}

impl HttpTransport for Transport {
    fn request(&self, request: Request<Option<Bytes>>) -> ResponseFuture {
        let Self { client, silence } = self.clone();
        Box::pin(SyncFuture::new(open(client, silence, request)))
    }
}

type Response = launchdarkly_sdk_transport::Response<ByteStream>;

async fn open(
    client: reqwest::Client,
    silence: Duration,
    request: Request<Option<Bytes>>,
) -> Result<Response, TransportError> {
    let (parts, _) = request.into_parts();
    let url = Url::parse(&parts.uri.to_string())
        .map_err(io::Error::other)
        .map_err(TransportError::new)?;
    let sent = client.request(Method::GET, url).headers(parts.headers).send();
    let answer = timeout(silence, sent)
        .await
        .map_err(|_| TransportError::new(silent(silence)))?
        .map_err(TransportError::new)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let chunks = watched(answer.bytes_stream(), silence);
    let mut response = Response::new(Box::pin(SyncStream::new(chunks)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn silent(silence: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("nothing arrived for {} s", silence.as_secs()))
}

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// Passes chunks on, and ends with an error after `silence` or in the middle of an endless frame.
fn watched(
    chunks: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    silence: Duration,
) -> impl Stream<Item = Result<Bytes, TransportError>> + Send {
    let chunks: Chunks = Box::pin(chunks);
    stream::unfold(Some((chunks, Frame::default())), move |state| async move {
        let (mut chunks, mut frame) = state?;
        match timeout(silence, chunks.next()).await {
            Ok(None) => None,
            Ok(Some(Err(error))) => Some((Err(TransportError::new(error)), None)),
            Err(_) => Some((Err(TransportError::new(silent(silence))), None)),
            Ok(Some(Ok(chunk))) if frame.grows_too_large(&chunk) => {
                let error = io::Error::new(io::ErrorKind::InvalidData, "a frame has no end");
                Some((Err(TransportError::new(error)), None))
            }
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some((chunks, frame)))),
        }
    })
}

/// How much has come since the last empty line, which ends a frame.
#[derive(Default)]
struct Frame {
    bytes: usize,
    line_is_empty: bool,
}

impl Frame {
    fn grows_too_large(&mut self, chunk: &[u8]) -> bool {
        for byte in chunk {
            match byte {
                b'\n' if self.line_is_empty => self.bytes = 0,
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                _ => {
                    self.line_is_empty = false;
                    self.bytes += 1;
                }
            }
        }
        self.bytes > MOST_FRAME_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_at_an_empty_line() {
        let mut frame = Frame::default();
        let half = vec![b'x'; MOST_FRAME_BYTES / 2 + 1];
        assert!(!frame.grows_too_large(&half));
        assert!(!frame.grows_too_large(b"\r\n\r\n"));
        assert!(!frame.grows_too_large(&half));
        assert!(!frame.grows_too_large(b"\n:"), "one line end is no frame's end");
        assert!(frame.grows_too_large(&half));
    }
}
