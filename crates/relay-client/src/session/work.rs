//! Working on tasks as an agent. A task and the message that announces it are claimed as one, so
//! [`Member::claim`], [`Member::done`], [`Member::release`] and an answer do for tasks, too; here is
//! what only tasks have.

use relay_core::{
    api::request::{CreateTask, UpdateTask},
    id::TaskId,
    message::Message,
    task::{Status, Task},
};

use super::{Member, SessionError, member::body};

impl Member {
    /// The task that a message announces, as it is now; `None` for other mail.
    pub async fn task(&self, message: &Message) -> Result<Option<Task>, SessionError> {
        let Some(id) = message.task_id else { return Ok(None) };
        Ok(Some(self.relay().task(id).await?))
    }

    /// Creates a task as this agent; see [`Relay::create_task`](crate::Relay::create_task).
    pub async fn create_task(&self, request: CreateTask) -> Result<Task, SessionError> {
        self.fenced(|relay, (instance_id, epoch)| {
            let from = Some(self.id().clone());
            let request = CreateTask { from, instance_id, epoch, ..request.clone() };
            async move { relay.create_task(&request).await }
        })
        .await
    }

    /// Claims a task and its message. The session's heartbeats keep the claim.
    ///
    /// Refused with `already_claimed` when somebody else was first.
    pub async fn claim_task(&self, id: TaskId) -> Result<Task, SessionError> {
        let task = self
            .act(None, move |relay, act| async move { relay.claim_task(id, &act).await })
            .await?;
        if let (Some(message), Some(claim)) = (task.message_id, &task.claim) {
            self.grants().insert(message, claim.generation);
        }
        Ok(task)
    }

    /// Reports how far a claimed task is: `in_progress` or `blocked` with what was done so far, or
    /// `done` or `failed`, which end it, with what came of it.
    ///
    /// Refused with `lease_lost` when the claim is no longer ours.
    pub async fn report(
        &self,
        task: &Task,
        status: Status,
        text: Option<&str>,
    ) -> Result<Task, SessionError> {
        let text = text.map(body).transpose()?;
        let (progress, result) = if status.is_active() { (text, None) } else { (None, text) };
        let (id, generation) = (task.id, self.grant_of(task));
        let task = self
            .fenced(|relay, (instance_id, epoch)| {
                let (progress, result) = (progress.clone(), result.clone());
                let agent_id = Some(self.id().clone());
                let change = UpdateTask {
                    status,
                    agent_id,
                    generation,
                    progress,
                    result,
                    instance_id,
                    epoch,
                };
                async move { relay.update_task(id, &change).await }
            })
            .await?;
        if !status.is_active() {
            self.forget(&task);
        }
        Ok(task)
    }

    /// Gives a claimed task back, for others.
    pub async fn release_task(&self, task: &Task) -> Result<Task, SessionError> {
        let id = task.id;
        let released = self
            .act(self.grant_of(task), move |relay, act| async move {
                relay.release_task(id, &act).await
            })
            .await?;
        self.forget(&released);
        Ok(released)
    }

    /// The grant this session has, or, after a restart, the one that the task shows.
    fn grant_of(&self, task: &Task) -> Option<i64> {
        let held = task.message_id.and_then(|message| self.grants().get(&message).copied());
        let shown = task.claim.as_ref().filter(|claim| claim.by == *self.id());
        held.or(shown.map(|claim| claim.generation))
    }

    fn forget(&self, task: &Task) {
        if let Some(message) = task.message_id {
            self.grants().remove(&message);
        }
    }
}
