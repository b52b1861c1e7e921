//! Calls that take their time: others pass them, and what ends them loses nothing.

use serde_json::json;

use crate::{
    client, operator,
    support::{Home, Relay},
};

#[test]
fn answers_come_as_calls_end_not_as_they_were_made() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut mcp = client(&home, &relay, "probe");
    let me = mcp.me();
    let waiting = mcp.begin_call("inbox", &json!({"wait": 60}));
    let calls: Vec<i64> = (0..50).map(|_| mcp.begin_call("agents", &json!({}))).collect();
    for call in calls {
        assert!(mcp.said(call).done().contains(&me));
    }
    assert!(!mcp.has_answered(waiting), "it waits for mail");
    operator(&home, &relay, &["send", &me, "here it is"]);
    assert!(mcp.said(waiting).done().ends_with("here it is"));
}

#[test]
fn a_cancelled_wait_takes_no_mail_with_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut mcp = client(&home, &relay, "probe");
    let me = mcp.me();
    for _ in 0..3 {
        let waiting = mcp.begin_call("inbox", &json!({"wait": 60}));
        mcp.call("agents", &json!({})).done();
        mcp.cancel(waiting);
        operator(&home, &relay, &["send", &me, "do not lose me"]);
        let mail = mcp.call("inbox", &json!({"wait": 60})).done();
        assert!(mail.ends_with("do not lose me"), "{mail}");
        assert!(!mcp.has_answered(waiting), "a cancelled request has no answer");
    }
}

/// Mail comes while waits are cancelled: each message is answered with once, whichever call it meets.
#[test]
fn mail_that_meets_a_cancellation_is_neither_lost_nor_doubled() {
    const ROUNDS: usize = 20;
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut sender = client(&home, &relay, "sender");
    sender.me();
    let mut reader = client(&home, &relay, "reader");
    let me = reader.me();
    let mut waits = Vec::new();
    for round in 0..ROUNDS {
        let waiting = reader.begin_call("inbox", &json!({"wait": 60}));
        sender.call("send", &json!({"to": me, "text": format!("message {round}.")})).done();
        reader.cancel(waiting);
        waits.push(waiting);
    }
    let mut read = String::new();
    for waiting in waits {
        // What was answered before the cancellation came was answered.
        reader.call("agents", &json!({})).done();
        if reader.has_answered(waiting) {
            read.push_str(&reader.said(waiting).text);
        }
    }
    loop {
        let mail = reader.call("inbox", &json!({})).done();
        if mail == "no unread mail" {
            break;
        }
        read.push_str(&mail);
    }
    for round in 0..ROUNDS {
        assert_eq!(read.matches(&format!("message {round}.")).count(), 1, "{round} in {read}");
    }
}

#[test]
fn a_cancelled_question_stays_and_its_answer_comes_to_the_inbox() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut a = client(&home, &relay, "a");
    a.me();
    let mut b = client(&home, &relay, "b");
    let second = b.me();
    let asked = a.begin_call("ask", &json!({"to": second, "text": "Which?", "wait": 300}));
    let mail = b.call("inbox", &json!({"wait": 60})).done();
    let id: i64 = mail["[msg:".len()..].split(']').next().unwrap().parse().unwrap();
    a.cancel(asked);
    a.call("agents", &json!({})).done();
    b.call("reply", &json!({"id": id, "text": "The second."})).done();
    assert!(a.call("inbox", &json!({"wait": 60})).done().ends_with("The second."));
}
