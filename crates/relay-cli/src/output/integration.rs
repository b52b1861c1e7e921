//! How integrations and the callbacks that they did not take read: tables.

use relay_core::{callback::DeadLetter, integration::Overview, time::Timestamp};

use super::{inline, table};
use crate::input::short;

/// Integrations as a table, in the order they came.
pub fn list(all: &[Overview], now: Timestamp) -> String {
    let header = [
        "integration",
        "configured",
        "scopes",
        "targets",
        "channels",
        "active",
        "seen",
        "callbacks",
        "dead",
    ];
    table(&header, all.iter().map(|one| row(one, now)))
}

fn row(one: &Overview, now: Timestamp) -> Vec<String> {
    let scopes: Vec<_> = one.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    vec![
        one.name.to_string(),
        if one.configured { "yes" } else { "no" }.to_owned(),
        texts(&scopes),
        texts(&one.targets),
        texts(&one.channels),
        one.seen.active_tasks.to_string(),
        one.seen.last_seen_at.map_or("never".to_owned(), |at| ago(now, at)),
        callbacks(one),
        one.seen.dead_letters.to_string(),
    ]
}

/// How many wait to be sent; a dash for one that is not called back.
fn callbacks(one: &Overview) -> String {
    match one.seen.waiting_callbacks {
        0 if !one.callback => "-".to_owned(),
        0 => "none wait".to_owned(),
        waiting => format!("{waiting} wait"),
    }
}

fn texts(list: &[String]) -> String {
    if list.is_empty() { "-".to_owned() } else { inline(&list.join(",")) }
}

/// Dead letters as a table, in the order they came.
pub fn dead_letters(letters: &[DeadLetter], now: Timestamp) -> String {
    let header = ["callback", "integration", "task", "event", "tried", "last answer", "given up"];
    table(&header, letters.iter().map(|letter| letter_row(letter, now)))
}

fn letter_row(letter: &DeadLetter, now: Timestamp) -> Vec<String> {
    let times = if letter.attempts == 1 { "once".into() } else { format!("{}x", letter.attempts) };
    vec![
        letter.id.to_string(),
        letter.integration.to_string(),
        letter.task_id.to_string(),
        letter.event.to_string(),
        times,
        inline(&letter.last_error),
        ago(now, letter.died_at),
    ]
}

fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", short(now.since(at)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_of_integrations_shows_what_they_may_do_and_what_waits() {
        let all: Vec<Overview> = serde_json::from_value(json!([
            {"name": "ci", "configured": true, "scopes": ["tasks:create"], "targets": ["cap:build"],
             "channels": ["*"], "callback": true, "activeTasks": 2, "tasks": 9, "lastSeenAt": 30_000,
             "waitingCallbacks": 1, "deadLetters": 3},
            {"name": "old", "configured": false, "activeTasks": 0, "tasks": 1,
             "waitingCallbacks": 0, "deadLetters": 0},
        ]))
        .unwrap();
        assert_eq!(
            list(&all, Timestamp(90_000)),
            "INTEGRATION  CONFIGURED  SCOPES        TARGETS    CHANNELS  ACTIVE  SEEN    CALLBACKS  DEAD\n\
             ci           yes         tasks:create  cap:build  *         2       1m ago  1 wait     3\n\
             old          no          -             -          -         0       never   -          0"
        );
    }

    #[test]
    fn a_dead_letter_says_what_went_wrong() {
        let letter: DeadLetter = serde_json::from_value(json!({
            "id": 4, "integration": "ci", "taskId": 7, "event": "done", "sequence": 3, "attempts": 8,
            "lastStatus": 500, "lastError": "answered\n500", "createdAt": 0, "diedAt": 30_000,
        }))
        .unwrap();
        assert_eq!(
            dead_letters(&[letter], Timestamp(90_000)),
            "CALLBACK  INTEGRATION  TASK  EVENT  TRIED  LAST ANSWER   GIVEN UP\n\
             4         ci           7     done   8x     answered 500  1m ago"
        );
    }
}
