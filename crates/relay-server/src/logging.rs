//! The log: on stderr, as text or JSON lines, without tokens, bodies and query strings.

use std::{
    io::{self, IsTerminal as _},
    net::IpAddr,
    time::Duration,
};

use http::StatusCode;
use relay_core::caller::Caller;
use tracing_subscriber::EnvFilter;

use crate::config::Log;

/// Starts logging, once for the whole program. A second call changes nothing.
pub fn init(log: &Log) {
    // The MCP library writes requests and their texts into its log; who wants that names it.
    let filter = EnvFilter::new(format!("rmcp=error,{}", log.filter));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let lines = if io::stderr().is_terminal() { lines } else { lines.with_ansi(false) };
    // Somebody who set a subscriber before us (a test, a host program) keeps it.
    let _ = if log.json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
}

/// A request that has been answered.
pub struct Answered {
    /// The route's name, never the path.
    pub route: &'static str,
    /// How it ended.
    pub status: StatusCode,
    /// How long it took to begin the answer.
    pub took: Duration,
    /// The address it came from.
    pub peer: IpAddr,
    /// Who asked, where it came to that.
    pub asker: Option<Caller>,
}

impl Answered {
    /// Writes its one line.
    pub fn log(&self) {
        let Self { route, status, took, peer, asker } = self;
        let (status, duration_ms) = (status.as_u16(), took.as_millis() as u64);
        let caller = asker.as_ref().map_or("none", kind);
        if status >= 500 {
            tracing::info!(route, status, duration_ms, %peer, caller, "request");
        } else {
            tracing::debug!(route, status, duration_ms, %peer, caller, "request");
        }
    }
}

fn kind(caller: &Caller) -> &'static str {
    match caller {
        Caller::Anonymous => "anonymous",
        Caller::Full => "full",
        Caller::Operator => "operator",
        Caller::Scoped { .. } => "scoped",
        Caller::Integration(_) => "integration",
        Caller::Agent(_) => "agent",
    }
}
