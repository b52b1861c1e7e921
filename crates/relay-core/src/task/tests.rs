use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    api::request::UpdateTask,
    event::ReleaseReason,
    lease::{DEFAULT_SPAN, Lease, State},
};

fn id(text: &str) -> AgentId {
    text.parse().unwrap()
}

fn work() -> Work {
    let task = serde_json::from_value(json!({
        "id": 7, "source": "sentry", "type": "alert", "severity": "error", "title": "Disk",
        "body": "full", "target": "cap:ops", "status": "open", "occurrenceCount": 1,
        "createdAt": 0, "lastSeenAt": 0, "updatedAt": 0,
    }));
    Work { task: task.unwrap(), lease: Lease::default() }
}

fn claimed(by: &str) -> Work {
    let mut work = work();
    work.claim(&id(by), DEFAULT_SPAN, Timestamp(0)).unwrap();
    work
}

fn change(status: Status) -> UpdateTask {
    serde_json::from_value(json!({ "status": status })).unwrap()
}

fn agent(name: &str) -> Actor {
    Actor::Agent(id(name))
}

#[test]
fn a_task_goes_from_open_to_done() {
    let mut work = work();
    let step = work.claim(&id("a"), DEFAULT_SPAN, Timestamp(1)).unwrap().unwrap();
    assert_eq!((step.kind, work.task.status), (Kind::Claimed, Status::Claimed));
    assert_eq!(work.claim(&id("a"), DEFAULT_SPAN, Timestamp(2)), Ok(None), "renewed, no news");
    for (status, kind) in [
        (Status::InProgress, Kind::Progress),
        (Status::Blocked, Kind::Blocked),
        (Status::InProgress, Kind::Progress),
        (Status::Done, Kind::Done),
    ] {
        let step = work.update(&agent("a"), &change(status), Timestamp(3)).unwrap();
        assert_eq!((step.kind, work.task.status), (kind, status));
    }
    assert_eq!(work.task.claim.unwrap().done_at, Some(Timestamp(3)));
}

#[test]
fn a_finished_task_accepts_nothing_more() {
    for status in [Status::Done, Status::Failed, Status::Cancelled] {
        let mut work = claimed("a");
        work.task.source = Source::Agent(id("a"));
        work.update(&agent("a"), &change(status), Timestamp(1)).unwrap();
        let before = work.clone();
        let codes = [
            work.claim(&id("b"), DEFAULT_SPAN, Timestamp(2)).unwrap_err().code,
            work.release(&id("a"), None, Timestamp(2)).unwrap_err().code,
            work.update(&agent("a"), &change(Status::Done), Timestamp(2)).unwrap_err().code,
            work.update(&Actor::Source, &change(Status::Done), Timestamp(2)).unwrap_err().code,
        ];
        assert_eq!(codes, [Code::InvalidTransition; 4], "{status}");
        assert_eq!(work, before);
    }
}

#[test]
fn only_the_holder_reports() {
    let by = |mut work: Work, actor: &Actor, status| {
        work.update(actor, &change(status), Timestamp(1)).map(|_| ()).map_err(|r| r.code)
    };
    assert_eq!(by(work(), &agent("a"), Status::Done), Err(Code::NotClaimed));
    assert_eq!(by(claimed("a"), &agent("b"), Status::Done), Err(Code::LeaseLost));
    assert_eq!(by(claimed("a"), &agent("b"), Status::Cancelled), Err(Code::LeaseLost));
    assert_eq!(by(claimed("a"), &Actor::Source, Status::Failed), Err(Code::Forbidden));
    assert_eq!(by(claimed("a"), &agent("a"), Status::Open), Err(Code::InvalidTransition));
    assert_eq!(by(work(), &agent("a"), Status::Claimed), Err(Code::InvalidTransition));
}

#[test]
fn an_old_grant_cannot_report() {
    let mut work = claimed("a");
    work.revoke(ReleaseReason::Lapsed, Timestamp(1)).unwrap();
    work.claim(&id("a"), DEFAULT_SPAN, Timestamp(2)).unwrap();
    let old = UpdateTask { generation: Some(1), ..change(Status::Done) };
    let refused = work.update(&agent("a"), &old, Timestamp(3)).unwrap_err();
    assert_eq!((refused.code, work.task.status), (Code::LeaseLost, Status::Claimed));
}

#[test]
fn a_task_is_stalled_when_its_holder_is_silent_for_long() {
    let later = Timestamp(0).plus(crate::lease::STALLED_AFTER);
    let mut work = claimed("a");
    assert!(work.task.is_stalled(later) && !work.task.is_stalled(Timestamp(later.0 - 1)));
    work.repeat(None, Severity::Error, later);
    assert!(work.task.is_stalled(later), "another report is no progress");
    work.update(&agent("a"), &change(Status::InProgress), Timestamp(1)).unwrap();
    assert!(!work.task.is_stalled(later));
    assert!(work.task.is_stalled(later.plus(Duration::from_millis(1))));
    work.update(&agent("a"), &change(Status::Blocked), Timestamp(1)).unwrap();
    assert!(!work.task.is_stalled(later.plus(DEFAULT_SPAN)), "who is blocked has said so");
    work.finish(&id("a"), None, None, Timestamp(2)).unwrap();
    assert!(!work.task.is_stalled(later.plus(DEFAULT_SPAN)), "nor what is done");
}

#[test]
fn who_created_it_and_the_operator_call_it_off_and_the_source_resolves_it() {
    let mut own = claimed("b");
    own.task.source = Source::Agent(id("a"));
    own.update(&agent("a"), &change(Status::Cancelled), Timestamp(1)).unwrap();
    assert_eq!(own.task.claim.unwrap().by, id("a"));
    for (actor, status) in [
        (agent("human"), Status::Cancelled),
        (Actor::Source, Status::Cancelled),
        (Actor::Source, Status::Done),
    ] {
        for mut work in [work(), claimed("b")] {
            work.update(&actor, &change(status), Timestamp(1)).unwrap();
            assert_eq!(work.task.status, status);
            assert!(matches!(work.lease.state, State::Done { .. }));
        }
    }
}

#[test]
fn texts_are_kept_and_told() {
    let mut work = claimed("a");
    let half = serde_json::from_value(json!({ "status": "in_progress", "progress": "half" }));
    let step = work.update(&agent("a"), &half.unwrap(), Timestamp(1)).unwrap();
    assert_eq!(step.data["progress"], "half");
    let end = serde_json::from_value(json!({ "status": "resolved", "result": "fixed" })).unwrap();
    let step = work.update(&agent("a"), &end, Timestamp(2)).unwrap();
    assert_eq!((step.kind, &step.data["result"]), (Kind::Done, &json!("fixed")));
    let Task { progress, result, .. } = work.task;
    assert_eq!((progress.as_deref(), result.as_deref()), (Some("half"), Some("fixed")));
}

#[test]
fn sources_print_as_they_parse() {
    for text in ["sentry", "agent:a", "agent:human", "token:7", "relay"] {
        assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
    }
    for text in ["", "cap:x", "agent:", "token:x", "a b"] {
        assert!(text.parse::<Source>().is_err(), "{text}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Claim(u8),
    Release(u8, Option<i64>),
    Update(u8, Status, Option<i64>),
    BySource(Status),
    Finish(u8),
    Revoke,
    Resolve,
    Repeat,
    Wait(u32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let who = 0..3_u8;
    let status = prop::sample::select(Status::ALL.to_vec());
    let generation = prop_oneof![Just(None), (0..5_i64).prop_map(Some)];
    let one = prop_oneof![
        who.clone().prop_map(Move::Claim),
        (who.clone(), generation.clone()).prop_map(|(a, g)| Move::Release(a, g)),
        (who.clone(), status.clone(), generation).prop_map(|(a, s, g)| Move::Update(a, s, g)),
        status.prop_map(Move::BySource),
        who.prop_map(Move::Finish),
        Just(Move::Revoke),
        Just(Move::Resolve),
        Just(Move::Repeat),
        (0..200_000_u32).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 0..60)
}

fn make(work: &mut Work, step: Move, now: &mut Timestamp) -> Option<Step> {
    let who = |n: u8| id(&format!("a{n}"));
    match step {
        Move::Claim(a) => work.claim(&who(a), DEFAULT_SPAN, *now).ok().flatten(),
        Move::Release(a, g) => work.release(&who(a), g, *now).ok(),
        Move::Update(a, s, g) => {
            let change = UpdateTask { generation: g, ..change(s) };
            work.update(&Actor::Agent(who(a)), &change, *now).ok()
        }
        Move::BySource(s) => work.update(&Actor::Source, &change(s), *now).ok(),
        Move::Finish(a) => work.finish(&who(a), None, None, *now).ok().flatten(),
        Move::Revoke => work.revoke(ReleaseReason::Lapsed, *now),
        Move::Resolve if work.task.status.is_active() => Some(work.resolve(*now)),
        Move::Repeat if work.task.status.is_active() => {
            Some(work.repeat(None, Severity::Error, *now))
        }
        Move::Resolve | Move::Repeat => None,
        Move::Wait(ms) => {
            *now = now.plus(Duration::from_millis(u64::from(ms)));
            None
        }
    }
}

proptest! {
    #[test]
    fn any_list_of_moves_keeps_status_and_lease_together(moves in moves()) {
        let (mut work, mut now) = (work(), Timestamp(0));
        for step in moves {
            let before = work.clone();
            let told = make(&mut work, step, &mut now);
            let fits = match work.lease.state {
                State::Open => work.task.status == Status::Open,
                State::Held(_) => {
                    matches!(work.task.status, Status::Claimed | Status::InProgress | Status::Blocked)
                }
                State::Done { .. } => !work.task.status.is_active(),
            };
            prop_assert!(fits, "{:?} with {:?} after {step:?}", work.task.status, work.lease.state);
            prop_assert_eq!(&work.task.claim, &Claim::of(&work.lease));
            if !before.task.status.is_active() {
                prop_assert_eq!(&work, &before, "a finished task changed");
            }
            if told.is_none() {
                prop_assert_eq!(work.task.status, before.task.status, "silently changed");
            }
        }
    }
}
