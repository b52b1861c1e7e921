use serde_json::json;

use super::*;
use crate::bridge::batch::tests::{message, reader};

const NOW: Timestamp = Timestamp(1_000_000);

fn mail(ids: &[i64]) -> Mail {
    let mut mail = Mail::default();
    for id in ids {
        mail.arrive(message(*id, &format!("text {id}")), false, NOW);
    }
    mail
}

fn send(mail: &mut Mail, via: Via) -> Option<Batch> {
    mail.send(&reader(), via != Via::Steer, via, Room::OF_TURN).cloned()
}

fn item(batch: &Batch) -> ThreadItem {
    match batch.via {
        Via::ToolOutput => ThreadItem { output: Some(json!(batch.text)), ..ThreadItem::default() },
        _ => ThreadItem { client_id: Some(batch.client_id.clone()), ..ThreadItem::default() },
    }
}

fn facts(receipts: &[Receipt]) -> Vec<(i64, Fact)> {
    receipts.iter().map(|receipt| (receipt.message.id.0, receipt.fact)).collect()
}

/// What another process knows of it.
fn restarted(mail: &Mail) -> Mail {
    serde_json::from_str(&serde_json::to_string(&mail.kept()).unwrap()).unwrap()
}

#[test]
fn a_message_is_read_when_its_item_appears_and_handled_when_the_turn_ends() {
    for (via, status) in [
        (Via::Turn, TurnStatus::Completed),
        (Via::Steer, TurnStatus::Interrupted),
        (Via::ToolOutput, TurnStatus::Unknown),
    ] {
        let mut mail = mail(&[1, 2]);
        let batch = send(&mut mail, via).unwrap();
        assert!(mail.is_in_flight() && mail.pending().is_empty());
        assert_eq!(mail.seen(&ThreadItem::default(), "u"), []);
        let read = mail.seen(&item(&batch), "u");
        assert_eq!(facts(&read), [(1, Fact::Read(via)), (2, Fact::Read(via))]);
        assert_eq!(mail.seen(&item(&batch), "u"), [], "once");
        assert_eq!(mail.ended("another", status, NOW), []);
        let handled = mail.ended("u", status, NOW);
        assert_eq!(facts(&handled), [(1, Fact::Handled), (2, Fact::Handled)]);
        assert_eq!(facts(&restarted(&mail).untold()), facts(&handled), "until it is told");
        for receipt in &handled {
            mail.told(&receipt.message);
        }
        assert!(mail.is_settled());
    }
}

#[test]
fn a_message_that_is_handed_over_twice_is_sent_once() {
    let mut mail = mail(&[1, 1]);
    let batch = send(&mut mail, Via::Turn).unwrap();
    assert_eq!(batch.new.len(), 1);
    let again = |mail: &mut Mail, step: &str| {
        mail.arrive(message(1, "text 1"), step == "seen", NOW);
        assert_eq!(send(mail, Via::Steer), None, "{step}");
    };
    again(&mut mail, "sent");
    mail.seen(&item(&batch), "u");
    again(&mut mail, "seen");
    mail.ended("u", TurnStatus::Failed, NOW);
    again(&mut mail, "failed");
    let reminder = send(&mut mail, Via::Turn).unwrap();
    mail.seen(&item(&reminder), "v");
    mail.ended("v", TurnStatus::Completed, NOW);
    again(&mut mail, "ended");
    let mut other = message(1, "of another relay");
    other.created_at = Timestamp(5);
    mail.arrive(other, false, NOW);
    assert!(send(&mut mail, Via::Turn).is_some());
}

#[test]
fn what_is_for_later_stays_when_a_turn_is_joined() {
    let mut mail = mail(&[1]);
    let mut later = message(2, "no hurry");
    later.urgency = Urgency::Later;
    mail.arrive(later, false, NOW);
    mail.arrive(message(3, "text 3"), false, NOW);
    let batch = send(&mut mail, Via::Steer).unwrap();
    assert_eq!(batch.new.iter().map(|m| m.id.0).collect::<Vec<_>>(), [1, 3]);
    assert!(mail.is_burst());
    mail.seen(&item(&batch), "u");
    assert_eq!(send(&mut mail, Via::Turn).unwrap().new[0].id.0, 2);
    assert!(!mail.is_burst());
}

#[test]
fn what_codex_refused_waits_again_in_its_place() {
    let mut mail = mail(&[1, 2]);
    send(&mut mail, Via::Steer).unwrap();
    mail.arrive(message(3, "text 3"), false, NOW);
    mail.refused();
    let ids: Vec<_> = send(&mut mail, Via::Turn).unwrap().new.iter().map(|m| m.id.0).collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn a_failed_turn_is_brought_to_mind_once_after_a_rest() {
    let mut mail = mail(&[1]);
    let batch = send(&mut mail, Via::Turn).unwrap();
    mail.seen(&item(&batch), "u");
    assert_eq!(mail.ended("u", TurnStatus::Failed, NOW), []);
    assert_eq!(mail.pending()[0].since, NOW.plus(REST));
    assert_eq!(mail.pending()[0].urgency, Urgency::Later);
    let reminder = send(&mut mail, Via::Turn).unwrap();
    assert!(reminder.new.is_empty() && !reminder.text.contains("text 1"));
    assert_ne!(reminder.client_id, batch.client_id);
    assert_eq!(mail.seen(&item(&reminder), "v"), [], "it is read already");
    let mut fails_again = mail.clone();
    assert_eq!(fails_again.ended("v", TurnStatus::Failed, NOW), []);
    assert!(fails_again.is_settled(), "once");
    assert_eq!(facts(&mail.ended("v", TurnStatus::Completed, NOW)), [(1, Fact::Handled)]);
}

#[test]
fn what_nobody_shall_get_any_more_is_let_go() {
    let mut mail = mail(&[1, 2, 3]);
    let mut stale = message(4, "stale");
    stale.expires_at = Some(Timestamp(NOW.0 - 1));
    mail.arrive(stale, false, NOW);
    mail.arrive(message(5, "open again"), true, NOW);
    mail.forget(NOW, |message| matches!(message.id.0, 2 | 5));
    let ids: Vec<_> = send(&mut mail, Via::Turn).unwrap().new.iter().map(|m| m.id.0).collect();
    assert_eq!(ids, [1, 3, 5]);
}

/// A thread in which that item stands, in turn `u`.
fn history(batch: Option<&Batch>, status: TurnStatus) -> History {
    let running = (status == TurnStatus::InProgress).then(|| "u".to_owned());
    History {
        items: batch.map(|batch| (item(batch), "u".to_owned())).into_iter().collect(),
        turns: vec![("u".to_owned(), status)],
        running,
    }
}

#[test]
fn what_was_sent_and_does_not_stand_in_the_thread_is_sent_again() {
    let mut mail = mail(&[1]);
    let first = send(&mut mail, Via::Turn).unwrap();
    let mut after = restarted(&mail);
    assert_eq!(after.recover(&history(None, TurnStatus::Completed), NOW), []);
    after.arrive(message(1, "text 1"), false, NOW);
    assert_eq!(send(&mut after, Via::Turn).unwrap().text, first.text);
    // The same process, whose relay hands nothing over twice.
    mail.recover(&history(None, TurnStatus::Completed), NOW);
    assert_eq!(send(&mut mail, Via::Turn).unwrap().text, first.text);
}

#[test]
fn what_was_read_and_then_lost_with_its_server_comes_again_with_its_text() {
    let mut mail = mail(&[1]);
    let first = send(&mut mail, Via::Turn).unwrap();
    mail.seen(&item(&first), "u");
    let mut after = restarted(&mail);
    after.recover(&history(None, TurnStatus::Completed), NOW);
    let mut after = restarted(&after);
    after.forget(NOW, |_| true);
    assert_eq!(send(&mut after, Via::Turn).unwrap().text, first.text);
}

#[test]
fn what_stands_in_the_thread_is_never_sent_again() {
    for via in [Via::Turn, Via::ToolOutput] {
        for seen in [false, true] {
            let mut mail = mail(&[1]);
            let batch = send(&mut mail, via).unwrap();
            if seen {
                mail.seen(&item(&batch), "u");
            }
            let recovered = |status| {
                let mut after = restarted(&mail);
                let receipts = after.recover(&history(Some(&batch), status), NOW);
                (after, facts(&receipts))
            };
            let (mut after, receipts) = recovered(TurnStatus::Completed);
            assert_eq!(receipts, [(1, Fact::Read(via)), (1, Fact::Handled)]);
            assert_eq!(send(&mut after, Via::Turn), None);

            let (mut after, receipts) = recovered(TurnStatus::InProgress);
            assert_eq!(receipts, [(1, Fact::Read(via))]);
            assert_eq!(send(&mut after, Via::Turn), None, "its turn runs");
            assert_eq!(facts(&after.ended("u", TurnStatus::Completed, NOW)), [(1, Fact::Handled)]);

            let (mut after, receipts) = recovered(TurnStatus::Interrupted);
            assert_eq!(receipts, [(1, Fact::Read(via))]);
            let reminder = send(&mut after, Via::Turn).unwrap();
            assert!(reminder.text.contains("cut off") && !reminder.text.contains("text 1"));
            assert_eq!(send(&mut after, Via::Turn), None);
        }
    }
}
