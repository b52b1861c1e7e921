//! The story of a task: reported once or often, claimed from either side, finished once.

mod common;

use std::{sync::Arc, time::Duration};

use common::{Fixture, by, code, fixture, id, words};
use futures_util::future::join_all;
use relay_core::{
    api::{query, request::Heartbeat},
    caller::Verified,
    error::Code,
    event::Name,
    id::{Seq, TaskId},
    intake::Report,
    lease::DEFAULT_SPAN,
    task::{Kind, Source, Status, Task},
};
use relay_store::{Reader, Reported, Reporter, StoreError};
use serde_json::{Value, json};

fn source() -> Source {
    Source::Integration(id("sentry"))
}

fn report(extra: &Value) -> Report {
    let mut event = json!({
        "type": "alert", "severity": "error", "title": "Disk full", "body": "on db-1",
        "target": "cap:ops", "dedupeKey": "disk",
    });
    event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value::<relay_core::api::request::PostEvent>(event).unwrap().report().unwrap()
}

async fn post(f: &Fixture, source: Source, extra: Value) -> Result<Reported, StoreError> {
    f.store.report(source, None, Verified(true), report(&extra)).await
}

async fn opened(f: &Fixture, extra: Value) -> Task {
    match post(f, source(), extra).await.unwrap() {
        Reported::Opened(task) => task,
        other => panic!("{other:?}"),
    }
}

async fn ready() -> Fixture {
    let f = fixture().await;
    f.join(json!({ "id": "a", "capabilities": ["ops"] })).await;
    f.join(json!({ "id": "b", "capabilities": ["ops"] })).await;
    f.join(json!("c")).await;
    f
}

async fn update(f: &Fixture, task: TaskId, agent: &str, change: Value) -> Result<Task, StoreError> {
    let change = serde_json::from_value(change).unwrap();
    f.store.update_task(task, Reporter::Agent(by(agent)), change).await
}

async fn history(f: &Fixture, task: TaskId) -> Vec<Kind> {
    let events = f.store.task_events(task, &Reader::All).await.unwrap();
    events.iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_report_opens_one_task_with_one_claimable_message() {
    let f = ready().await;
    let task = opened(&f, json!({})).await;
    let message = f.store.message(task.message_id.unwrap(), None).await.unwrap();
    assert_eq!((message.task_id, message.claimable), (Some(task.id), true));
    assert_eq!((message.from.as_str(), message.kind.as_str()), ("sentry", "task"));
    assert_eq!((message.subject.as_deref(), message.body.as_str()), (Some("Disk full"), "on db-1"));
    assert_eq!(f.unread("a").await, [message.id.0]);
    assert!(f.unread("c").await.is_empty());
    let Reported::Counted(again) = post(&f, source(), json!({})).await.unwrap() else { panic!() };
    assert_eq!((again.id, again.occurrence_count), (task.id, 2));
    assert_eq!(f.unread("a").await.len(), 1, "no new message");
    assert_eq!(history(&f, task.id).await, [Kind::Created, Kind::Repeated]);
}

#[tokio::test]
async fn the_same_key_opens_a_new_task_after_the_old_one_is_over() {
    let f = ready().await;
    let first = opened(&f, json!({})).await;
    let resolved = json!({ "status": "resolved" });
    let Reported::Resolved(done) = post(&f, source(), resolved.clone()).await.unwrap() else {
        panic!()
    };
    assert_eq!((done.id, done.status), (first.id, Status::Done));
    assert_eq!(
        code(f.store.claim_message(first.message_id.unwrap(), by("a")).await),
        Code::AlreadyDone
    );
    let Reported::Resolved(again) = post(&f, source(), resolved.clone()).await.unwrap() else {
        panic!()
    };
    assert_eq!(again, done, "resolved already");
    let second = opened(&f, json!({})).await;
    assert!(second.id > first.id);
    assert_eq!(second.occurrence_count, 1);
    let other = Source::Integration(id("grafana"));
    assert_eq!(code(post(&f, other, resolved).await), Code::NotFound, "sources never merge");
}

#[tokio::test]
async fn many_reports_at_once_are_one_task_and_an_exact_count() {
    let f = Arc::new(ready().await);
    let posts = (0..400).map(|n| {
        let f = f.clone();
        async move {
            let source = Source::Integration(id(if n % 2 == 0 { "sentry" } else { "grafana" }));
            post(&f, source, json!({})).await.unwrap()
        }
    });
    let all = join_all(posts).await;
    assert_eq!(all.iter().filter(|r| matches!(r, Reported::Opened(_))).count(), 2);
    let tasks = f.store.tasks(&query::Tasks::default(), &Reader::All).await.unwrap().items;
    let counts: Vec<i64> = tasks.iter().map(|task| task.occurrence_count).collect();
    assert_eq!(counts, [200, 200]);
    assert_eq!(f.unread("a").await.len(), 2);
}

#[tokio::test]
async fn a_task_and_its_message_are_claimed_as_one_from_either_side() {
    let f = ready().await;
    for from_the_task in [true, false] {
        let task = opened(&f, json!({ "dedupeKey": null })).await;
        let message = task.message_id.unwrap();
        if from_the_task {
            f.store.claim_task(task.id, by("a")).await.unwrap();
        } else {
            f.store.claim_message(message, by("a")).await.unwrap();
        }
        let task = f.store.task(task.id, &Reader::All).await.unwrap();
        let message = f.store.message(message, None).await.unwrap();
        assert_eq!(task.status, Status::Claimed);
        assert_eq!(task.claim, message.claim);
        assert_eq!(task.claim.unwrap().generation, 1);
        assert_eq!(code(f.store.claim_task(task.id, by("b")).await), Code::AlreadyClaimed);
        assert_eq!(code(f.store.claim_message(message.id, by("b")).await), Code::AlreadyClaimed);
        assert_eq!(code(f.store.claim_task(task.id, by("c")).await), Code::Forbidden);
        f.store.release_task(task.id, by("a")).await.unwrap();
        f.store.claim_message(message.id, by("b")).await.unwrap();
        f.store.release_message(message.id, by("b")).await.unwrap();
        assert_eq!(f.store.task(task.id, &Reader::All).await.unwrap().status, Status::Open);
    }
}

#[tokio::test]
async fn every_way_of_finishing_finishes_both() {
    let f = ready().await;
    for way in ["done", "reply", "update", "resolve", "cancel"] {
        let task = opened(&f, json!({})).await;
        let message = task.message_id.unwrap();
        f.store.claim_task(task.id, by("a")).await.unwrap();
        match way {
            "done" => drop(f.store.finish_message(message, by("a")).await.unwrap()),
            "reply" => {
                let to_source =
                    json!({ "to": "cap:ops", "body": "cleaned up", "replyTo": message });
                f.sent("a", to_source).await;
            }
            "update" => drop(update(&f, task.id, "a", json!({ "status": "done" })).await.unwrap()),
            "resolve" => {
                drop(post(&f, source(), json!({ "status": "resolved" })).await.unwrap());
            }
            _ => {
                drop(update(&f, task.id, "human", json!({ "status": "cancelled" })).await.unwrap());
            }
        }
        let task = f.store.task(task.id, &Reader::All).await.unwrap();
        assert!(!task.status.is_active(), "{way}");
        assert_eq!(task.result.as_deref(), (way == "reply").then_some("cleaned up"));
        let claim = f.store.message(message, None).await.unwrap().claim.unwrap();
        assert!(claim.done_at.is_some(), "{way}");
        let refused = update(&f, task.id, "a", json!({ "status": "done" })).await;
        assert_eq!(code(refused), Code::InvalidTransition, "{way}");
        assert_eq!(code(f.store.claim_task(task.id, by("b")).await), Code::InvalidTransition);
    }
}

#[tokio::test]
async fn a_task_is_open_again_when_its_holder_is_gone() {
    let f = ready().await;
    let task = opened(&f, json!({})).await;
    f.store.claim_task(task.id, by("a")).await.unwrap();
    update(&f, task.id, "a", json!({ "status": "blocked", "progress": "no key" })).await.unwrap();
    f.patch("a", json!({ "status": "offline" })).await;
    let released = f.store.task(task.id, &Reader::All).await.unwrap();
    assert_eq!((released.status, released.claim), (Status::Open, None));
    assert_eq!(released.progress.as_deref(), Some("no key"), "the next one reads on");
    f.store.claim_message(task.message_id.unwrap(), by("b")).await.unwrap();
    f.advance(DEFAULT_SPAN);
    assert_eq!(f.store.release_lapsed().await.unwrap(), 1);
    let late = update(&f, task.id, "b", json!({ "status": "done", "generation": 2 })).await;
    assert_eq!(code(late), Code::LeaseLost);
    let words: Vec<&str> = history(&f, task.id).await.into_iter().map(Kind::as_str).collect();
    assert_eq!(words, ["created", "claimed", "blocked", "released", "claimed", "released"]);
}

#[tokio::test]
async fn a_heartbeat_renews_a_task_as_it_does_a_message() {
    let f = ready().await;
    let task = opened(&f, json!({})).await;
    f.store.claim_task(task.id, by("a")).await.unwrap();
    for _ in 0..5 {
        f.advance(DEFAULT_SPAN / 2);
        f.store.heartbeat(&id("a"), Heartbeat::default(), None).await.unwrap();
    }
    assert_eq!(f.store.release_lapsed().await.unwrap(), 0);
    update(&f, task.id, "a", json!({ "status": "done", "generation": 1 })).await.unwrap();
}

#[tokio::test]
async fn who_may_see_a_task() {
    let f = ready().await;
    let task = opened(&f, json!({})).await;
    let agent = |name: &str| Reader::Agent { id: id(name), presence: false };
    for (viewer, sees) in [
        (Reader::All, true),
        (agent("a"), true),
        (agent("c"), false),
        (Reader::Integration(id("SENTRY")), true),
        (Reader::Integration(id("grafana")), false),
    ] {
        assert_eq!(f.store.task(task.id, &viewer).await.is_ok(), sees, "{viewer:?}");
        assert_eq!(f.store.task_events(task.id, &viewer).await.is_ok(), sees, "{viewer:?}");
        let page = f.store.tasks(&query::Tasks::default(), &viewer).await.unwrap();
        assert_eq!(page.items.len(), usize::from(sees), "{viewer:?}");
    }
    let own = json!({ "title": "Look", "target": "cap:ops" });
    let own = Report::Firing(
        serde_json::from_value::<relay_core::api::request::CreateTask>(own).unwrap().into(),
    );
    f.store.report(Source::Relay, Some(by("c")), Verified(true), own).await.unwrap();
    let page = f.store.tasks(&query::Tasks::default(), &agent("c")).await.unwrap();
    assert_eq!(page.items[0].source, Source::Agent(id("c")), "who created it sees it");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let f = ready().await;
    for n in 0..5 {
        opened(&f, json!({ "dedupeKey": format!("k{n}") })).await;
    }
    let list = |query: &str| {
        let pairs: Vec<_> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect();
        let query = query::Tasks::read(&pairs).unwrap();
        let store = f.store.clone();
        async move {
            let page = store.tasks(&query, &Reader::All).await.unwrap();
            (page.items.iter().map(|task| task.id).collect::<Vec<_>>(), page.more)
        }
    };
    let (all, _) = list("").await;
    f.store.claim_task(all[0], by("a")).await.unwrap();
    update(&f, all[0], "a", json!({ "status": "failed" })).await.unwrap();
    f.store.claim_task(all[1], by("a")).await.unwrap();
    assert_eq!(list("status=failed").await.0, all[..1]);
    assert_eq!(list("status=active").await.0, all[1..]);
    assert_eq!(list("status=open").await.0, all[2..]);
    assert_eq!(list("source=Sentry").await.0, all);
    assert!(list("source=agent:sentry").await.0.is_empty());
    assert_eq!(list("target=cap:ops").await.0, all);
    assert!(list("target=cap:op").await.0.is_empty());
    assert_eq!(list("limit=2").await, (all[3..].to_vec(), true));
    assert_eq!(list(&format!("limit=3&before={}", all[3])).await, (all[..3].to_vec(), false));
}

#[tokio::test]
async fn the_log_tells_of_every_step_once_and_in_order() {
    let f = ready().await;
    let start = f.store.head();
    let task = opened(&f, json!({})).await;
    f.store.claim_message(task.message_id.unwrap(), by("a")).await.unwrap();
    update(&f, task.id, "a", json!({ "status": "in_progress" })).await.unwrap();
    f.store.release_task(task.id, by("a")).await.unwrap();
    let m = task.message_id.unwrap();
    assert_eq!(
        words(&f.replay("b", start).await),
        [
            "task.created".to_owned(),
            format!("message.new {m}"),
            format!("message.claimed {m}"),
            "task.claimed".to_owned(),
            "task.updated".to_owned(),
            format!("message.claim_released {m}"),
            "task.released".to_owned(),
        ]
    );
    let events = f.replay("b", start).await;
    let told = |name: Name| events.iter().find(|event| event.name == name).unwrap();
    let updated = told(Name::TaskUpdated);
    assert_eq!(updated.task_event.as_ref().unwrap().kind, Kind::Progress);
    assert_eq!(updated.task.as_ref().unwrap().id, task.id);
    assert_eq!(told(Name::TaskCreated).seq, Seq(task.id.0), "a task's id is its event's number");
    assert!(f.replay("c", start).await.is_empty());
}

#[tokio::test]
async fn a_live_tasks_message_stays() {
    let f = ready().await;
    let task = opened(&f, json!({})).await;
    let message = task.message_id.unwrap();
    assert_eq!(code(f.store.delete_message(message, None).await), Code::InvalidTransition);
    f.advance(Duration::from_hours(24 * 40));
    while f.store.retain(Duration::from_hours(24 * 30)).await.unwrap().more {}
    assert!(f.store.message(message, None).await.is_ok());
    update(&f, task.id, "human", json!({ "status": "cancelled" })).await.unwrap();
    f.store.delete_message(message, None).await.unwrap();
    assert_eq!(code(f.store.claim_task(task.id, by("a")).await), Code::InvalidTransition);
    f.advance(Duration::from_hours(24 * 31));
    while f.store.retain(Duration::from_hours(24 * 30)).await.unwrap().more {}
    assert_eq!(code(f.store.task(task.id, &Reader::All).await), Code::NotFound);
    assert_eq!(code(f.store.message(message, None).await), Code::NotFound);
}

#[tokio::test]
async fn an_unknown_target_opens_nothing() {
    let f = ready().await;
    let head = f.store.head();
    assert_eq!(code(post(&f, source(), json!({ "target": "ghost" })).await), Code::TargetNotFound);
    assert_eq!(code(f.store.claim_task(TaskId(999), by("a")).await), Code::NotFound);
    assert_eq!(f.store.head(), head);
}
