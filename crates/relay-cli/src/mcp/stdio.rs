//! The server on standard input and output, for the client that started it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rmcp::{
    model::ProtocolVersion,
    service::serve_server_with_ct,
    transport::{async_rw::AsyncRwTransport, io::stdio_pipes},
};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::{
    server::Server,
    who::{Local, Who},
};
use crate::{failure::Failure, signal::Signals};

/// More than any call takes: a text of 64 KiB whose every character is escaped.
const MOST_LINE_BYTES: usize = 4 << 20;
/// How long the end may take: the agents that were registered here say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// Serves until the client closes its end, or a signal asks to stop.
pub async fn serve(local: Local, mut signals: Signals) -> Result<(), Failure> {
    let who = Arc::new(Who::Local(Box::new(local)));
    let (gone, stop) = (CancellationToken::new(), CancellationToken::new());
    let server = Server::new(Arc::clone(&who), gone.clone(), ProtocolVersion::KNOWN_VERSIONS);
    let (input, output) = stdio_pipes();
    let transport = AsyncRwTransport::new_server(Watched { input, gone: gone.clone() }, output)
        .with_max_line_length(MOST_LINE_BYTES);
    let serving = async {
        match Box::pin(serve_server_with_ct(server, transport, stop.clone())).await {
            Ok(running) => drop(running.waiting().await),
            Err(error) => tracing::debug!(%error, "the client never said who it is"),
        }
    };
    tokio::select! {
        () = serving => {}
        () = signals.next() => stop.cancel(),
    }
    gone.cancel();
    if let Who::Local(local) = who.as_ref() {
        local.close(FAREWELL).await;
    }
    Ok(())
}

/// Standard input, whose end is noticed at once: who waits for mail then waits for nobody.
struct Watched<R> {
    input: R,
    gone: CancellationToken,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.input).poll_read(context, buffer);
        let ended = match &read {
            Poll::Ready(Ok(())) => buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.gone.cancel();
        }
        read
    }
}
