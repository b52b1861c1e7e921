//! What `GET /metrics` counts.

pub mod callback;

use std::{fmt, sync::atomic::AtomicI64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use relay_core::{error::Code, id::AgentId, stats::Stats};
use relay_store::WriterMetrics;

use crate::logging::Answered;

/// Every count, and the registry that prints them.
pub struct Metrics {
    /// Frames that told a reader of pruned events.
    pub gaps: Counter,
    /// Streams that fell behind and went back to the log.
    pub lagged: Counter,
    /// Wrong tokens.
    pub auth_failures: Counter,
    /// Tasks and handlers that panicked.
    pub panics: Counter,
    /// Attempts of callbacks.
    pub callbacks: callback::Attempts,
    accepted: Counter,
    rejected: Family<Rejection, Counter>,
    requests: Family<Request, Counter>,
    events: Family<Reported, Counter>,
    agents: Family<ByStatus, Gauge<i64, AtomicI64>>,
    tasks: Family<ByStatus, Gauge<i64, AtomicI64>>,
    gauges: Gauges,
    registry: Registry,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rejection {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u16,
}

/// An integration is one of the settings', so there are as many as those name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reported {
    integration: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: &'static str,
}

/// What is read off at the moment of printing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Whether it can store.
    pub ready: bool,
    /// The writer's own numbers.
    pub writer: WriterMetrics,
    /// Streams open.
    pub streams: usize,
    /// Bytes waiting for streams.
    pub buffered_bytes: usize,
    /// Committed events that the fan-out has not handed out yet.
    pub fanout_lag: i64,
    /// Seconds since the start.
    pub uptime_seconds: u64,
}

#[derive(Default)]
struct Gauges {
    ready: Gauge<i64, AtomicI64>,
    claims_held: Gauge<i64, AtomicI64>,
    claims_stalled: Gauge<i64, AtomicI64>,
    commits: Gauge<i64, AtomicI64>,
    commands: Gauge<i64, AtomicI64>,
    queue_depth: Gauge<i64, AtomicI64>,
    commit_micros: Gauge<i64, AtomicI64>,
    wal_bytes: Gauge<i64, AtomicI64>,
    streams: Gauge<i64, AtomicI64>,
    buffered: Gauge<i64, AtomicI64>,
    fanout_lag: Gauge<i64, AtomicI64>,
    callbacks_waiting: Gauge<i64, AtomicI64>,
    callbacks_dead: Gauge<i64, AtomicI64>,
    uptime: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            gaps: Counter::default(),
            lagged: Counter::default(),
            auth_failures: Counter::default(),
            panics: Counter::default(),
            callbacks: callback::Attempts::new(),
            accepted: Counter::default(),
            rejected: Family::default(),
            requests: Family::default(),
            events: Family::default(),
            agents: Family::default(),
            tasks: Family::default(),
            gauges: Gauges::default(),
            registry: Registry::with_prefix("relay"),
        };
        metrics.register();
        // A rate cannot see a series begin: the first of these must not go unnoticed.
        for code in [Code::StorageFull, Code::StorageFailed, Code::OutcomeUnknown, Code::Overloaded]
        {
            let _ = metrics.rejected.get_or_create(&Rejection { code: code.as_str() });
        }
        metrics
    }

    fn register(&mut self) {
        let Self { registry, gauges, .. } = self;
        let counters = [
            ("messages_accepted", "Messages stored", &self.accepted),
            ("stream_gaps", "Gap frames sent to readers of pruned events", &self.gaps),
            ("stream_lagged", "Streams that fell behind and went back to the log", &self.lagged),
            ("auth_failures", "Wrong tokens", &self.auth_failures),
            ("panics", "Tasks and handlers that panicked", &self.panics),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register("requests", "Requests by route and status", self.requests.clone());
        registry.register("rejected", "Refusals by error code", self.rejected.clone());
        self.callbacks.register(registry);
        let what = "Events that integrations posted, by what became of them";
        registry.register("integration_events", what, self.events.clone());
        registry.register("agents", "Agents, by status", self.agents.clone());
        registry.register("tasks", "Tasks that are not finished, by status", self.tasks.clone());
        let gauges = [
            ("ready", "1 while it can store, else 0", &gauges.ready),
            ("claims_held", "Claimable messages in somebody's hands", &gauges.claims_held),
            (
                "claims_stalled",
                "Claims held for 15 minutes or longer without an end",
                &gauges.claims_stalled,
            ),
            ("commits", "Commits since the start", &gauges.commits),
            ("commit_commands", "Commands committed since the start", &gauges.commands),
            (
                "commit_microseconds",
                "Microseconds spent on commits since the start",
                &gauges.commit_micros,
            ),
            ("queue_depth", "Commands waiting for the writer", &gauges.queue_depth),
            ("wal_bytes", "Size of the write-ahead log", &gauges.wal_bytes),
            ("streams", "Streams open", &gauges.streams),
            ("stream_buffered_bytes", "Bytes waiting for streams", &gauges.buffered),
            ("fanout_lag", "Events committed and not handed out yet", &gauges.fanout_lag),
            ("callbacks_waiting", "Callbacks waiting to be sent", &gauges.callbacks_waiting),
            ("callbacks_dead", "Callbacks given up on", &gauges.callbacks_dead),
            ("uptime_seconds", "Seconds since the start", &gauges.uptime),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
    }

    /// Counts an answer.
    pub fn answered(&self, answered: &Answered) {
        let status = answered.status.as_u16();
        self.requests.get_or_create(&Request { route: answered.route, status }).inc();
    }

    /// Counts a message that was stored.
    pub fn message_accepted(&self) {
        self.accepted.inc();
    }

    /// Counts an event of an integration.
    pub fn reported(&self, integration: &AgentId, outcome: &'static str) {
        let labels = Reported { integration: integration.to_string(), outcome };
        self.events.get_or_create(&labels).inc();
    }

    /// Counts a refusal.
    pub fn rejected(&self, code: Code) {
        self.rejected.get_or_create(&Rejection { code: code.as_str() }).inc();
    }

    /// The Prometheus text, with what the store counted where it could be asked.
    pub fn print(&self, reading: Reading, stored: Option<&Stats>) -> String {
        let gauges = &self.gauges;
        gauges.ready.set(i64::from(reading.ready));
        gauges.commits.set(whole(reading.writer.commits));
        gauges.commands.set(whole(reading.writer.commands));
        gauges.queue_depth.set(whole(reading.writer.queue_depth));
        gauges.commit_micros.set(whole(reading.writer.commit_micros));
        gauges.wal_bytes.set(whole(reading.writer.wal_bytes));
        gauges.streams.set(reading.streams as i64);
        gauges.buffered.set(reading.buffered_bytes as i64);
        gauges.fanout_lag.set(reading.fanout_lag);
        gauges.uptime.set(whole(reading.uptime_seconds));
        if let Some(stored) = stored {
            self.read(stored);
        }
        let mut printed = String::new();
        text::encode(&mut printed, &self.registry).expect("text is written to memory");
        printed
    }

    fn read(&self, stored: &Stats) {
        let Stats { agents, messages, tasks, callbacks, .. } = stored;
        for (status, count) in [
            ("idle", agents.idle),
            ("busy", agents.busy),
            ("waiting", agents.waiting),
            ("offline", agents.offline),
        ] {
            self.agents.get_or_create(&ByStatus { status }).set(whole(count));
        }
        self.gauges.claims_held.set(whole(messages.claimed));
        self.gauges.claims_stalled.set(whole(messages.stalled));
        for (status, count) in [
            ("open", tasks.open),
            ("claimed", tasks.claimed),
            ("in_progress", tasks.in_progress),
            ("blocked", tasks.blocked),
        ] {
            self.tasks.get_or_create(&ByStatus { status }).set(whole(count));
        }
        self.gauges.callbacks_waiting.set(whole(callbacks.waiting));
        self.gauges.callbacks_dead.set(whole(callbacks.dead));
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests;
