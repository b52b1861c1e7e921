use super::*;

fn errand(id: i64, chat: ChatId) -> Errand {
    Errand { id: MessageId(id), created_at: Timestamp(1), chat }
}

/// Sends so many of a message's parts, each under the number after the one before.
fn send(ledger: &mut Ledger, errand: &Errand, parts: usize, count: usize) -> Progress {
    let mut progress = ledger.progress(errand, parts);
    for part in 0..count {
        ledger.sending(errand, &mut progress);
        ledger.taken(errand, &mut progress, (errand.id.0 * 10) as Number + part as Number);
    }
    progress
}

#[test]
fn every_point_of_a_crash_has_its_answer() {
    let mut ledger = Ledger::default();
    let errand = errand(4, 12);
    let progress = |ledger: &Ledger| {
        let progress = ledger.progress(&errand, 2);
        (progress.next(), progress.is_unknown())
    };
    assert_eq!(progress(&ledger), (Some(0), false), "before anything");
    let mut working = ledger.progress(&errand, 2);
    ledger.sending(&errand, &mut working);
    assert_eq!(progress(&ledger), (Some(0), true), "perhaps sent");
    ledger.not_taken(&errand, &mut working);
    assert_eq!(progress(&ledger), (Some(0), false), "refused");
    ledger.sending(&errand, &mut working);
    ledger.taken(&errand, &mut working, 70);
    assert_eq!(progress(&ledger), (Some(1), false), "one part is there");
    ledger.sending(&errand, &mut working);
    ledger.taken(&errand, &mut working, 71);
    assert_eq!(progress(&ledger), (None, false), "all is there");
}

#[test]
fn a_message_cut_otherwise_begins_again_with_a_mark_unless_it_is_whole() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &errand(4, 12), 3, 2);
    let again = ledger.progress(&errand(4, 12), 4);
    assert_eq!((again.next(), again.is_unknown()), (Some(0), true));
    send(&mut ledger, &errand(5, 12), 1, 1);
    assert_eq!(ledger.progress(&errand(5, 12), 2).next(), None);
}

#[test]
fn a_relay_begun_anew_has_other_messages_under_the_same_numbers() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &errand(4, 12), 1, 1);
    let other = Errand { created_at: Timestamp(2), ..errand(4, 12) };
    assert_eq!(ledger.progress(&other, 1).next(), Some(0));
    ledger.sending(&other, &mut ledger.progress(&other, 1));
    assert_eq!(ledger.places(MessageId(4)), [], "the old one is forgotten");
}

#[test]
fn answers_find_their_messages_both_ways() {
    let mut ledger = Ledger::default();
    ledger.handled(1, Some((12, 7, MessageId(3))));
    send(&mut ledger, &errand(4, 12), 2, 2);
    send(&mut ledger, &errand(4, -5), 2, 1);
    assert_eq!(ledger.message_at(12, 7), Some(MessageId(3)));
    assert_eq!(ledger.message_at(12, 41), Some(MessageId(4)), "any part will do");
    assert_eq!(ledger.message_at(13, 41), None, "another chat");
    assert_eq!(ledger.places(MessageId(3)), [(12, 7)]);
    assert_eq!(ledger.places(MessageId(4)), [(-5, 40), (12, 40)]);
}

#[test]
fn what_was_handled_is_known_until_it_is_confirmed() {
    let mut ledger = Ledger::default();
    ledger.handled(8, None);
    assert!(ledger.is_handled(8) && !ledger.is_handled(7));
    ledger.confirmed();
    assert!(!ledger.is_handled(8));
}

#[test]
fn a_group_that_moved_is_the_same_chat() {
    let mut ledger = Ledger::default();
    ledger.moved(-5, -1005);
    assert_eq!((ledger.current(-5), ledger.original(-1005)), (-1005, -5));
    ledger.moved(-1005, -1006);
    assert_eq!((ledger.current(-5), ledger.original(-1006)), (-1006, -5));
    assert_eq!((ledger.current(12), ledger.original(12)), (12, 12));
}

#[test]
fn the_oldest_is_forgotten_but_not_what_is_on_its_way() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &errand(1, 12), 2, 1);
    for id in 2..=REMEMBERED as i64 + 50 {
        send(&mut ledger, &errand(id, 12), 1, 1);
        ledger.handled(id as u32, Some((12, id as Number, MessageId(id))));
    }
    assert!(ledger.out.len() <= REMEMBERED && ledger.came.len() <= REMEMBERED);
    assert_eq!(ledger.progress(&errand(1, 12), 2).next(), Some(1));
    assert_eq!(ledger.progress(&errand(2, 12), 1).next(), Some(0), "long ago");
}

#[test]
fn it_reads_what_it_writes() {
    let mut ledger = Ledger::default();
    ledger.handled(8, Some((12, 7, MessageId(3))));
    ledger.moved(-5, -1005);
    send(&mut ledger, &errand(4, -5), 2, 1);
    let text = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    assert_eq!(serde_json::from_str::<Ledger>("{}").unwrap(), Ledger::default());
}

#[test]
fn a_chat_that_refuses_everything_leaves_nothing_behind() {
    let mut ledger = Ledger::default();
    for id in 1..10 {
        let mut progress = ledger.progress(&errand(id, 12), 1);
        ledger.sending(&errand(id, 12), &mut progress);
        ledger.not_taken(&errand(id, 12), &mut progress);
    }
    assert_eq!(ledger, Ledger::default());
}

#[test]
fn what_never_ends_is_bounded_too() {
    let mut ledger = Ledger::default();
    for id in 1..=3 * REMEMBERED as i64 {
        send(&mut ledger, &errand(id, 12), 2, 1);
    }
    assert!(ledger.out.len() <= 2 * REMEMBERED);
}
