//! A task for whoever takes it first: three agents see it, one gets it, and its history tells how.
//!
//! ```text
//! agent-relay serve &
//! cargo run -p examples --example claim_a_task
//! ```

use relay_client::{
    ClientError, Config, Session, SessionError, SessionOptions,
    core::{
        api::request::{CreateTask, RegisterAgent},
        error::Code,
        id::TaskId,
        task::{Status, Task},
    },
};

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut workers = Vec::new();
    for number in 1..=3 {
        workers.push(start(&format!("example-worker-{number}")).await?);
    }
    let boss = start("example-boss").await?;
    let work = CreateTask::new("Review the pull request".parse()?, "cap:example-review".parse()?);
    let task = boss.create_task(work).await?;
    println!("task {} is {}", task.id, task.status);

    let mut held = None;
    for worker in &mut workers {
        let message = worker.next().await?.message;
        let id = message.task_id.ok_or("this mail announces no task")?;
        if let Some(task) = claim(worker, id).await? {
            held = Some((worker, task));
        }
    }
    let (worker, task) = held.ok_or("somebody else took it")?;
    worker.report(&task, Status::InProgress, Some("read half of it")).await?;
    worker.report(&task, Status::Done, Some("approved")).await?;

    for event in boss.relay().task_events(task.id).await? {
        let by = event.by.map(|by| by.to_string()).unwrap_or_default();
        println!("{} {by}", event.kind);
    }
    for session in workers.into_iter().chain([boss]) {
        session.end().await?;
    }
    Ok(())
}

/// The task, where this worker is the one who gets it.
async fn claim(worker: &Session, id: TaskId) -> Result<Option<Task>, Error> {
    match worker.claim_task(id).await {
        Ok(task) => {
            println!("{} has it", worker.id());
            Ok(Some(task))
        }
        Err(SessionError::Relay(ClientError::Refused(no))) if no.is(Code::AlreadyClaimed) => {
            println!("{} came too late: {no}", worker.id());
            Ok(None)
        }
        Err(other) => Err(other.into()),
    }
}

async fn start(id: &str) -> Result<Session, Error> {
    let config = Config::from_env()?;
    let mut register = RegisterAgent::new(id.parse()?);
    if id.contains("worker") {
        register.capabilities = Some(vec!["example-review".parse()?]);
    }
    config.describe(&mut register);
    Ok(Session::start(config.relay()?, register, SessionOptions::default()).await?)
}
