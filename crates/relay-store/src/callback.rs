//! Callbacks: what integrations are told, from a table that the tasks' own transactions write.

use std::collections::BTreeMap;

use relay_core::{
    api::query::{self, DEFAULT_LIMIT},
    callback::{Callback, DeadLetter, Failure, MOST_DEAD_LETTERS, Next},
    error::Refused,
    id::{AgentId, CallbackId, TaskId},
    integration::Seen,
    task::{Source, Task, TaskEvent},
    time::Timestamp,
};
use sqlx::{Row, any::AnyRow};
use tokio::sync::watch;

use crate::{error::StoreError, message::Page, queue::Command, row, store::Store, tx::Tx};

/// The columns of a dead letter.
macro_rules! letter_columns {
    () => {
        "id, integration, task_id, sequence, kind, attempts, last_status, last_error, created_at, ended_at"
    };
}

/// The waiting callbacks of an integration `$1` that may be sent, those in `$2` left out: for each
/// task the first, and what is sent again by request.
macro_rules! sendable {
    () => {
        "c.integration = $1 AND c.state = 'waiting' AND c.id NOT IN (EACH_ID($2)) \
         AND (c.resent = 1 OR NOT EXISTS (SELECT 1 FROM callback p WHERE p.integration = c.integration \
              AND p.task_id = c.task_id AND p.state = 'waiting' AND p.resent = 0 AND p.sequence < c.sequence))"
    };
}

/// A callback that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Its id; it stays the same over all attempts.
    pub id: CallbackId,
    /// The task it tells of.
    pub task_id: TaskId,
    /// How often it was tried.
    pub attempts: u32,
    /// What is posted, as it was written.
    pub body: String,
}

impl Store {
    /// The callbacks of an integration that are due, the longest due first: for each task the first
    /// that was not delivered, and what is sent again by request. None that is in `under_way`.
    pub async fn due_callbacks(
        &self,
        integration: &AgentId,
        under_way: &[CallbackId],
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let sql = self.shared.dialect.sql(concat!(
            "SELECT c.id, c.task_id, c.attempts, c.body FROM callback c WHERE ",
            sendable!(),
            " AND c.next_at <= $3 ORDER BY c.next_at, c.id LIMIT $4"
        ));
        let query = sqlx::query(sql)
            .bind(integration.folded())
            .bind(serde_json::to_string(under_way)?)
            .bind(self.now().0)
            .bind(i64::from(limit));
        let due = |row: &AnyRow| {
            Ok(Due {
                id: CallbackId(row.try_get("id")?),
                task_id: TaskId(row.try_get("task_id")?),
                attempts: row.try_get::<i64, _>("attempts")? as u32,
                body: row.try_get("body")?,
            })
        };
        query.fetch_all(&self.readers).await?.iter().map(due).collect()
    }

    /// When the next callback of an integration is due, of those that are not in `under_way`.
    pub async fn next_callback_at(
        &self,
        integration: &AgentId,
        under_way: &[CallbackId],
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = self
            .shared
            .dialect
            .sql(concat!("SELECT min(c.next_at) AS next_at FROM callback c WHERE ", sendable!()));
        let query =
            sqlx::query(sql).bind(integration.folded()).bind(serde_json::to_string(under_way)?);
        let row = query.fetch_one(&self.readers).await?;
        Ok(row.try_get::<Option<i64>, _>("next_at")?.map(Timestamp))
    }

    /// Notes that a callback was delivered; the next of its task is due.
    pub async fn callback_delivered(&self, id: CallbackId) -> Result<(), StoreError> {
        self.queue.run(Delivered { id }).await
    }

    /// Notes a failed attempt, and what becomes of the callback. Past the most dead letters that are
    /// kept, the oldest are forgotten.
    pub async fn callback_failed(
        &self,
        id: CallbackId,
        failure: Failure,
        next: Next,
    ) -> Result<(), StoreError> {
        self.queue.run(Failed { id, failure, next }).await
    }

    /// Changes whenever a callback was written, or is due again.
    pub fn callbacks_written(&self) -> watch::Receiver<u64> {
        self.shared.callbacks.subscribe()
    }

    /// The callbacks that were given up on, oldest first.
    pub async fn dead_letters(
        &self,
        query: &query::DeadLetters,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let sql = concat!(
            "SELECT ",
            letter_columns!(),
            " FROM callback WHERE state = 'dead' AND id > $1 AND ($2 IS NULL OR integration = $2) \
             ORDER BY id LIMIT $3"
        );
        let limit = query.limit.map_or(DEFAULT_LIMIT, |limit| limit.0) as usize;
        let rows = sqlx::query(sql)
            .bind(query.after.map_or(0, |id| id.0))
            .bind(query.integration.as_ref().map(AgentId::folded))
            .bind(limit as i64 + 1)
            .fetch_all(&self.readers)
            .await?;
        let items = rows.iter().take(limit).map(letter).collect::<Result<_, _>>()?;
        Ok(Page { items, more: rows.len() > limit })
    }

    /// Sends a callback again that was given up on: due now, with all its attempts. The later events
    /// of its task, which have gone on without it, do not wait for it.
    ///
    /// Refuses with `not_found` what is no dead letter.
    pub async fn retry_dead_letter(&self, id: CallbackId) -> Result<DeadLetter, StoreError> {
        self.queue.run(Retry { id }).await
    }

    /// What was seen of each integration.
    pub async fn integrations(&self) -> Result<Vec<(AgentId, Seen)>, StoreError> {
        let mut seen: BTreeMap<String, (AgentId, Seen)> = BTreeMap::new();
        let sql = "SELECT source_key, min(source) AS source, count(*) AS tasks, \
             CAST(sum(active) AS BIGINT) AS active, max(last_seen_at) AS last_seen_at FROM task \
             WHERE source_key NOT LIKE '%:%' AND source_key <> 'relay' GROUP BY source_key";
        for row in sqlx::query(sql).fetch_all(&self.readers).await? {
            let name = row::agent_id(&row.try_get::<String, _>("source")?)?;
            let tasks = Seen {
                active_tasks: row.try_get::<i64, _>("active")? as u64,
                tasks: row.try_get::<i64, _>("tasks")? as u64,
                last_seen_at: Some(Timestamp(row.try_get("last_seen_at")?)),
                ..Seen::default()
            };
            seen.insert(row.try_get("source_key")?, (name, tasks));
        }
        let sql = "SELECT integration, state, count(*) AS n FROM callback \
             WHERE state IN ('waiting', 'dead') GROUP BY integration, state";
        for row in sqlx::query(sql).fetch_all(&self.readers).await? {
            let key: String = row.try_get("integration")?;
            let name = row::agent_id(&key)?;
            let (_, seen) = seen.entry(key).or_insert_with(|| (name, Seen::default()));
            let n = row.try_get::<i64, _>("n")? as u64;
            match row.try_get::<String, _>("state")?.as_str() {
                "dead" => seen.dead_letters = n,
                _ => seen.waiting_callbacks = n,
            }
        }
        Ok(seen.into_values().collect())
    }
}

fn letter(row: &AnyRow) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        id: CallbackId(row.try_get("id")?),
        integration: row::agent_id(&row.try_get::<String, _>("integration")?)?,
        task_id: TaskId(row.try_get("task_id")?),
        event: row::parsed(&row.try_get::<String, _>("kind")?)?,
        sequence: row.try_get("sequence")?,
        attempts: row.try_get::<i64, _>("attempts")? as u32,
        last_status: row.try_get::<Option<i64>, _>("last_status")?.map(|status| status as u16),
        last_error: row.try_get::<Option<String>, _>("last_error")?.unwrap_or_default(),
        created_at: Timestamp(row.try_get("created_at")?),
        died_at: Timestamp(row.try_get::<Option<i64>, _>("ended_at")?.unwrap_or_default()),
    })
}

/// Writes down what the task's integration is to be told, if it is called back.
pub(crate) async fn write(
    tx: &mut Tx<'_>,
    task: &Task,
    event: &TaskEvent,
    sequence: i64,
) -> Result<(), StoreError> {
    let Source::Integration(name) = &task.source else { return Ok(()) };
    if !tx.directory.is_called_back(name) {
        return Ok(());
    }
    let body = serde_json::to_string(&Callback {
        event: event.kind,
        sequence,
        at: event.at,
        task: task.clone(),
        task_event: event.clone(),
    })?;
    let sql = "INSERT INTO callback (id, integration, task_id, sequence, kind, body, state, resent, attempts, \
         next_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, 'waiting', 0, 0, $7, $7)";
    let query = sqlx::query(sql)
        .bind(event.id.0)
        .bind(name.folded())
        .bind(task.id.0)
        .bind(sequence)
        .bind(event.kind.as_str())
        .bind(body)
        .bind(event.at.0);
    tx.execute(query).await?;
    tx.outcome.callbacks = true;
    Ok(())
}

struct Delivered {
    id: CallbackId,
}

impl Command for Delivered {
    type Reply = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let sql = "UPDATE callback SET state = 'delivered', attempts = attempts + 1, ended_at = $1 \
             WHERE id = $2 AND state = 'waiting'";
        tx.execute(sqlx::query(sql).bind(tx.now().0).bind(self.id.0)).await?;
        tx.outcome.callbacks = true;
        Ok(())
    }
}

struct Failed {
    id: CallbackId,
    failure: Failure,
    next: Next,
}

impl Command for Failed {
    type Reply = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let (state, next_at, ended_at) = match self.next {
            Next::RetryIn(wait) => ("waiting", tx.now().plus(wait), None),
            Next::GiveUp => ("dead", tx.now(), Some(tx.now().0)),
        };
        let sql = "UPDATE callback SET state = $1, next_at = $2, ended_at = $3, attempts = attempts + 1, \
             last_status = $4, last_error = $5 WHERE id = $6 AND state = 'waiting'";
        let query = sqlx::query(sql)
            .bind(state)
            .bind(next_at.0)
            .bind(ended_at)
            .bind(self.failure.status.map(i64::from))
            .bind(self.failure.why.clone())
            .bind(self.id.0);
        tx.execute(query).await?;
        if self.next == Next::GiveUp {
            forget_oldest(tx).await?;
        }
        tx.outcome.callbacks = true;
        Ok(())
    }
}

async fn forget_oldest(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let sql = "DELETE FROM callback WHERE state = 'dead' AND id <= \
         (SELECT id FROM callback WHERE state = 'dead' ORDER BY id DESC LIMIT 1 OFFSET $1)";
    tx.execute(sqlx::query(sql).bind(MOST_DEAD_LETTERS)).await?;
    Ok(())
}

struct Retry {
    id: CallbackId,
}

impl Command for Retry {
    type Reply = DeadLetter;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<DeadLetter, StoreError> {
        let sql = concat!(
            "SELECT ",
            letter_columns!(),
            " FROM callback WHERE id = $1 AND state = 'dead'"
        );
        let found = sqlx::query(sql).bind(self.id.0).fetch_optional(&mut *tx.connection).await?;
        let letter = found.as_ref().map(letter).transpose()?.ok_or_else(|| {
            Refused::not_found(format!("dead letter {}", self.id))
                .hint("list them: agent-relay integrations dead-letters")
        })?;
        let sql = "UPDATE callback SET state = 'waiting', resent = 1, attempts = 0, next_at = $1, ended_at = NULL \
             WHERE id = $2";
        tx.execute(sqlx::query(sql).bind(tx.now().0).bind(self.id.0)).await?;
        tx.outcome.callbacks = true;
        Ok(letter)
    }
}
