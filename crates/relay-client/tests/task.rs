//! Working on tasks as an agent, against a real relay.

use std::time::Duration;

use relay_client::{
    Incoming, Relay, Session, SessionError, SessionOptions,
    core::{
        api::{
            query,
            request::{ActOnClaim, CreateTask, RegisterAgent},
        },
        error::Code,
        id::AgentId,
        task::{Status, Task},
    },
};
use relay_server::testing::TestRelay;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(relay: &TestRelay) -> Relay {
    Relay::new(&relay.url(), None).unwrap()
}

async fn start(relay: &TestRelay, agent: &str) -> Session {
    let mut register = RegisterAgent::new(agent.parse().unwrap());
    register.capabilities = Some(vec!["ops".parse().unwrap()]);
    Session::start(client(relay), register, SessionOptions::default()).await.unwrap()
}

async fn create(relay: &TestRelay, title: &str) -> Task {
    let from = Some(AgentId::human());
    let request =
        CreateTask { from, ..CreateTask::new(title.parse().unwrap(), "cap:ops".parse().unwrap()) };
    client(relay).create_task(&request).await.unwrap()
}

async fn next(session: &mut Session) -> Incoming {
    tokio::time::timeout(PATIENCE, session.next()).await.expect("a message comes").unwrap()
}

fn refused(error: &SessionError, code: Code) -> bool {
    matches!(error, SessionError::Relay(error) if error.is(code))
}

#[tokio::test]
async fn a_task_comes_as_mail_and_is_worked_on_to_its_end() {
    let relay = TestRelay::start().await;
    let mut session = start(&relay, "b").await;
    let created = create(&relay, "disk full").await;
    let message = next(&mut session).await.message;
    assert_eq!((message.id, message.task_id), (created.message_id.unwrap(), Some(created.id)));
    let task = session.task(&message).await.unwrap().expect("it announces one");
    assert_eq!((task.title.as_str(), task.status), ("disk full", Status::Open));

    session.claim(&message).await.unwrap();
    let progress = session.report(&task, Status::InProgress, Some("freed 2 GB")).await.unwrap();
    assert_eq!(progress.progress.as_deref(), Some("freed 2 GB"));
    session.report(&task, Status::Blocked, None).await.unwrap();
    let done = session.report(&task, Status::Done, Some("rotated the logs")).await.unwrap();
    assert_eq!((done.status, done.result.as_deref()), (Status::Done, Some("rotated the logs")));
    let again = session.report(&task, Status::Done, None).await.unwrap_err();
    assert!(refused(&again, Code::InvalidTransition), "{again}");

    let events = client(&relay).task_events(task.id).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["created", "claimed", "progress", "blocked", "done"]);
    let page = client(&relay).tasks(&query::Tasks::default()).await.unwrap();
    assert_eq!((page.items.len(), page.has_more()), (1, false));
}

#[tokio::test]
async fn who_lost_a_task_cannot_finish_it() {
    let relay = TestRelay::start().await;
    let (first, second) = (start(&relay, "a").await, start(&relay, "b").await);
    let id = create(&relay, "t").await.id;
    let held = first.claim_task(id).await.unwrap();
    let taken = second.claim_task(id).await.unwrap_err();
    assert!(refused(&taken, Code::AlreadyClaimed), "{taken}");

    // Behind the session's back, as another process of the same agent would.
    let agent_id = Some(first.id().clone());
    let act = ActOnClaim { agent_id, instance_id: None, epoch: None, generation: None };
    first.relay().release_task(id, &act).await.unwrap();
    first.relay().claim_task(id, &act).await.unwrap();
    let late = first.report(&held, Status::Done, Some("mine")).await.unwrap_err();
    assert!(refused(&late, Code::LeaseLost), "the grant is another one: {late}");
    first.relay().release_task(id, &act).await.unwrap();
    let task = second.claim_task(id).await.unwrap();
    assert_eq!(second.release_task(&task).await.unwrap().status, Status::Open);
}

#[tokio::test]
async fn a_task_that_is_given_back_is_offered_again() {
    let relay = TestRelay::start().await;
    let (first, mut second) = (start(&relay, "a").await, start(&relay, "b").await);
    let task = create(&relay, "t").await;
    assert!(!next(&mut second).await.again);
    let held = first.claim_task(task.id).await.unwrap();
    first.release_task(&held).await.unwrap();
    let again = next(&mut second).await;
    assert_eq!((again.again, again.message.task_id), (true, Some(task.id)));
    let own = CreateTask::new("u".parse().unwrap(), "a".parse().unwrap());
    let created = second.create_task(own).await.unwrap();
    assert_eq!(created.source.to_string(), "agent:b");
}
