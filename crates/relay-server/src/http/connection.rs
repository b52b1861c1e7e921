//! Connections: accepted within a bound, given time-outs, and ended politely.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{dispatch, refusal::Explain, stall::Stall};
use crate::app::App;

const MOST_HEADERS: usize = 100;
const MOST_HEADER_BYTES: usize = 32 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// How long to wait when the system has no more descriptors to give.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets requests under way end, for as long as the settings allow.
pub async fn serve(app: &App, listeners: Vec<TcpListener>, stop: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(app.config.limits.connections));
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.join_next() => { note(app, ended); continue }
            accepted = accept(&listeners, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                connections.spawn(connection(
                    app.clone(),
                    stream,
                    peer.ip(),
                    graceful.watcher(),
                    slot,
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
    drop(listeners);
    app.stop();
    if tokio::time::timeout(app.config.limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "some requests did not end in time");
        connections.abort_all();
    }
    while let Some(ended) = connections.join_next().await {
        note(app, ended);
    }
}

/// The next connection on any of the listeners, once there is room for one more.
async fn accept(
    listeners: &[TcpListener],
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = poll_fn(|context| {
        let mut ready = listeners.iter().map(|listener| listener.poll_accept(context));
        ready.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await?;
    Ok((stream, peer, slot))
}

async fn connection(
    app: App,
    stream: TcpStream,
    peer: IpAddr,
    watcher: Watcher,
    _slot: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let limits = app.config.limits.clone();
    let io = TokioIo::new(Explain::new(Stall::new(stream, limits.stall_timeout)));
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(dispatch::answer(&app, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also how long a connection may idle between two requests.
        .header_read_timeout(limits.header_timeout)
        .max_headers(MOST_HEADERS)
        .max_header_size(MOST_HEADER_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

fn note(app: &App, ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        app.metrics.panics.inc();
    }
}
