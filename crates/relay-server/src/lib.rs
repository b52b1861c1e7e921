//! The Agent Relay server: HTTP in, events out.
//!
//! A request passes the guards against foreign web pages, tells who it is, finds its route in the
//! one enum of `relay_core`, and reaches a handler of its noun, which asks the store. What the
//! store committed comes back through its feed, is handed to those it concerns by the [`fanout`],
//! and leaves through the [streams](sse).
//!
//! To add a noun: its routes in core; the compiler then asks for an arm in `http/dispatch.rs` and
//! one in `http/openapi.rs`; its handlers go to `handler/`.

mod app;
mod bind;
pub mod callback;
pub mod config;
pub mod fanout;
pub mod http;
pub mod integration;
pub mod job;
pub mod logging;
pub mod metrics;
pub mod sse;
#[cfg(feature = "testing")]
pub mod testing;

mod handler;

use std::future::Future;

use tokio::net::TcpListener;

pub use app::{App, Inner};
pub use bind::{BindError, bind};
pub use config::Config;
pub use http::openapi::document as openapi;

/// Serves until `shutdown` resolves, then tells the streams, lets requests under way end and closes
/// the store. All of it takes less than five seconds.
pub async fn serve(listeners: Vec<TcpListener>, app: App, shutdown: impl Future<Output = ()>) {
    for warning in &app.config.warnings {
        tracing::warn!("{warning}");
    }
    let mut jobs = job::start(&app);
    http::connection::serve(&app, listeners, shutdown).await;
    while let Some(ended) = jobs.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            app.metrics.panics.inc();
        }
    }
    app.close().await;
}
