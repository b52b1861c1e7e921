//! What is counted of callbacks.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// The upper bounds of the histogram, in seconds: from a receiver next door to one that hangs.
const SECONDS: [f64; 9] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The attempts so far.
#[derive(Debug)]
pub struct Attempts {
    ended: Family<Ended, Counter>,
    took: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

impl Attempts {
    /// None so far.
    pub fn new() -> Self {
        Self { ended: Family::default(), took: Histogram::new(SECONDS) }
    }

    /// Makes them part of what is printed.
    pub fn register(&self, registry: &mut Registry) {
        let ended = self.ended.clone();
        registry.register("callback_attempts", "Attempts of callbacks by how they ended", ended);
        let took = self.took.clone();
        registry.register("callback_attempt_seconds", "How long attempts of callbacks took", took);
    }

    /// Counts one.
    pub fn count(&self, result: &'static str, took: Duration) {
        self.ended.get_or_create(&Ended { result }).inc();
        self.took.observe(took.as_secs_f64());
    }

    /// How many ended so.
    pub fn ended(&self, result: &'static str) -> u64 {
        self.ended.get_or_create(&Ended { result }).get()
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_how_they_ended() {
        let (attempts, mut registry) = (Attempts::new(), Registry::with_prefix("relay"));
        attempts.register(&mut registry);
        attempts.count("delivered", Duration::from_millis(3));
        attempts.count("delivered", Duration::from_secs(20));
        attempts.count("timed_out", Duration::from_secs(10));
        assert_eq!(attempts.ended("delivered"), 2);
        let mut printed = String::new();
        prometheus_client::encoding::text::encode(&mut printed, &registry).unwrap();
        for line in [
            "relay_callback_attempts_total{result=\"delivered\"} 2",
            "relay_callback_attempts_total{result=\"timed_out\"} 1",
            "relay_callback_attempt_seconds_bucket{le=\"0.005\"} 1",
            "relay_callback_attempt_seconds_count 3",
        ] {
            assert!(printed.lines().any(|l| l == line), "{line} is not in\n{printed}");
        }
    }
}
