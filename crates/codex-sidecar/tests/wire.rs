//! The wire types against what the real app-server of Codex 0.169 says and takes.

use codex_sidecar::app_server::{
    Message, Notice, Refusal,
    protocol::{
        Call, Flag, Initialize, InjectItems, Input, InterruptTurn, ListItems, ListLoaded,
        NameThread, ResumeThread, StartThread, StartTurn, SteerTurn, ThreadStatus, TurnStatus,
        UnsubscribeThread,
    },
};
use serde_json::Value;

/// One message of each kind, with paths changed and long texts cut.
const SAMPLES: &str = include_str!("wire.jsonl");

fn all(kind: &str) -> impl Iterator<Item = Value> {
    SAMPLES.lines().filter_map(move |line| {
        let mut sample: Value = serde_json::from_str(line).unwrap();
        (sample["kind"] == kind).then(|| sample["m"].take())
    })
}

fn one(kind: &str) -> Value {
    all(kind).next().unwrap_or_else(|| panic!("there is a sample of {kind}"))
}

fn read(kind: &str) -> Message {
    Message::read(&one(kind).to_string())
}

fn notice(kind: &str) -> Notice {
    match read(&format!("NOTIF {kind}")) {
        Message::Notice(notice) => notice,
        other => panic!("{kind} is {other:?}"),
    }
}

fn answer<C: Call>() -> C::Answer {
    match read(&format!("RES {}", C::METHOD)) {
        Message::Answer { answer, .. } => serde_json::from_value(answer.unwrap()).unwrap(),
        other => panic!("{} is {other:?}", C::METHOD),
    }
}

fn refusal(method: &str) -> Refusal {
    match read(&format!("ERR {method}")) {
        Message::Answer { answer: Err(refusal), .. } => refusal,
        other => panic!("{method} is {other:?}"),
    }
}

#[test]
fn what_the_server_says_of_threads_is_understood() {
    let Notice::ThreadStarted(thread) = notice("thread/started") else { panic!() };
    assert!(thread.is_users() && thread.cwd == "/srv/proj");
    let status = |kind: &str| match notice(&format!("thread/status/changed{kind}")) {
        Notice::StatusChanged { status, .. } => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(" idle"), ThreadStatus::Idle);
    assert_eq!(status(" active"), ThreadStatus::Active { active_flags: vec![] });
    let asks = ThreadStatus::Active { active_flags: vec![Flag::WaitingOnApproval] };
    assert_eq!(status(" waiting"), asks);
    assert_eq!(status(" systemError"), ThreadStatus::SystemError);
    assert!(matches!(notice("thread/closed"), Notice::ThreadClosed { .. }));
    assert!(matches!(notice("thread/goal/cleared"), Notice::ThreadJoined { .. }));
    let changed = notice("thread/settings/updated");
    let Notice::PermissionsChanged { permissions, .. } = &changed else { panic!() };
    assert_eq!(permissions.approval_policy, "never");
    assert_eq!(permissions.sandbox["type"], "readOnly");
    assert!(!changed.thread().is_empty());
}

#[test]
fn what_the_server_says_of_turns_is_understood() {
    let Notice::TurnStarted { turn, .. } = notice("turn/started") else { panic!() };
    assert_eq!(turn.status, TurnStatus::InProgress);
    let Notice::TurnCompleted { turn, .. } = notice("turn/completed") else { panic!() };
    assert_eq!(turn.status, TurnStatus::Completed);
    for kind in
        ["userMessage", "agentMessage", "commandExecution", "mcpToolCall", "functionCallOutput"]
    {
        let Notice::ItemStarted { item: started, turn, .. } =
            notice(&format!("item/started {kind}"))
        else {
            panic!("{kind}");
        };
        let Notice::ItemCompleted { item, .. } = notice(&format!("item/completed {kind}")) else {
            panic!("{kind}");
        };
        assert_eq!((started.kind.as_str(), item.kind.as_str()), (kind, kind));
        assert!(!turn.is_empty() && !item.id.is_empty() && item.started_at_ms.is_some());
        assert_eq!(item.output.is_some(), kind == "functionCallOutput");
    }
}

#[test]
fn what_is_for_somebody_else_is_passed_over() {
    for kind in [
        "SRVREQ item/commandExecution/requestApproval",
        "SRVREQ mcpServer/elicitation/request",
        "NOTIF serverRequest/resolved",
        "NOTIF item/agentMessage/delta",
        "NOTIF error",
    ] {
        assert!(matches!(read(kind), Message::Other), "{kind}");
    }
}

#[test]
fn answers_hold_what_is_asked_for() {
    assert!(answer::<Initialize>().user_agent.contains("0.169"));
    assert_eq!(answer::<ListLoaded>().data.len(), 1);
    let opened = answer::<StartThread>();
    assert_eq!(opened.thread.status, ThreadStatus::Idle);
    assert_eq!(opened.permissions.approval_policy, "on-request");
    assert_eq!(opened.permissions.sandbox["type"], "workspaceWrite");
    assert_eq!(answer::<ResumeThread>().permissions, opened.permissions);
    assert_eq!(answer::<StartTurn>().turn.status, TurnStatus::InProgress);
    let items = answer::<ListItems>().data;
    assert_eq!(items[0].item.client_id.as_deref(), Some("c4"));
    assert!(!items[0].turn_id.is_empty());
    let turns = answer::<codex_sidecar::app_server::protocol::ListTurns>().data;
    assert_eq!(turns[0].status, TurnStatus::Completed);
    let _ = (answer::<SteerTurn>(), answer::<InterruptTurn>(), answer::<InjectItems>());
    let _ = (answer::<NameThread>(), answer::<UnsubscribeThread>());
}

#[test]
fn refusals_are_told_apart_by_their_words() {
    for (method, words) in [
        ("turn/start", "thread not found"),
        ("turn/steer", "no active turn to steer"),
        ("turn/interrupt", "no active turn to interrupt"),
        ("thread/resume", "no rollout found"),
    ] {
        let refusal = refusal(method);
        assert!(refusal.message.contains(words) && refusal.code == -32600, "{refusal}");
    }
}

/// Every field that we send was seen to be taken.
fn is_part_of(ours: &Value, sample: &Value, place: &str) {
    match (ours, sample) {
        (Value::Object(ours), Value::Object(sample)) => {
            for (name, value) in ours {
                let taken = sample.get(name).unwrap_or_else(|| panic!("no {place}.{name}"));
                is_part_of(value, taken, &format!("{place}.{name}"));
            }
        }
        (Value::Array(ours), Value::Array(sample)) => {
            ours.iter().zip(sample).for_each(|(ours, sample)| is_part_of(ours, sample, place));
        }
        _ => assert_eq!(
            std::mem::discriminant(ours),
            std::mem::discriminant(sample),
            "{place}: {ours} as {sample}"
        ),
    }
}

fn taken<C: Call>(call: &C) {
    let kind = format!("REQ {}", C::METHOD);
    let samples = all(&kind).map(|mut sample| sample["params"].take());
    let sample = samples.last().unwrap_or_else(|| panic!("there is a sample of {kind}"));
    is_part_of(&serde_json::to_value(call).unwrap(), &sample, C::METHOD);
}

#[test]
fn calls_are_made_as_the_server_takes_them() {
    let (thread_id, turn_id) = ("t".to_owned(), "u".to_owned());
    let input = || vec![Input::Text { text: "hello".into() }];
    taken(&ListLoaded {});
    taken(&ResumeThread { thread_id: thread_id.clone(), exclude_turns: true });
    taken(&UnsubscribeThread { thread_id: thread_id.clone() });
    taken(&InjectItems::developer("t", "hello"));
    taken(&NameThread { thread_id: thread_id.clone(), name: "n".into() });
    taken(&InterruptTurn { thread_id: thread_id.clone(), turn_id: turn_id.clone() });
    taken(&StartTurn {
        thread_id: thread_id.clone(),
        input: input(),
        client_user_message_id: "relay-42".into(),
        turn_trigger: "agent-relay",
        tool_output: None,
    });
    taken(&SteerTurn {
        thread_id,
        expected_turn_id: turn_id,
        input: input(),
        client_user_message_id: "relay-42".into(),
    });
}
