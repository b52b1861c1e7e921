//! Tasks: reading them, and writing down what happened to them. What creates them is in `intake`; the
//! lease that they share with their messages is in `claim`.

mod command;

use std::collections::HashMap;

use relay_core::{
    api::query::{self, DEFAULT_LIMIT, TaskFilter},
    channel::Subscription,
    error::{Code, Refused},
    event::Event,
    id::{AgentId, Seq, TaskId},
    task::{Source, Step, Task, TaskEvent, Work},
    time::Timestamp,
};
use sqlx::{Row, any::AnyRow};

use crate::{
    callback,
    error::StoreError,
    event::{Log, Reader},
    message::Page,
    row::{self, task_columns},
    store::Store,
    tx::Tx,
};

pub use command::Reporter;

/// The most entries of a history that are shown: the newest.
const MOST_EVENTS: i64 = 1_000;

/// A task with its lease, and how many entries its history has.
#[derive(Clone, Debug)]
pub(crate) struct StoredTask {
    pub(crate) work: Work,
    pub(crate) sequence: i64,
}

impl Store {
    /// One task.
    ///
    /// Refuses with `forbidden` an agent that it is neither for nor of, and an integration that did
    /// not create it.
    pub async fn task(&self, id: TaskId, viewer: &Reader) -> Result<Task, StoreError> {
        let found = self.log.tasks_by_id(&[id]).await?.remove(&id).ok_or_else(|| unknown(id))?;
        if self.may_see(&found, viewer) {
            return Ok(found);
        }
        Err(Refused::new(Code::Forbidden, format!("task {id} is none of yours"))
            .hint(
                "an agent sees the tasks that it matches, holds or created; an integration its own",
            )
            .into())
    }

    fn may_see(&self, task: &Task, viewer: &Reader) -> bool {
        match viewer {
            Reader::All => true,
            Reader::Integration(name) => task.source == Source::Integration(name.clone()),
            Reader::Agent { id, .. } => {
                let agent = self.shared.read(|d| d.get(id).map(|entry| entry.agent.clone()));
                task.parties().any(|party| party == id)
                    || agent.is_some_and(|agent| task.is_for(&agent))
            }
        }
    }

    /// The tasks that fit and that the viewer may see: the newest page, newest last.
    pub async fn tasks(
        &self,
        query: &query::Tasks,
        viewer: &Reader,
    ) -> Result<Page<Task>, StoreError> {
        let sql = self.shared.dialect.sql(concat!(
            "SELECT ",
            task_columns!(),
            " FROM task t JOIN message m ON m.id = t.message_id WHERE t.id < $1 \
             AND ($2 IS NULL OR t.status = $2) AND ($3 = 0 OR t.active = 1) \
             AND ($4 IS NULL OR t.source_key = $4) AND ($5 IS NULL OR t.address = $5) \
             AND ($6 IS NULL OR t.source_key = $6) \
             AND ($7 IS NULL OR m.claim_by = $7 OR t.source_key = $8 \
              OR (t.address IN (SELECT address FROM membership WHERE agent = $7) \
                  AND ($9 IS NULL OR t.channel IS NULL OR t.channel IN (EACH($9))))) \
             ORDER BY t.id DESC LIMIT $10"
        ));
        let limit = query.limit.map_or(DEFAULT_LIMIT, |limit| limit.0) as usize;
        let status = match query.status {
            Some(TaskFilter::Status(status)) => Some(status.as_str()),
            Some(TaskFilter::Active) | None => None,
        };
        let (integration, agent) = match viewer {
            Reader::All => (None, None),
            Reader::Integration(name) => (Some(Source::Integration(name.clone()).folded()), None),
            Reader::Agent { id, .. } => (None, Some(self.shared.canonical(id))),
        };
        let own = agent.clone().map(|id| Source::Agent(id).folded());
        let channels = agent.as_ref().map(|id| self.heard(id)).transpose()?.flatten();
        let rows = sqlx::query(sql)
            .bind(query.before.map_or(i64::MAX, |id| id.0))
            .bind(status)
            .bind(i64::from(query.status == Some(TaskFilter::Active)))
            .bind(query.source.as_ref().map(Source::folded))
            .bind(query.target.as_ref().map(|target| target.address().to_string()))
            .bind(integration)
            .bind(agent.map(|id| id.to_string()))
            .bind(own)
            .bind(channels)
            .bind(limit as i64 + 1)
            .fetch_all(&self.readers)
            .await?;
        let more = rows.len() > limit;
        let mut items: Vec<Task> = rows
            .iter()
            .take(limit)
            .map(|row| Ok(row::task(row)?.work.task))
            .collect::<Result<_, StoreError>>()?;
        items.reverse();
        Ok(Page { items, more })
    }

    /// The channels that an agent hears, as a JSON list; `None` for all.
    fn heard(&self, id: &AgentId) -> Result<Option<String>, StoreError> {
        let found = self.shared.read(|d| d.get(id).map(|entry| entry.agent.channels.clone()));
        match found {
            Some(Subscription::Only(list)) => Ok(Some(serde_json::to_string(&list)?)),
            Some(Subscription::All) | None => Ok(None),
        }
    }

    /// What happened to a task, oldest first: the newest thousand entries.
    pub async fn task_events(
        &self,
        id: TaskId,
        viewer: &Reader,
    ) -> Result<Vec<TaskEvent>, StoreError> {
        self.task(id, viewer).await?;
        let sql = "SELECT id, task_id, kind, actor, data, at FROM task_event WHERE task_id = $1 \
             ORDER BY id DESC LIMIT $2";
        let query = sqlx::query(sql).bind(id.0).bind(MOST_EVENTS);
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().rev().map(read_event).collect()
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
        let sql = self.shared.dialect.sql(concat!(
            "SELECT ",
            task_columns!(),
            " FROM task t JOIN message m ON m.id = t.message_id WHERE t.id IN (EACH_ID($1))"
        ));
        let rows =
            sqlx::query(sql).bind(serde_json::to_string(ids)?).fetch_all(&self.readers).await?;
        let tasks = rows.iter().map(|row| {
            let task = row::task(row)?.work.task;
            Ok((task.id, task))
        });
        tasks.collect()
    }
}

pub(crate) fn unknown(id: TaskId) -> Refused {
    Refused::not_found(format!("task {id}"))
}

fn read_event(row: &AnyRow) -> Result<TaskEvent, StoreError> {
    let kind = row.try_get::<String, _>("kind")?;
    let actor = row.try_get::<Option<String>, _>("actor")?;
    Ok(TaskEvent {
        id: Seq(row.try_get("id")?),
        task_id: TaskId(row.try_get("task_id")?),
        kind: row::parsed(&kind)?,
        by: actor.map(|id| row::agent_id(&id)).transpose()?,
        data: serde_json::from_str(&row.try_get::<String, _>("data")?)?,
        at: Timestamp(row.try_get("at")?),
    })
}

/// The task, as the transaction sees it.
pub(crate) async fn load(tx: &mut Tx<'_>, id: TaskId) -> Result<StoredTask, StoreError> {
    let sql = concat!(
        "SELECT ",
        task_columns!(),
        " FROM task t JOIN message m ON m.id = t.message_id WHERE t.id = $1"
    );
    let found = sqlx::query(sql).bind(id.0).fetch_optional(&mut *tx.connection).await?;
    found.as_ref().map(row::task).transpose()?.ok_or_else(|| unknown(id).into())
}

/// Stores a new task, with the first entry of its history, which has the task's own number.
pub(crate) async fn create(
    tx: &mut Tx<'_>,
    stored: &mut StoredTask,
    step: Step,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO task (id, source, source_key, kind, severity, dedupe_key, title, body, target, address, \
         channel, status, active, occurrence_count, sequence, message_id, meta, created_at, last_seen_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, 0, $14, $15, $16, $16, $16)";
    let task = &stored.work.task;
    let meta = (!task.meta.is_empty()).then(|| serde_json::to_string(&task.meta)).transpose()?;
    let query = sqlx::query(sql)
        .bind(task.id.0)
        .bind(task.source.to_string())
        .bind(task.source.folded())
        .bind(task.kind.to_string())
        .bind(task.severity.as_str())
        .bind(task.dedupe_key.clone())
        .bind(task.title.to_string())
        .bind(task.body.clone())
        .bind(task.target.to_string())
        .bind(task.target.address().to_string())
        .bind(task.channel.as_ref().map(ToString::to_string))
        .bind(task.status.as_str())
        .bind(task.occurrence_count)
        .bind(task.message_id.map_or(0, |id| id.0))
        .bind(meta)
        .bind(task.created_at.0);
    tx.execute(query).await?;
    let seq = Seq(task.id.0);
    note(tx, stored, step, seq).await
}

/// Stores what a rule made of a task, with the entry of its history.
pub(crate) async fn record(
    tx: &mut Tx<'_>,
    stored: &mut StoredTask,
    step: Step,
) -> Result<(), StoreError> {
    let seq = tx.next_seq();
    note(tx, stored, step, seq).await
}

async fn note(
    tx: &mut Tx<'_>,
    stored: &mut StoredTask,
    step: Step,
    seq: Seq,
) -> Result<(), StoreError> {
    stored.sequence += 1;
    write(tx, stored).await?;
    let Step { kind, by, data } = step;
    let task = stored.work.task.clone();
    let event = TaskEvent { id: seq, task_id: task.id, kind, by: by.clone(), data, at: tx.now() };
    let sql = "INSERT INTO task_event (id, task_id, kind, actor, data, at) VALUES ($1, $2, $3, $4, $5, $6)";
    let query = sqlx::query(sql)
        .bind(seq.0)
        .bind(task.id.0)
        .bind(kind.as_str())
        .bind(by.as_ref().map(ToString::to_string))
        .bind(serde_json::to_string(&event.data)?)
        .bind(event.at.0);
    tx.execute(query).await?;
    callback::write(tx, &task, &event, stored.sequence).await?;
    let about = Event::new(seq, kind.event(), tx.now());
    tx.append(Event { task: Some(task), task_event: Some(event), by, ..about })
}

/// Writes what may change of a task; the lease is its message's to write.
async fn write(tx: &mut Tx<'_>, stored: &StoredTask) -> Result<(), StoreError> {
    let sql = "UPDATE task SET status = $1, active = $2, occurrence_count = $3, sequence = $4, progress = $5, \
         result = $6, last_seen_at = $7, updated_at = $8 WHERE id = $9";
    let task = &stored.work.task;
    let query = sqlx::query(sql)
        .bind(task.status.as_str())
        .bind(i64::from(task.status.is_active()))
        .bind(task.occurrence_count)
        .bind(stored.sequence)
        .bind(task.progress.clone())
        .bind(task.result.clone())
        .bind(task.last_seen_at.0)
        .bind(task.updated_at.0)
        .bind(task.id.0);
    tx.execute(query).await?;
    Ok(())
}
