//! Health: a word for supervisors, details for people.

use relay_core::{
    stats::{Check, Health},
    version::VERSION,
};
use relay_store::WriterState;

use crate::app::App;

/// Events that may be committed and not handed out yet before that is called unwell.
const MOST_LAG: i64 = 10_000;

/// `GET /ready`: the word for yes, or the one for why not. It does not touch the database.
pub fn readiness(app: &App) -> Result<&'static str, &'static str> {
    if app.is_leaving() {
        return Err("stopping");
    }
    match app.store.state() {
        WriterState::Ready if app.store.reduced().is_some() => Ok("ready, durability reduced"),
        WriterState::Ready => Ok("ready"),
        WriterState::Full => Err("full"),
        WriterState::Failed(_) => Err("failed"),
        WriterState::Closed => Err("closed"),
    }
}

/// `GET /api/health`
pub async fn details(app: &App) -> Health {
    let mut checks = app.store.checks().await;
    checks.extend([streams(app), fanout(app), dashboard(app)]);
    Health { ok: checks.iter().all(|check| check.ok), version: VERSION.to_owned(), checks }
}

fn streams(app: &App) -> Check {
    let (open, most) = (app.streams.count(), app.config.limits.streams);
    Check {
        name: "streams".to_owned(),
        ok: open < most,
        detail: format!("{open} of at most {most} streams are open"),
    }
}

/// A relay without its page is well; whoever misses the page reads here why.
fn dashboard(app: &App) -> Check {
    Check { name: "dashboard".to_owned(), ok: true, detail: app.dashboard.describe() }
}

fn fanout(app: &App) -> Check {
    let reading = app.reading();
    Check {
        name: "fanout".to_owned(),
        ok: reading.fanout_lag <= MOST_LAG,
        detail: format!(
            "{} events not handed out yet, {} bytes waiting for streams",
            reading.fanout_lag.max(0),
            reading.buffered_bytes
        ),
    }
}
