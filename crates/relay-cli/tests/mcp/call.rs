//! Every tool: what it does, and what it says when it cannot.

use serde_json::json;

use crate::{
    client, operator, shown,
    support::{Home, Relay, mcp::Mcp},
};

/// Two clients that one program started in one place: two agents all the same.
fn two(home: &Home, relay: &Relay) -> (Mcp, String, Mcp, String) {
    let mut a = client(home, relay, "Editor");
    let first = a.me();
    let mut b = client(home, relay, "Editor");
    let second = b.me();
    assert_eq!(second, format!("{first}-2"), "the second of a place has a number");
    (a, first, b, second)
}

#[test]
fn mail_goes_there_and_back() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (mut a, first, mut b, second) = two(&home, &relay);
    let sent = a.call("send", &json!({"to": second, "text": "Tests pass.\nShip?"})).done();
    let id: i64 = sent.split(['m', 's', 'g', ':', ' ']).find_map(|word| word.parse().ok()).unwrap();
    assert_eq!(sent, format!("sent msg:{id} to {second}"));

    let listed = b.call("agents", &json!({})).done();
    assert!(listed.ends_with("\n1 unread: use inbox"), "{listed}");
    let mail = b.call("inbox", &json!({})).done();
    assert_eq!(mail, format!("[msg:{id}] from {first}: Tests pass.\n    Ship?"));
    assert_eq!(b.call("inbox", &json!({})).done(), "no unread mail");
    let receipts = shown(&relay, &format!("/api/messages/{id}/receipts"));
    assert_eq!(receipts[0]["agentId"], second.as_str(), "{receipts}");
    assert_eq!(receipts[0]["via"], "mcp", "{receipts}");

    let reply = b.call("reply", &json!({"id": format!("msg:{id}"), "text": "Yes."})).done();
    assert!(reply.ends_with(&format!(" to {first}")), "{reply}");
    let answer = a.call("inbox", &json!({})).done();
    assert!(answer.contains(&format!("from {second} (answers msg:{id}): Yes.")), "{answer}");
}

#[test]
fn long_mail_is_cut_and_shown_whole_on_request() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (mut a, _, mut b, second) = two(&home, &relay);
    let text = format!("{}the end", "word ".repeat(5_000));
    a.call("send", &json!({"to": second, "text": text})).done();
    let cut = b.call("inbox", &json!({})).done();
    assert!(cut.len() < 4_000 && cut.contains("the tool `inbox` with id "), "{cut}");
    let id: i64 = cut["[msg:".len()..].split(']').next().unwrap().parse().unwrap();
    let whole = b.call("inbox", &json!({"id": id})).done();
    assert!(whole.len() > 25_000 && whole.ends_with("the end"));
}

#[test]
fn a_question_is_answered_or_said_to_wait() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (mut a, first, mut b, second) = two(&home, &relay);
    let asked = a.begin_call("ask", &json!({"to": second, "text": "Which port?"}));
    let mail = b.call("inbox", &json!({"wait": 60})).done();
    let id: i64 = mail["[msg:".len()..].split(']').next().unwrap().parse().unwrap();
    b.call("reply", &json!({"id": id, "text": "4850"})).done();
    let answer = a.said(asked).done();
    assert!(answer.contains(&format!("from {second} (answers msg:{id}): 4850")), "{answer}");
    assert_eq!(a.call("inbox", &json!({})).done(), "no unread mail", "the answer was read");

    let silence = a.call("ask", &json!({"to": second, "text": "Still there?", "wait": 1})).done();
    assert!(silence.contains("no answer within 1s. A later one comes to the inbox"), "{silence}");

    // Two that ask each other would both wait for nothing.
    let asked = a.begin_call("ask", &json!({"to": second, "text": "What now?", "wait": 60}));
    while !b.call("inbox", &json!({"wait": 60})).done().contains("What now?") {}
    b.begin_call("ask", &json!({"to": first, "text": "And you?", "wait": 60}));
    let crossed = a.said(asked).done();
    assert!(crossed.contains(&format!("{second} wrote msg:")), "{crossed}");
    assert!(a.call("inbox", &json!({})).done().contains("And you?"));
}

#[test]
fn work_is_claimed_by_one_and_finished_by_the_same() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (mut a, first, mut b, second) = two(&home, &relay);
    let work = json!({"to": "cap:chat", "text": "Review it", "claimable": true});
    let sent = operator(&home, &relay, &["send-claimable", "cap:chat", "Review it"]);
    let id: i64 = sent["sent [msg:".len()..].split(']').next().unwrap().parse().unwrap();
    let claimed = a.call("work", &json!({"action": "claim", "id": id})).done();
    assert!(claimed.starts_with("claimed\n[msg:") && claimed.ends_with("Review it"), "{claimed}");
    let late = b.call("work", &json!({"action": "claim", "id": id})).failed();
    assert!(late.starts_with("error already_claimed: ") && late.contains(&first), "{late}");
    let status = a.call("status", &json!({})).done();
    assert!(status.contains(&format!("claims msg:{id}")), "{status}");
    a.call("work", &json!({"action": "release", "id": id})).done();
    b.call("work", &json!({"action": "claim", "id": id})).done();
    let done = b.call("work", &json!({"action": "done", "id": id, "text": "Looks good"})).done();
    assert!(done.starts_with(&format!("msg:{id} is done")), "{done}");
    assert!(operator(&home, &relay, &["inbox"]).contains("Looks good"));
    let again = a.call("work", &json!({"action": "claim", "id": id})).failed();
    assert!(again.starts_with("error already_done: "), "{again}");
    let report = json!({"action": "progress", "id": id, "text": "half"});
    assert!(b.call("work", &report).failed().contains("needs a task"));

    let task = ["tasks", "create", "main is red", "--target", &format!("id:{second}"), "--json"];
    let task: serde_json::Value = serde_json::from_str(&operator(&home, &relay, &task)).unwrap();
    let (task, id) = (&task["id"], &task["messageId"]);
    b.call("work", &json!({"action": "claim", "id": id})).done();
    for (action, said) in [("progress", "in_progress"), ("blocked", "blocked"), ("done", "done")] {
        let told = b.call("work", &json!({"action": action, "id": id, "text": "so far"})).done();
        assert!(told.starts_with(&format!("task {task} is {said}")), "{told}");
    }
    assert_eq!(shown(&relay, &format!("/api/tasks/{task}"))["result"], "so far");
    assert!(a.call("send", &work).done().starts_with("sent msg:"));
}

#[test]
fn a_pair_is_invited_accepted_used_and_ended() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (mut a, first, mut b, second) = two(&home, &relay);
    let pair = |mcp: &mut Mcp, arguments| mcp.call("pair", &arguments);
    let none = pair(&mut b, json!({"action": "accept"})).failed();
    assert!(none.contains("has no invitation to answer"), "{none}");
    let invited =
        pair(&mut a, json!({"action": "invite", "to": second, "text": "Flaky tests"})).done();
    assert!(invited.starts_with(&format!("invited {second} to pair p")), "{invited}");
    assert!(b.call("inbox", &json!({})).done().contains("Flaky tests"));
    let early = pair(&mut a, json!({"action": "say", "text": "hi"})).failed();
    assert!(early.contains("in no pair that was accepted"), "{early}");
    assert!(pair(&mut b, json!({"action": "accept"})).done().contains("is active"));
    a.call("inbox", &json!({})).done();
    pair(&mut b, json!({"action": "say", "text": "Look at line 7"})).done();
    let heard = a.call("inbox", &json!({})).done();
    assert!(heard.contains("pair p") && heard.ends_with("Look at line 7"), "{heard}");
    let status = a.call("status", &json!({})).done();
    assert!(status.contains(&format!("with {second} (active): Flaky tests")), "{status}");
    let over = pair(&mut a, json!({"action": "hangup"})).done();
    assert!(over.ends_with(&format!("with {second} is over")), "{over}");
    b.call("inbox", &json!({})).done();
    pair(&mut b, json!({"action": "invite", "to": first})).done();
    assert!(pair(&mut a, json!({"action": "reject"})).done().contains("is declined"));
}

#[test]
fn an_agent_says_who_it_is_and_finds_others() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (mut a, first, mut b, second) = two(&home, &relay);
    let status = a.call("status", &json!({"label": "Night shift", "tags": ["api", "db"]})).done();
    assert!(status.starts_with(&format!("you are {first} \"Night shift\" (idle)")), "{status}");
    assert!(status.contains("tags api,db"), "{status}");
    for wanted in ["tag:db", "night", "label:night shift", &first] {
        let found = b.call("agents", &json!({"match": wanted})).done();
        assert!(found.starts_with(&first) && found.contains("tags api,db"), "{wanted}: {found}");
    }
    assert_eq!(b.call("agents", &json!({"match": "tag:none"})).done(), "nobody");
    assert!(b.call("agents", &json!({})).done().contains(&format!("{second} (idle) you")));
    assert!(b.call("send", &json!({"to": "Night shift", "text": "hi"})).done().contains(&first));
    let cleared = a.call("status", &json!({"label": "", "tags": []})).done();
    assert!(cleared.starts_with(&format!("you are {first} (idle)")), "{cleared}");
}

#[test]
fn a_bad_call_says_what_is_wrong_with_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut mcp = client(&home, &relay, "probe");
    let me = mcp.me();
    let long = "x".repeat(70_000);
    for (tool, arguments, error) in [
        ("send", json!({"to": "x"}), "missing_field: missing field `text`"),
        (
            "send",
            json!({"to": "x", "text": "y", "body": "z"}),
            "unknown_field: unknown field `body`",
        ),
        ("send", json!({"to": "nobody-here", "text": "y"}), "target_not_found: "),
        ("send", json!({"to": "tag:", "text": "y"}), "invalid_field: `to`"),
        ("send", json!({"to": "x", "text": ""}), "invalid_field: `text` must not be empty"),
        ("send", json!({"to": "x", "text": long}), "invalid_field: `text` is longer than"),
        ("send", json!({"to": "x", "text": 7}), "invalid_field: invalid type"),
        ("send", json!({"to": "x", "text": "y", "urgency": "now"}), "invalid_field: "),
        ("inbox", json!({"wait": 61}), "invalid_field: `wait` must be at most 60"),
        ("inbox", json!({"wait": -1}), "invalid_field: "),
        ("inbox", json!({"id": 999_999}), "not_found: "),
        ("inbox", json!({"id": "x"}), "invalid_field: `id` is the N of a [msg:N]"),
        ("reply", json!({"id": 999_999, "text": "y"}), "not_found: "),
        ("ask", json!({"to": "x", "text": "y", "wait": 0}), "invalid_field: `wait` must be 1 to"),
        ("agents", json!({"match": "cap:"}), "invalid_field: `match`"),
        ("work", json!({"action": "eat", "id": 1}), "invalid_field: unknown variant `eat`"),
        ("work", json!({"action": "claim", "id": 999_999}), "not_found: "),
        ("pair", json!({"action": "invite"}), "missing_field: `to` is missing"),
        ("pair", json!({"action": "invite", "to": me}), "invalid_field: "),
        ("pair", json!({"action": "accept", "id": "7"}), "invalid_field: `id`"),
        ("pair", json!({"action": "say"}), "missing_field: `text` is missing"),
        ("status", json!({"label": "a\u{202e}b"}), "invalid_field: `label`"),
        ("status", json!({"tags": ["a b"]}), "invalid_field: `tags`"),
    ] {
        let said = mcp.call(tool, &arguments).failed();
        assert!(said.starts_with(&format!("error {error}")), "{tool} {error}: {said}");
    }
    assert!(mcp.call("status", &json!({})).done().contains("0 unread"), "nothing was done");
}
