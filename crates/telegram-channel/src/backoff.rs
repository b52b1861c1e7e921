//! How long to leave somebody alone who did not answer.

use std::time::Duration;

/// Delays that double from failure to failure, each shortened by chance to between half and all of
/// it, so that many do not come back at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    pace: Pace,
    failures: u32,
}

/// The first delay and the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After the first failure.
    pub first: Duration,
    /// After many.
    pub most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_mins(1) }
    }
}

impl Backoff {
    /// Begins with the first delay.
    pub fn new(pace: Pace) -> Self {
        Self { pace, failures: 0 }
    }

    /// The delay before the next attempt, at least as long as was asked for.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let delay = self.pace.first.saturating_mul(1 << self.failures.min(16)).min(self.pace.most);
        self.failures += 1;
        let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        let delay = delay.mul_f64(0.5 + chance / 2.0);
        // Who says how long is believed, and not made to wait for longer by our own count.
        asked.map_or(delay, |asked| asked + self.pace.first.mul_f64(chance / 4.0))
    }

    /// Begins again with the first delay.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_minute_and_give_way_to_what_is_asked_for() {
        let mut backoff = Backoff::new(Pace::default());
        for most in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let delay = backoff.next(None).as_millis();
            assert!((most / 2..=most).contains(&delay), "{delay} of {most}");
        }
        let asked = backoff.next(Some(Duration::from_secs(7))).as_millis();
        assert!((7_000..=7_250).contains(&asked), "{asked}");
        backoff.reset();
        assert!(backoff.next(None) <= Duration::from_secs(1));
    }
}
