//! The targets, and whether this run met them.

use serde_json::{Value, json};

use crate::contender::Contender::{Ceiling, Relay};
use crate::figure::{Figures, number};
use crate::name;

/// One target: what was seen, and what it should be.
pub struct Verdict {
    text: String,
    met: bool,
}

impl Verdict {
    /// All the targets whose figures were measured here.
    pub fn all(figures: &Figures) -> Vec<Self> {
        let relay = |name| figures.median(name, Relay);
        let to_ceiling = |name| Some(relay(name)? / figures.median(name, Ceiling)?);
        let stalled = || Some(relay(name::P99_STALLED)? / relay(name::P99_HEALTHY)?);
        [
            Self::at_least(
                "throughput at 64 connections, share of the ceiling (aim 0.5)",
                to_ceiling(name::THROUGHPUT_64),
                0.2,
            ),
            Self::at_most("delivery p99, times the ceiling's", to_ceiling(name::DELIVERY_P99), 5.0),
            Self::at_most("start with a new database, ms", relay(name::START_NEW), 50.0),
            Self::at_most(
                "start with a database that is there, ms",
                relay(name::START_AGAIN),
                50.0,
            ),
            Self::at_most("idle memory, MiB", relay(name::IDLE), 20.0),
            Self::at_most("agent-relay send, ms", relay(name::SEND), 15.0),
            Self::at_most(
                "healthy p99 beside 50 stalled readers, times that without",
                stalled(),
                1.5,
            ),
            Self::at_most("memory growth by 50 stalled readers, MiB", relay(name::GROWTH), 64.0),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub fn met(&self) -> bool {
        self.met
    }

    pub fn line(&self) -> String {
        format!("{}  {}", if self.met { "met   " } else { "MISSED" }, self.text)
    }

    pub fn json(&self) -> Value {
        json!({ "target": self.text, "met": self.met })
    }

    fn at_least(what: &str, seen: Option<f64>, bound: f64) -> Option<Self> {
        let seen = seen?;
        let text = format!("{what}: {} (at least {bound})", number(seen));
        Some(Self { text, met: seen >= bound })
    }

    fn at_most(what: &str, seen: Option<f64>, bound: f64) -> Option<Self> {
        let seen = seen?;
        let text = format!("{what}: {} (at most {bound})", number(seen));
        Some(Self { text, met: seen <= bound })
    }
}
