//! How pairs read: a table, and one of them in a few words.

use relay_core::{
    event::{Event, Name},
    id::AgentId,
    pair::{EndReason, Pair, Status},
    time::Timestamp,
};

use super::{inline, table};
use crate::input::short;

/// Pairs as a table, in the order they came, as one of their two sees them.
pub fn list(pairs: &[Pair], me: &AgentId, now: Timestamp) -> String {
    let row = |pair: &Pair| {
        vec![
            pair.id.to_string(),
            status(pair).to_owned(),
            with(pair, me),
            format!("{} ago", short(now.since(pair.created_at))),
            objective(pair).unwrap_or_else(|| "-".to_owned()),
        ]
    };
    table(&["pair", "status", "with", "invited", "objective"], pairs.iter().map(row))
}

/// A pair in a few words: `p7f3k2 with bob (active): Debug flaky auth tests`.
pub fn brief(pair: &Pair, me: &AgentId) -> String {
    let what = objective(pair).map(|text| format!(": {text}")).unwrap_or_default();
    format!("{} with {} ({}){what}", pair.id, with(pair, me), status(pair))
}

/// The other side; both for who is neither.
pub fn with(pair: &Pair, me: &AgentId) -> String {
    if pair.has(me) {
        return pair.other(me).to_string();
    }
    format!("{} and {}", pair.initiator, pair.partner)
}

/// What it is for, in a line.
pub fn objective(pair: &Pair) -> Option<String> {
    pair.objective.as_ref().map(|text| inline(text))
}

/// What happened to a pair, in a line.
pub fn happened(pair: &Pair, event: &Event) -> Option<String> {
    let Pair { id, initiator, partner, .. } = pair;
    let by = event.by.as_ref().map_or("somebody", AgentId::as_str);
    Some(match (event.name, pair.status, pair.end_reason) {
        (Name::PairInvited, ..) => {
            let what = objective(pair).map(|text| format!(": {text}")).unwrap_or_default();
            format!("pair {id}: {initiator} invites {partner}{what}")
        }
        (Name::PairAccepted, ..) => format!("pair {id}: {partner} accepts"),
        (Name::PairRejected, ..) => format!("pair {id}: {partner} declines"),
        (Name::PairEnded, Status::Expired, _) => {
            format!("pair {id}: {partner} did not answer in time")
        }
        (Name::PairEnded, _, Some(EndReason::Offline)) => {
            format!("pair {id} of {initiator} and {partner} is over: one of them went offline")
        }
        (Name::PairEnded, ..) => {
            format!("pair {id} of {initiator} and {partner} is over: {by} hung up")
        }
        _ => return None,
    })
}

fn status(pair: &Pair) -> &'static str {
    match (pair.status, pair.end_reason) {
        (Status::Pending, _) => "invited",
        (Status::Ended, Some(EndReason::Offline)) => "ended: offline",
        (status, _) => status.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_of_pairs_shows_the_other_side() {
        let pair: Pair = serde_json::from_value(json!({
            "id": "p7f3k2", "initiator": "alice", "partner": "bob", "objective": "Debug\nflaky tests",
            "status": "ended", "endReason": "offline", "createdAt": 0, "endedAt": 5,
        }))
        .unwrap();
        let me: AgentId = "Bob".parse().unwrap();
        assert_eq!(
            list(std::slice::from_ref(&pair), &me, Timestamp(90_000)),
            "PAIR    STATUS          WITH   INVITED  OBJECTIVE\n\
             p7f3k2  ended: offline  alice  1m ago   Debug flaky tests"
        );
        let human = AgentId::human();
        assert_eq!(
            brief(&pair, &human),
            "p7f3k2 with alice and bob (ended: offline): Debug flaky tests"
        );
    }

    #[test]
    fn what_becomes_of_a_pair_is_told_in_a_line() {
        let check = |name: &str, extra: serde_json::Value, text: &str| {
            let mut pair = json!({
                "id": "p7f3k2", "initiator": "a", "partner": "b", "objective": "flaky\n tests",
                "status": "pending", "createdAt": 0,
            });
            pair.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let event = json!({ "seq": 9, "name": name, "at": 0, "pair": pair, "by": "b" });
            let event: Event = serde_json::from_value(event).unwrap();
            let told = happened(event.pair.as_ref().unwrap(), &event);
            assert_eq!(told.as_deref(), Some(text));
        };
        let ended = |reason: &str| json!({ "status": "ended", "endReason": reason });
        check("pair.invited", json!({}), "pair p7f3k2: a invites b: flaky tests");
        check("pair.accepted", json!({ "status": "active" }), "pair p7f3k2: b accepts");
        check("pair.rejected", json!({ "status": "rejected" }), "pair p7f3k2: b declines");
        check("pair.ended", ended("hangup"), "pair p7f3k2 of a and b is over: b hung up");
        let offline = "pair p7f3k2 of a and b is over: one of them went offline";
        check("pair.ended", ended("offline"), offline);
        let expired = json!({ "status": "expired" });
        check("pair.ended", expired, "pair p7f3k2: b did not answer in time");
    }
}
