//! The reaper: who was not heard of is offline, who is long offline is removed, and what they held
//! is open again.

use std::time::Duration;

use relay_core::time::Timestamp;
use relay_store::{StoreError, WriterState};
use tokio::time::Instant;

use super::{on_duty, pause};
use crate::app::App;

/// How often lapsed leases and invitations are looked for.
const LEASES: Duration = Duration::from_secs(4);

/// Reaps at the interval that the settings name.
pub async fn run(app: App) {
    let mut clocks = Clocks::new(app.store.now(), Instant::now());
    while pause(&app, app.config.reap_interval).await {
        let in_grace = clocks.in_grace(app.store.now(), Instant::now(), app.config.stale_ttl);
        if in_grace || !on_duty(&app) {
            continue;
        }
        if let Err(error) = run_once(&app).await {
            tracing::warn!(%error, "could not look for stale agents");
        }
    }
}

/// One look.
pub async fn run_once(app: &App) -> Result<(), StoreError> {
    let reaped = app.store.reap(app.config.stale_ttl, app.config.offline_prune).await?;
    tracing::debug!(?reaped, "looked for stale agents");
    Ok(())
}

/// Opens lapsed claims again, ends invitations that nobody answered, and tries whether a store that failed can store again.
pub async fn run_leases(app: App) {
    let mut clocks = Clocks::new(app.store.now(), Instant::now());
    while pause(&app, LEASES).await {
        if app.store.state() != WriterState::Ready {
            // What comes of it shows in the state.
            let _ = app.store.probe().await;
        }
        let in_grace = clocks.in_grace(app.store.now(), Instant::now(), app.config.stale_ttl);
        if in_grace || !on_duty(&app) {
            continue;
        }
        if let Err(error) = run_leases_once(&app).await {
            tracing::warn!(%error, "could not look for lapsed claims and invitations");
        }
    }
}

/// One look: returns how many claims opened again and invitations expired.
pub async fn run_leases_once(app: &App) -> Result<u64, StoreError> {
    Ok(app.store.release_lapsed().await? + app.store.expire_pairs().await?)
}

/// Watches the wall clock against the one that cannot be set. When the first jumps ahead (a laptop
/// woke up, somebody set the time), agents seem silent that had no chance to speak.
struct Clocks {
    wall: Timestamp,
    steady: Instant,
    grace_until: Option<Instant>,
}

impl Clocks {
    fn new(wall: Timestamp, steady: Instant) -> Self {
        Self { wall, steady, grace_until: None }
    }

    /// True while agents are given `span` to be heard of again.
    fn in_grace(&mut self, wall: Timestamp, steady: Instant, span: Duration) -> bool {
        let ahead = wall.since(self.wall).saturating_sub(steady.duration_since(self.steady));
        (self.wall, self.steady) = (wall, steady);
        if ahead > span {
            tracing::warn!(ahead_ms = ahead.as_millis() as u64, "the clock has jumped ahead");
            self.grace_until = Some(steady + span);
        }
        self.grace_until.is_some_and(|until| steady < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(2);
    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_jump_ahead_gives_everybody_one_span_of_grace() {
        let (wall, steady) = (Timestamp(1_000_000), Instant::now());
        let mut clocks = Clocks::new(wall, steady);
        let minute = Duration::from_mins(1);
        assert!(!clocks.in_grace(wall.plus(minute), steady + minute, TTL));
        let jumped = wall.plus(minute * 2 + HOUR);
        assert!(clocks.in_grace(jumped, steady + minute * 2, TTL));
        assert!(clocks.in_grace(jumped.plus(minute), steady + minute * 3, TTL));
        assert!(!clocks.in_grace(jumped.plus(minute * 2), steady + minute * 4, TTL));
    }

    #[tokio::test]
    async fn a_jump_back_and_a_slow_machine_are_no_jump_ahead() {
        let (wall, steady) = (Timestamp(1_000_000_000), Instant::now());
        let mut clocks = Clocks::new(wall, steady);
        assert!(!clocks.in_grace(wall.minus(HOUR), steady + TTL, TTL));
        assert!(!clocks.in_grace(wall, steady + TTL + HOUR, TTL), "set right again");
    }
}
