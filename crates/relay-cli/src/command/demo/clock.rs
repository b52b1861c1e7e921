//! The clock of the demo's relay: it begins an hour ago, so that there is a past to look at.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use relay_core::time::{Clock, Timestamp};
use relay_store::SystemClock;

const MINUTE_MS: i64 = 60_000;

/// A clock that is behind, and only ever catches up.
#[derive(Clone, Debug)]
pub struct Behind(Arc<AtomicI64>);

impl Behind {
    /// A clock that is behind by so many minutes.
    pub fn by(minutes: i64) -> Self {
        Self(Arc::new(AtomicI64::new(Self::minutes(minutes))))
    }

    /// How far it is behind, in milliseconds.
    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets it be behind by no more than so much.
    pub fn catch_up(&self, ms: i64) {
        self.0.fetch_min(ms.max(0), Ordering::Relaxed);
    }

    /// Minutes, as the story counts them, in milliseconds.
    pub fn minutes(minutes: i64) -> i64 {
        minutes * MINUTE_MS
    }
}

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 - self.ms())
    }
}
