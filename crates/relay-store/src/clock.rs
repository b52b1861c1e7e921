//! Where the store's time comes from: the clock that it was given, else the database's where servers
//! share one, else the machine's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use relay_core::time::{Clock, Timestamp, millis};

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
    }
}

/// The store's clock. Between two looks at the database's it goes on by the machine's.
pub(crate) struct StoreClock {
    given: Option<Arc<dyn Clock>>,
    /// How far the database's clock is ahead of the machine's.
    ahead: AtomicI64,
}

impl StoreClock {
    pub(crate) fn new(given: Option<Arc<dyn Clock>>) -> Self {
        Self { given, ahead: AtomicI64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match &self.given {
            Some(clock) => clock.now(),
            None => Timestamp(SystemClock.now().0 + self.ahead.load(Ordering::Relaxed)),
        }
    }

    /// The moment of a transaction that was told the database's time, where it has one.
    pub(crate) fn at(&self, told: Option<Timestamp>) -> Timestamp {
        if let (None, Some(told)) = (&self.given, told) {
            self.ahead.store(told.0 - SystemClock.now().0, Ordering::Relaxed);
            return told;
        }
        self.now()
    }
}
