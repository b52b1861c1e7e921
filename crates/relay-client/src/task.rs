//! Tasks: creating, reading, claiming them, reporting on them.

use relay_core::{
    api::{
        query,
        request::{ActOnClaim, CreateTask, UpdateTask},
        route::Route,
    },
    id::TaskId,
    task::{Task, TaskEvent},
};

use crate::{
    call::Call,
    error::ClientError,
    http::{Page, Relay},
};

impl Relay {
    /// Creates a task, or counts the active one of the same source with the same `dedupeKey`:
    /// `occurrence_count` is 1 for a new one.
    ///
    /// Refused with `target_not_found` when no agent has the id. Not repeated when the answer is
    /// lost, because a repeat would be counted, or open a second task where there is no key. Who
    /// rather counts once too often than not at all gives a key and calls again.
    pub async fn create_task(&self, request: &CreateTask) -> Result<Task, ClientError> {
        self.call(Call::new(Route::CreateTask).body(request)).await
    }

    /// Lists tasks that the caller may see: the newest page, newest last. The page after it is the
    /// one before it in time.
    pub async fn tasks(&self, query: &query::Tasks) -> Result<Page<Task>, ClientError> {
        self.list(Call::new(Route::ListTasks).query(query.write())).await
    }

    /// Shows one task.
    pub async fn task(&self, id: TaskId) -> Result<Task, ClientError> {
        self.call(Call::new(Route::GetTask(id))).await
    }

    /// Lists what happened to a task, oldest first.
    pub async fn task_events(&self, id: TaskId) -> Result<Vec<TaskEvent>, ClientError> {
        self.call(Call::new(Route::GetTaskEvents(id))).await
    }

    /// Claims a task and its message. One wins; the others are refused with `already_claimed`, or
    /// `invalid_transition` after the end. Whoever holds it and asks again has it renewed.
    pub async fn claim_task(&self, id: TaskId, by: &ActOnClaim) -> Result<Task, ClientError> {
        self.call(Call::new(Route::ClaimTask(id)).body(by)).await
    }

    /// Gives a task back; it is open again. Refused with `lease_lost` when the claim is not the
    /// current one.
    pub async fn release_task(&self, id: TaskId, by: &ActOnClaim) -> Result<Task, ClientError> {
        self.call(Call::new(Route::ReleaseTask(id)).body(by)).await
    }

    /// Reports progress on a task, or ends it.
    ///
    /// Refused with `lease_lost` or `not_claimed` when the claim is not the current one, with
    /// `invalid_transition` after the end. When the answer is lost, the task itself says whether it
    /// took the report: only what it did not take is reported again.
    pub async fn update_task(&self, id: TaskId, change: &UpdateTask) -> Result<Task, ClientError> {
        let report = || self.call(Call::new(Route::UpdateTask(id)).body(change));
        let lost = match report().await {
            Err(error) if error.may_have_happened() && self.repeats() => error,
            answer => return answer,
        };
        match self.task(id).await {
            Ok(task) if took(&task, change) => Ok(task),
            Ok(_) => report().await,
            Err(_) => Err(lost),
        }
    }
}

/// True when a task looks as it does after a report.
fn took(task: &Task, report: &UpdateTask) -> bool {
    let said = |now: Option<&str>, text: Option<&str>| text.is_none() || now == text;
    task.status == report.status
        && said(task.progress.as_deref(), report.progress.as_deref())
        && said(task.result.as_deref(), report.result.as_deref())
}

#[cfg(test)]
mod tests {
    use relay_core::task::Status;
    use serde_json::json;

    use super::*;
    use crate::scripted::{Answer, Scripted};

    fn task(status: &str, result: Option<&str>) -> String {
        let mut task = json!({
            "id": 7, "source": "ci", "type": "build", "severity": "error", "title": "main is red",
            "body": "", "target": "cap:build", "status": status, "occurrenceCount": 1,
            "createdAt": 0, "lastSeenAt": 0, "updatedAt": 0,
        });
        if let Some(result) = result {
            task["result"] = json!(result);
        }
        task.to_string()
    }

    fn done(result: &str) -> UpdateTask {
        let change = json!({"status": "done", "agentId": "b", "result": result});
        serde_json::from_value(change).unwrap()
    }

    fn create() -> CreateTask {
        CreateTask::new("main is red".parse().unwrap(), "cap:build".parse().unwrap())
    }

    #[tokio::test]
    async fn a_task_whose_answer_is_lost_is_not_created_again() {
        let server = Scripted::start(|_, _| Answer::Close(Vec::new())).await;
        let error = server.relay().create_task(&create()).await.unwrap_err();
        assert!(error.may_have_happened(), "{error:?}");
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_task_that_was_certainly_not_created_is_asked_for_again() {
        let server = Scripted::start(|number, _| match number {
            0 => Answer::refusal(503, "overloaded"),
            _ => Answer::json(201, &task("open", None)),
        })
        .await;
        assert_eq!(server.relay().create_task(&create()).await.unwrap().id, TaskId(7));
    }

    #[tokio::test]
    async fn a_report_whose_answer_is_lost_is_looked_up_before_it_is_made_again() {
        for (shown, requests) in [(task("done", Some("ok")), 2), (task("claimed", None), 3)] {
            let server = Scripted::start(move |number, _| match number {
                0 => Answer::Close(Vec::new()),
                1 => Answer::json(200, &shown),
                _ => Answer::json(200, &task("done", Some("ok"))),
            })
            .await;
            let task = server.relay().update_task(TaskId(7), &done("ok")).await.unwrap();
            assert_eq!((task.status, task.result.as_deref()), (Status::Done, Some("ok")));
            assert_eq!(server.requests().len(), requests);
        }
    }

    #[tokio::test]
    async fn a_report_that_is_refused_is_neither_looked_up_nor_repeated() {
        let server = Scripted::start(|_, _| Answer::refusal(409, "lease_lost")).await;
        assert!(server.relay().update_task(TaskId(7), &done("ok")).await.is_err());
        let server = Scripted::start(|_, _| Answer::Close(Vec::new())).await;
        let relay = server.relay().with_retries(0);
        assert!(relay.update_task(TaskId(7), &done("ok")).await.is_err());
        assert_eq!(server.requests().len(), 1, "who wants no repeats gets none");
    }

    #[test]
    fn a_task_took_a_report_when_it_says_the_same() {
        let now = |status, result| serde_json::from_str::<Task>(&task(status, result)).unwrap();
        assert!(took(&now("done", Some("ok")), &done("ok")));
        assert!(!took(&now("done", Some("other")), &done("ok")));
        assert!(!took(&now("open", None), &done("ok")));
        let silent: UpdateTask = serde_json::from_value(json!({"status": "done"})).unwrap();
        assert!(took(&now("done", Some("ok")), &silent), "what was not said may be anything");
    }
}
