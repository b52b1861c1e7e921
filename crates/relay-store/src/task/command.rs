//! Claiming, releasing and reporting on a task from its own side; the lease is its message's.

use relay_core::{
    api::request::UpdateTask,
    error::{Code, Refused},
    id::{AgentId, TaskId},
    task::{Actor, Source, Task},
};

use super::load;
use crate::{
    claim::{self, Subject},
    error::StoreError,
    message::Acting,
    queue::Command,
    store::Store,
    tx::{LEASE, Tx},
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
    /// Claims a task and its message. One wins; the winner who asks again gets the same grant, renewed.
    ///
    /// Refuses with `already_claimed`, with `invalid_transition` after the end, with `forbidden` whom
    /// it is not for.
    pub async fn claim_task(&self, id: TaskId, by: Acting) -> Result<Task, StoreError> {
        self.queue.run(ClaimTask { id, by }).await
    }

    /// Gives a task back; it is open again for everybody whom it is for.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub async fn release_task(&self, id: TaskId, by: Acting) -> Result<Task, StoreError> {
        self.queue.run(ReleaseTask { id, by }).await
    }

    /// Reports progress on a task, or ends it.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant, with `forbidden` an
    /// integration that did not create it.
    pub async fn update_task(
        &self,
        id: TaskId,
        by: Reporter,
        change: UpdateTask,
    ) -> Result<Task, StoreError> {
        self.queue.run(Update { id, by, change }).await
    }
}

struct ClaimTask {
    id: TaskId,
    by: Acting,
}

impl Command for ClaimTask {
    type Reply = Task;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Task, StoreError> {
        let entry = claim::acting(tx, &self.by)?;
        let task = load(tx, self.id).await?;
        if !task.work.task.status.is_active() {
            task.work.clone().claim(&entry.agent.id, LEASE, tx.now())?;
        }
        let mut subject = Subject::of_task(tx, task).await?;
        subject.claim(tx, &entry).await?;
        subject.into_task()
    }
}

struct ReleaseTask {
    id: TaskId,
    by: Acting,
}

impl Command for ReleaseTask {
    type Reply = Task;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Task, StoreError> {
        let agent = claim::acting(tx, &self.by)?.agent.id.clone();
        let task = load(tx, self.id).await?;
        task.work.clone().release(&agent, self.by.generation, tx.now())?;
        let mut subject = Subject::of_task(tx, task).await?;
        subject.give_back(tx, &agent).await?;
        subject.into_task()
    }
}

struct Update {
    id: TaskId,
    by: Reporter,
    change: UpdateTask,
}

impl Command for Update {
    type Reply = Task;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Task, StoreError> {
        let actor = match &self.by {
            Reporter::Agent(by) => Actor::Agent(claim::acting(tx, by)?.agent.id.clone()),
            Reporter::Source(_) => Actor::Source,
        };
        let task = load(tx, self.id).await?;
        if let Reporter::Source(name) = &self.by {
            check_source(&task.work.task, name)?;
        }
        let mut subject = Subject::of_task(tx, task).await?;
        subject.change(tx, |work, now| work.update(&actor, &self.change, now)).await?;
        subject.into_task()
    }
}

fn check_source(task: &Task, name: &AgentId) -> Result<(), Refused> {
    if task.source == Source::Integration(name.clone()) {
        return Ok(());
    }
    Err(Refused::new(Code::Forbidden, format!("task {} is not one of `{name}`", task.id))
        .hint("an integration changes the tasks that it created"))
}
