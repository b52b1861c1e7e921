//! Tasks: creating, reading, claiming, reporting.

use relay_core::{
    api::{
        query,
        request::{ActOnClaim, CreateTask, UpdateTask},
        route::Route,
    },
    caller::Caller,
    id::TaskId,
    intake::{Draft, Report},
    task::{Source, Task, TaskEvent},
};
use relay_store::{Acting, Reader, Reporter};

use super::{
    acting,
    integration::{outcome, report},
    speaker,
};
use crate::{
    app::App,
    http::{error::HttpError, reply::Link},
};

/// `POST /api/tasks`: whether it is new, and the task.
pub async fn create(
    app: &App,
    caller: &Caller,
    mut body: CreateTask,
) -> Result<(bool, Task), HttpError> {
    let process = (body.instance_id.take(), body.epoch.take());
    let (by, verified) = speaker(app, caller, (body.from.take(), "from"), process)?;
    if let Caller::Integration(integration) = caller {
        return report(app, integration, || Ok(Report::Firing(Draft::from(body)))).await;
    }
    let source = Source::Agent(by.agent.clone());
    let draft = Report::Firing(Draft::from(body));
    Ok(outcome(app.store.report(source, Some(by), verified, draft).await?))
}

/// `GET /api/tasks`
pub async fn list(
    app: &App,
    caller: &Caller,
    mut query: query::Tasks,
) -> Result<(Vec<Task>, Option<Link>), HttpError> {
    let page = app.store.tasks(&query, &viewer(caller)).await?;
    query.before = page.items.first().map(|task| task.id);
    let next = page.more.then(|| Link::new(Route::ListTasks.to_string(), query.write()));
    Ok((page.items, next))
}

/// `GET /api/tasks/{id}`
pub async fn get(app: &App, caller: &Caller, id: TaskId) -> Result<Task, HttpError> {
    Ok(app.store.task(id, &viewer(caller)).await?)
}

/// `GET /api/tasks/{id}/events`
pub async fn events(app: &App, caller: &Caller, id: TaskId) -> Result<Vec<TaskEvent>, HttpError> {
    Ok(app.store.task_events(id, &viewer(caller)).await?)
}

/// `POST /api/tasks/{id}/claim`
pub async fn claim(
    app: &App,
    caller: &Caller,
    id: TaskId,
    body: ActOnClaim,
) -> Result<Task, HttpError> {
    Ok(app.store.claim_task(id, acting(app, caller, body)?).await?)
}

/// `POST /api/tasks/{id}/release`
pub async fn release(
    app: &App,
    caller: &Caller,
    id: TaskId,
    body: ActOnClaim,
) -> Result<Task, HttpError> {
    Ok(app.store.release_task(id, acting(app, caller, body)?).await?)
}

/// `PATCH /api/tasks/{id}/status`
pub async fn update(
    app: &App,
    caller: &Caller,
    id: TaskId,
    body: UpdateTask,
) -> Result<Task, HttpError> {
    let process = (body.instance_id.clone(), body.epoch);
    let (by, _) = speaker(app, caller, (body.agent_id.clone(), "agentId"), process)?;
    let by = match caller {
        Caller::Integration(integration) => Reporter::Source(integration.name.clone()),
        _ => Reporter::Agent(Acting { generation: body.generation, ..by }),
    };
    Ok(app.store.update_task(id, by, body).await?)
}

/// Whose tasks the caller sees.
pub fn viewer(caller: &Caller) -> Reader {
    match caller {
        Caller::Agent(id) => Reader::Agent { id: id.clone(), presence: false },
        Caller::Integration(integration) => Reader::Integration(integration.name.clone()),
        _ => Reader::All,
    }
}
