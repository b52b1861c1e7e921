//! Tasks: reading, claiming, reporting. What creates them is in `intake`.

use std::collections::HashMap;

use relay_core::{
    api::{query, request::UpdateTask},
    id::{AgentId, TaskId},
    task::{Task, TaskEvent},
};

use crate::{
    error::StoreError,
    event::{Log, Reader},
    message::{Acting, Page},
    store::Store,
};

/// Who reports on a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Reporter {
    /// An agent or a person.
    Agent(Acting),
    /// The integration that created it.
    Source(AgentId),
}

impl Store {
    /// One task.
    ///
    /// Refuses with `forbidden` an agent that it is neither for nor of, and an integration that did
    /// not create it.
    pub async fn task(&self, _id: TaskId, _viewer: &Reader) -> Result<Task, StoreError> {
        todo!()
    }

    /// The tasks that fit and that the viewer may see: the newest page, newest last.
    pub async fn tasks(
        &self,
        _query: &query::Tasks,
        _viewer: &Reader,
    ) -> Result<Page<Task>, StoreError> {
        todo!()
    }

    /// What happened to a task, oldest first.
    pub async fn task_events(
        &self,
        _id: TaskId,
        _viewer: &Reader,
    ) -> Result<Vec<TaskEvent>, StoreError> {
        todo!()
    }

    /// Claims a task and its message. One wins; the winner who asks again gets the same grant, renewed.
    pub async fn claim_task(&self, _id: TaskId, _by: Acting) -> Result<Task, StoreError> {
        todo!()
    }

    /// Gives a task back; it is open again for everybody whom it is for.
    pub async fn release_task(&self, _id: TaskId, _by: Acting) -> Result<Task, StoreError> {
        todo!()
    }

    /// Reports progress on a task, or ends it.
    pub async fn update_task(
        &self,
        _id: TaskId,
        _by: Reporter,
        _change: UpdateTask,
    ) -> Result<Task, StoreError> {
        todo!()
    }
}

impl Log {
    /// The tasks of those ids.
    pub(crate) async fn tasks_by_id(
        &self,
        ids: &[TaskId],
    ) -> Result<HashMap<TaskId, Task>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        todo!()
    }
}
