use std::{collections::BTreeSet, net::Ipv4Addr, path::Path, time::Duration};

use http::StatusCode;
use relay_core::stats::{AgentCounts, CallbackCounts, MessageCounts, TaskCounts};

use super::*;

#[test]
fn what_was_counted_is_printed() {
    let metrics = Metrics::new();
    metrics.rejected(Code::NotFound);
    metrics.rejected(Code::NotFound);
    metrics.gaps.inc();
    metrics.message_accepted();
    metrics.reported(&"ops".parse().unwrap(), "opened");
    let tasks = TaskCounts { blocked: 2, ..TaskCounts::default() };
    let callbacks = CallbackCounts { waiting: 4, dead: 5 };
    let agents = AgentCounts { busy: 6, ..AgentCounts::default() };
    let messages = MessageCounts { claimed: 9, stalled: 8, ..MessageCounts::default() };
    let stored = Stats { agents, messages, tasks, callbacks, ..Stats::default() };
    let reading = Reading { ready: true, streams: 3, uptime_seconds: 7, ..Reading::default() };
    let printed = metrics.print(reading, Some(&stored));
    for line in [
        "relay_rejected_total{code=\"not_found\"} 2",
        "relay_stream_gaps_total 1",
        "relay_messages_accepted_total 1",
        "relay_ready 1",
        "relay_agents{status=\"busy\"} 6",
        "relay_claims_held 9",
        "relay_claims_stalled 8",
        "relay_streams 3",
        "relay_uptime_seconds 7",
        "relay_integration_events_total{integration=\"ops\",outcome=\"opened\"} 1",
        "relay_tasks{status=\"open\"} 0",
        "relay_tasks{status=\"blocked\"} 2",
        "relay_callbacks_waiting 4",
        "relay_callbacks_dead 5",
    ] {
        assert!(printed.lines().any(|l| l == line), "{line} is not in\n{printed}");
    }
}

/// The words in a text that name one of the relay's metrics.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("relay_"))
        .collect()
}

#[test]
fn what_the_dashboard_and_the_alerts_ask_for_is_there() {
    let metrics = Metrics::new();
    metrics.rejected(Code::StorageFull);
    metrics.reported(&"ops".parse().unwrap(), "refused");
    metrics.callbacks.count("delivered", Duration::from_millis(3));
    metrics.answered(&Answered {
        route: "/api/messages",
        status: StatusCode::CREATED,
        took: Duration::ZERO,
        peer: Ipv4Addr::LOCALHOST.into(),
        asker: None,
    });
    let printed = metrics.print(Reading::default(), Some(&Stats::default()));
    let shown = named(&printed);
    for file in ["grafana.json", "alerts.yaml", "alerts_test.yaml"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/monitoring").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let asked = named(&text);
        assert!(!asked.is_empty(), "{file} asks for nothing");
        let gone: Vec<_> = asked.difference(&shown).collect();
        assert!(gone.is_empty(), "{file} asks for {gone:?}, which is not in\n{printed}");
    }
}
