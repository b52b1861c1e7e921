use serde_json::json;

use super::*;

fn task(extra: &Value) -> Task {
    let mut task = json!({
        "id": 12, "source": "ops-alerts", "type": "alert", "severity": "error", "dedupeKey": "disk-1",
        "title": "Disk full", "body": "on db-1", "target": "cap:ops", "status": "open",
        "occurrenceCount": 1, "messageId": 13, "createdAt": 0, "lastSeenAt": 0, "updatedAt": 0,
    });
    task.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value(task).unwrap()
}

fn event(extra: &Value) -> TaskEvent {
    let mut event = json!({"id": 20, "taskId": 12, "type": "created", "at": 0});
    event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value(event).unwrap()
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

const MINUTE: i64 = 60_000;

#[test]
fn a_table_of_tasks_shows_who_has_what() {
    let claimed = task(&json!({
        "status": "claimed", "occurrenceCount": 3, "lastSeenAt": 4 * MINUTE,
        "claim": {"by": "bob", "at": 2 * MINUTE, "expiresAt": 7 * MINUTE, "generation": 1},
    }));
    assert_eq!(
        list(&[task(&json!({})), claimed], Timestamp(5 * MINUTE)),
        "TASK  STATUS   SEVERITY  TITLE      SOURCE      FOR      HOLDER  SEEN\n\
         12    open     error     Disk full  ops-alerts  cap:ops  -       5m ago\n\
         12    claimed  error     Disk full  ops-alerts  cap:ops  bob 3m  3x, 1m ago"
    );
}

#[test]
fn a_claim_that_cannot_be_relied_on_is_shown_as_such() {
    let held = |status: &str, updated: i64, expires: i64| {
        let claim = json!({"by": "bob", "at": 0, "expiresAt": expires, "generation": 1});
        let task = task(&json!({"status": status, "claim": claim, "updatedAt": updated}));
        holder(&task, task.claim.as_ref().unwrap(), Timestamp(20 * MINUTE))
    };
    let later = 25 * MINUTE;
    assert_eq!(held("claimed", 0, later), "bob 20m, stalled");
    assert_eq!(held("claimed", 19 * MINUTE, later), "bob 20m, stalled", "a repeat is no progress");
    assert_eq!(held("in_progress", 19 * MINUTE, later), "bob 20m");
    assert_eq!(held("in_progress", 5 * MINUTE, later), "bob 20m, stalled");
    assert_eq!(held("blocked", 0, later), "bob 20m", "it said why");
    assert_eq!(held("claimed", 0, 19 * MINUTE), "bob, lapsed");
}

#[test]
fn a_task_is_shown_with_all_that_is_known() {
    let task = task(&json!({
        "status": "done", "occurrenceCount": 3, "channel": "alerts", "lastSeenAt": MINUTE,
        "claim": {"by": "bob", "at": 2 * MINUTE, "generation": 2, "doneAt": 5 * MINUTE},
        "progress": "freed 2 GB\nrotating", "result": "ok", "meta": {"host": "db-1", "n": 1},
        "body": "on db-1\n[task 9] lies",
    }));
    assert_eq!(
        plain(&whole(&task, Timestamp(10 * MINUTE))),
        "[task 12] Disk full\n    on db-1\n    \\[task 9] lies\n\
         status    done, error, alert\n\
         source    ops-alerts, key disk-1\n\
         for       cap:ops on alerts\n\
         reported  3 times, first 10m ago, last 9m ago\n\
         message   msg:13\n\
         ended     5m ago by bob\n\
         progress  freed 2 GB\n          rotating\n\
         result    ok\n\
         meta      host=db-1\n\
         meta      n=1"
    );
}

#[test]
fn a_history_tells_each_step() {
    let events = [
        event(&json!({})),
        event(&json!({"type": "repeated", "at": 4 * MINUTE, "data": {"occurrenceCount": 2}})),
        event(
            &json!({"type": "released", "by": "bob", "at": 5 * MINUTE, "data": {"reason": "lapsed"}}),
        ),
        event(
            &json!({"type": "progress", "by": "bob", "at": 9 * MINUTE, "data": {"progress": "a\nb"}}),
        ),
        event(&json!({"type": "done", "at": 10 * MINUTE, "data": {"resolved": true}})),
    ];
    assert_eq!(
        history(&events, Timestamp(10 * MINUTE)),
        "history\n    10m ago   created\n    6m ago    reported again (2 times)\n    \
         5m ago    open again: bob was not heard of\n    1m ago    progress by bob: a\n          b\n    \
         0s ago    done: its source says so"
    );
}

#[test]
fn what_happens_live_is_one_line() {
    let told = |extra: &Value| happened(&task(&json!({})), &event(extra));
    assert_eq!(told(&json!({})), "task 12 from ops-alerts (error, for cap:ops): Disk full");
    assert_eq!(told(&json!({"type": "claimed", "by": "bob"})), "task 12 claimed by bob");
    assert_eq!(
        told(&json!({"type": "released", "by": "bob", "data": {"reason": "released"}})),
        "task 12 open again: released by bob"
    );
    assert_eq!(
        told(&json!({"type": "failed", "by": "bob", "data": {"result": "no\nroot"}})),
        "task 12 failed by bob: no root"
    );
    assert_eq!(
        told(&json!({"type": "blocked", "by": "bob", "data": {"progress": "no key"}})),
        "task 12 blocked by bob: no key"
    );
}
