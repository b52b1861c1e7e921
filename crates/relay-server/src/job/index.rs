//! The full-text index follows the log when the writer has time for it. A search waits for it.

use std::time::Duration;

use relay_core::id::Seq;

use super::{on_duty, pause};
use crate::app::App;

const INTERVAL: Duration = Duration::from_secs(1);
/// How far the index may fall behind a log that never rests, so that a search has little to wait for.
const FARTHEST: i64 = 50_000;

/// Lets the index catch up once nothing was stored for an interval, or when it is far behind.
pub async fn run(app: App) {
    let (mut indexed, mut seen) = (Seq(0), Seq(0));
    while pause(&app, INTERVAL).await {
        let head = app.store.head();
        let rests = std::mem::replace(&mut seen, head) == head;
        if !is_due(indexed, head, rests) || !on_duty(&app) {
            continue;
        }
        match app.store.index().await {
            Ok(()) => indexed = head,
            Err(error) => tracing::warn!(%error, "the full-text index could not follow"),
        }
    }
}

fn is_due(indexed: Seq, head: Seq, rests: bool) -> bool {
    let behind = head.0 - indexed.0;
    behind > FARTHEST || (behind > 0 && rests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_log_is_indexed_when_it_rests_or_has_run_far_ahead() {
        assert!(!is_due(Seq(10), Seq(10), true), "nothing new");
        assert!(!is_due(Seq(10), Seq(500), false), "still busy");
        assert!(is_due(Seq(10), Seq(500), true));
        assert!(is_due(Seq(10), Seq(60_000), false));
    }
}
