//! How channels read: a table.

use relay_core::{channel::Channel, time::Timestamp};

use super::{inline, table};
use crate::input::short;

/// Channels as a table, in the order they came.
pub fn list(channels: &[Channel], now: Timestamp) -> String {
    let header = ["channel", "type", "name", "status", "carries", "seen"];
    table(&header, channels.iter().map(|channel| row(channel, now)))
}

fn row(channel: &Channel, now: Timestamp) -> Vec<String> {
    vec![
        channel.id.to_string(),
        channel.bridge.kind.to_string(),
        inline(&channel.bridge.name),
        channel.status.to_string(),
        bindings(channel),
        format!("{} ago", short(now.since(channel.last_seen_at))),
    ]
}

/// Which conversation there is with whom here; a dash where none is.
fn bindings(channel: &Channel) -> String {
    let bindings = channel.bridge.bindings.iter();
    let texts: Vec<_> = bindings
        .map(|b| format!("{} -> {}", inline(&b.chat), inline(&b.target.to_string())))
        .collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_of_channels_shows_what_they_carry() {
        let channel = json!({
            "id": "telegram-ops", "type": "telegram", "name": "Ops Bot", "status": "idle",
            "bindings": [{"chat": "-1001", "target": "cap:ops"}, {"chat": "-1002", "target": "human"}],
            "lastSeenAt": 30_000,
        });
        let channel: Channel = serde_json::from_value(channel).unwrap();
        assert_eq!(
            list(&[channel], Timestamp(90_000)),
            "CHANNEL       TYPE      NAME     STATUS  CARRIES                           SEEN\n\
             telegram-ops  telegram  Ops Bot  idle    -1001 -> cap:ops, -1002 -> human  1m ago"
        );
    }
}
