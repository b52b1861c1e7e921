//! The story of a callback: written with the event it tells of, sent in order, given up on, sent again.

mod common;

use std::{sync::Arc, time::Duration};

use common::{START, by, code, id};
use relay_core::{
    api::query,
    callback::{Callback, Failure, Next},
    caller::Verified,
    error::Code,
    id::{CallbackId, TaskId},
    intake::Report,
    task::{Kind, Source, Task},
    time::ManualClock,
};
use relay_store::{Config, Due, Known, Place, Presented, Reaped, Reported, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Fixture {
    store: Store,
    clock: ManualClock,
    place: Place,
    _folder: TempDir,
}

async fn open(place: &Place, clock: &ManualClock) -> Store {
    let known = |name: &str, callback| Known { name: id(name), callback };
    let config = Config {
        clock: Some(Arc::new(clock.clone())),
        integrations: vec![known("Sentry", true), known("quiet", false)],
        ..Config::at(place.clone())
    };
    Store::open(config).await.unwrap()
}

async fn ready() -> Fixture {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START));
    let place = common::place(&folder).await;
    let store = open(&place, &clock).await;
    Fixture { store, clock, place, _folder: folder }
}

impl Fixture {
    async fn post(&self, source: &str, key: &str) -> Task {
        let event = json!({
            "type": "alert", "severity": "info", "title": "t", "body": "b", "target": "human",
            "dedupeKey": key,
        });
        let event: relay_core::api::request::PostEvent = serde_json::from_value(event).unwrap();
        let source = Source::Integration(id(source));
        match self.store.report(source, None, Verified(true), event.report().unwrap()).await {
            Ok(Reported::Opened(task) | Reported::Counted(task)) => task,
            other => panic!("{other:?}"),
        }
    }

    async fn due(&self) -> Vec<Due> {
        self.store.due_callbacks(&id("sentry"), &[], 100).await.unwrap()
    }

    async fn fail(&self, callback: CallbackId, next: Next) {
        let failure = Failure { status: Some(500), why: "500".into(), retry_after: None };
        self.store.callback_failed(callback, failure, next).await.unwrap();
    }

    async fn dead(&self) -> Vec<CallbackId> {
        let page = self.store.dead_letters(&query::DeadLetters::default()).await.unwrap();
        page.items.iter().map(|letter| letter.id).collect()
    }
}

fn of(due: &[Due]) -> Vec<(TaskId, Kind, i64)> {
    let read = |due: &Due| {
        let callback: Callback = serde_json::from_str(&due.body).unwrap();
        (due.task_id, callback.event, callback.sequence)
    };
    due.iter().map(read).collect()
}

#[tokio::test]
async fn callbacks_of_a_task_are_due_one_after_the_other() {
    let f = ready().await;
    let (a, b) = (f.post("sentry", "a").await.id, f.post("sentry", "b").await.id);
    f.post("sentry", "a").await;
    f.store.claim_task(a, by("human")).await.unwrap();
    assert_eq!(of(&f.due().await), [(a, Kind::Created, 1), (b, Kind::Created, 1)]);
    f.store.callback_delivered(f.due().await[0].id).await.unwrap();
    let due = f.due().await;
    assert_eq!(of(&due), [(b, Kind::Created, 1), (a, Kind::Repeated, 2)], "the longest due first");
    let under_way: Vec<_> = due.iter().map(|due| due.id).collect();
    let rest = f.store.due_callbacks(&id("sentry"), &under_way, 9).await.unwrap();
    assert!(rest.is_empty(), "what is under way holds its task up");
    f.store.callback_delivered(due[1].id).await.unwrap();
    assert_eq!(of(&f.due().await), [(b, Kind::Created, 1), (a, Kind::Claimed, 3)]);
}

#[tokio::test]
async fn a_callback_says_how_the_task_was_then() {
    let f = ready().await;
    let task = f.post("sentry", "a").await;
    f.store.claim_task(task.id, by("human")).await.unwrap();
    let first: Value = serde_json::from_str(&f.due().await[0].body).unwrap();
    assert_eq!((&first["task"]["status"], &first["event"]), (&json!("open"), &json!("created")));
    assert_eq!(first["taskEvent"]["taskId"], json!(task.id));
    assert_eq!(first["at"], json!(START.0));
}

#[tokio::test]
async fn nobody_else_is_called_back() {
    let f = ready().await;
    f.post("quiet", "a").await;
    f.post("gone", "a").await;
    for name in ["quiet", "gone", "sentry"] {
        assert_eq!(f.store.next_callback_at(&id(name), &[]).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_failed_one_waits_and_holds_up_its_task_only() {
    let f = ready().await;
    let a = f.post("sentry", "a").await.id;
    f.post("sentry", "a").await;
    let wait = Duration::from_secs(5);
    f.fail(f.due().await[0].id, Next::RetryIn(wait)).await;
    assert!(f.due().await.is_empty());
    let next = f.store.next_callback_at(&id("sentry"), &[]).await.unwrap();
    assert_eq!(next, Some(START.plus(wait)));
    let b = f.post("sentry", "b").await.id;
    assert_eq!(of(&f.due().await), [(b, Kind::Created, 1)]);
    f.clock.advance(wait);
    assert_eq!(f.due().await.iter().map(|due| due.attempts).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(of(&f.due().await)[1], (a, Kind::Created, 1));
}

#[tokio::test]
async fn after_a_dead_letter_its_successors_go_on_and_it_can_be_sent_again() {
    let mut f = ready().await;
    let a = f.post("sentry", "a").await.id;
    f.post("sentry", "a").await;
    let first = f.due().await[0].id;
    f.fail(first, Next::GiveUp).await;
    assert_eq!(of(&f.due().await), [(a, Kind::Repeated, 2)]);
    f.store.close().await;
    f.store = open(&f.place, &f.clock).await;
    assert_eq!(f.dead().await, [first], "it survives a restart");
    let letter = f.store.retry_dead_letter(first).await.unwrap();
    assert_eq!((letter.event, letter.last_status, letter.attempts), (Kind::Created, Some(500), 1));
    assert_eq!(of(&f.due().await), [(a, Kind::Created, 1), (a, Kind::Repeated, 2)]);
    assert!(f.dead().await.is_empty());
    assert_eq!(code(f.store.retry_dead_letter(first).await), Code::NotFound);
    f.fail(first, Next::RetryIn(Duration::from_hours(1))).await;
    assert_eq!(of(&f.due().await), [(a, Kind::Repeated, 2)], "it holds up nobody");
}

#[tokio::test]
async fn whoever_waits_for_callbacks_is_told() {
    let f = ready().await;
    let mut written = f.store.callbacks_written();
    f.post("quiet", "a").await;
    assert!(!written.has_changed().unwrap());
    f.post("sentry", "a").await;
    assert!(written.has_changed().unwrap());
    written.mark_unchanged();
    f.store.callback_delivered(f.due().await[0].id).await.unwrap();
    assert!(written.has_changed().unwrap(), "the next of the task may be due");
}

#[tokio::test]
async fn what_was_seen_of_integrations_is_counted() {
    let f = ready().await;
    f.post("sentry", "a").await;
    f.post("Sentry", "b").await;
    f.post("quiet", "a").await;
    let resolved = Report::Resolved { dedupe_key: "b".into() };
    let source = Source::Integration(id("SENTRY"));
    f.store.report(source, None, Verified(true), resolved).await.unwrap();
    f.fail(f.due().await[0].id, Next::GiveUp).await;
    let seen = f.store.integrations().await.unwrap();
    let find = |name: &str| seen.iter().find(|(own, _)| *own == id(name)).unwrap().1;
    let sentry = find("sentry");
    assert_eq!((sentry.tasks, sentry.active_tasks), (2, 1));
    assert_eq!((sentry.waiting_callbacks, sentry.dead_letters), (2, 1));
    assert_eq!(find("quiet").last_seen_at, Some(START));
    let stats = f.store.stats().await.unwrap();
    assert_eq!((stats.callbacks.waiting, stats.callbacks.dead, stats.tasks.open), (2, 1, 2));
}

#[tokio::test]
async fn mail_to_an_integration_is_taken_and_its_name_is_no_agents() {
    let f = ready().await;
    let message = json!({ "to": "sentry", "body": "thanks" });
    let message = serde_json::from_value(message).unwrap();
    f.store.send_message(id("human"), Verified(true), message).await.unwrap();
    let about = serde_json::from_value(json!({ "id": "SENTRY" })).unwrap();
    let mode = relay_core::identity::Mode::Mark;
    let taken = f.store.register_agent(about, Presented::default(), mode).await;
    assert_eq!(code(taken), Code::ReservedId);
    assert!(f.store.agents(&query::Agents::default()).await.unwrap().items.is_empty());
    let hour = Duration::from_hours(1);
    f.clock.advance(hour * 9_000);
    assert_eq!(f.store.reap(hour, hour).await.unwrap(), Reaped::default(), "never reaped");
}
