use relay_core::time::Timestamp;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::path::Path as Way;

const SOCKET: Via = Via::Nudge(Way::Socket);

fn message(id: i64, body: &str) -> Message {
    serde_json::from_value(json!({
        "id": id, "from": "backend", "to": "me", "body": body, "kind": "chat", "urgency": "normal",
        "threadId": id, "claimable": false, "verified": true, "createdAt": 1_000_000,
    }))
    .unwrap()
}

fn mailbox() -> (TempDir, Mailbox) {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::new(folder.path().join("box"));
    mailbox.create().unwrap();
    (folder, mailbox)
}

fn reader() -> Reader {
    Reader { me: "me".parse().unwrap(), now: Timestamp(1_000_000) }
}

#[test]
fn a_message_passes_through_once() {
    let (_folder, mailbox) = mailbox();
    assert!(mailbox.put(&message(7, "hi")).unwrap());
    assert!(!mailbox.put(&message(7, "hi")).unwrap(), "it is there already");
    let batch = mailbox.batch(&reader(), true);
    assert_eq!(batch.text, "[msg:7] from backend: hi");
    mailbox.taken(&batch, SOCKET);
    assert_eq!(mailbox.pending(), 0);
    assert!(!mailbox.put(&message(7, "hi")).unwrap(), "the session has it");
    assert_eq!(mailbox.list(Stage::Taken)[0].via, Some(SOCKET));
    mailbox.end_turn();
    assert_eq!((mailbox.count(Stage::Taken), mailbox.count(Stage::Ended)), (0, 1));
    assert_eq!(mailbox.list(Stage::Ended)[0].via, Some(SOCKET));
}

#[test]
fn a_burst_is_packed_by_size_and_keeps_its_order() {
    let (_folder, mailbox) = mailbox();
    for id in 1..=100 {
        mailbox.put(&message(id, &format!("{id} {}", "x".repeat(296)))).unwrap();
    }
    let mut seen = Vec::new();
    let mut batches = 0;
    while mailbox.pending() > 0 {
        let batch = mailbox.batch(&reader(), true);
        assert!(length(&batch.text) <= ROOM, "{}", batch.text.len());
        seen.extend(batch.mail.iter().map(|mail| mail.message.id.0));
        mailbox.taken(&batch, SOCKET);
        batches += 1;
    }
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
    assert!(batches <= 5, "{batches}");
}

#[test]
fn what_asks_to_come_later_comes_between_turns() {
    let (_folder, mailbox) = mailbox();
    let mut later = message(1, "later");
    later.urgency = Urgency::Later;
    mailbox.put(&later).unwrap();
    mailbox.put(&message(2, "now")).unwrap();
    assert_eq!(mailbox.batch(&reader(), false).text, "[msg:2] from backend: now");
    assert_eq!(mailbox.batch(&reader(), true).mail.len(), 2);
}

#[test]
fn what_has_expired_is_given_to_nobody() {
    let (_folder, mailbox) = mailbox();
    let mut short = message(1, "too late");
    short.expires_at = Some(Timestamp(999_999));
    mailbox.put(&short).unwrap();
    assert_eq!(mailbox.batch(&reader(), true).text, "");
    assert_eq!(mailbox.pending(), 0);
}

#[test]
fn after_a_crash_what_was_read_is_thought_of_and_what_was_not_comes() {
    let (_folder, mailbox) = mailbox();
    mailbox.put(&message(1, "read")).unwrap();
    mailbox.put(&message(2, "lost")).unwrap();
    mailbox.taken(&mailbox.batch(&reader(), true), SOCKET);
    mailbox.recover("…[msg:1] from backend: read…");
    assert_eq!((mailbox.count(Stage::Again), mailbox.count(Stage::Queue)), (1, 1));
    let batch = mailbox.batch(&reader(), true);
    assert!(batch.text.contains("do what is still open: [msg:1] from backend\n"), "{}", batch.text);
    assert!(batch.text.ends_with("[msg:2] from backend: lost"), "{}", batch.text);
    assert!(!batch.text.contains("read"), "the body comes once: {}", batch.text);
}

#[test]
fn one_hook_takes_at_a_time() {
    let (_folder, mailbox) = mailbox();
    let first = mailbox.try_lock();
    assert!(first.is_some() && mailbox.try_lock().is_none());
    drop(first);
    assert!(mailbox.try_lock().is_some());
}
