//! Upkeep: who is stale, who is pruned, and what is old enough to go, in small chunks.

use std::time::Duration;

use relay_core::{
    agent::Status,
    event::ReleaseReason,
    id::{MessageId, Seq},
    time::Timestamp,
};
use sqlx::Row;

use crate::{
    agent, claim,
    directory::{Change, Entry},
    error::StoreError,
    pair,
    queue::Command,
    search::set_counter,
    store::Store,
    tx::Tx,
};

/// The most rows that one transaction removes, so that no sender waits for long.
const CHUNK: i64 = 500;

/// What a look for stale agents did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Agents that went offline.
    pub offline: u64,
    /// Agents that were removed.
    pub pruned: u64,
    /// Claims that opened again.
    pub released: u64,
}

/// What one chunk of retention removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Messages removed.
    pub messages: u64,
    /// Events removed.
    pub events: u64,
    /// Finished tasks removed, with their histories and callbacks.
    pub tasks: u64,
    /// True when there is more to remove.
    pub more: bool,
}

impl Store {
    /// Takes agents offline that were not heard of for `stale_after`, and removes those that have
    /// been offline for `prune_after`.
    pub async fn reap(
        &self,
        stale_after: Duration,
        prune_after: Duration,
    ) -> Result<Reaped, StoreError> {
        let now = self.now();
        let due = self.shared.read(|directory| {
            directory.agents().any(|entry| {
                is_stale(entry, now, stale_after) || is_pruned(entry, now, prune_after)
            })
        });
        if !due {
            return Ok(Reaped::default());
        }
        self.queue.run(Reap { stale_after, prune_after }).await
    }

    /// Removes one chunk of what is older than `keep`. Claims in somebody's hands stay, and so do tasks
    /// that are not finished and pairs that are not over, with their messages. Readers whose cursor
    /// lies in what was removed are told of the gap.
    pub async fn retain(&self, keep: Duration) -> Result<Retention, StoreError> {
        let before = self.now().minus(keep);
        let sql = "SELECT (SELECT created_at FROM message ORDER BY id LIMIT 1) AS m, \
             (SELECT at FROM event ORDER BY seq LIMIT 1) AS e";
        let oldest = sqlx::query(sql).fetch_one(&self.readers).await?;
        let old = |column: &str| -> Result<bool, StoreError> {
            Ok(oldest.try_get::<Option<i64>, _>(column)?.is_some_and(|at| at < before.0))
        };
        if !old("m")? && !old("e")? {
            return Ok(Retention::default());
        }
        self.queue.run(Retain { keep }).await
    }
}

fn is_stale(entry: &Entry, now: Timestamp, after: Duration) -> bool {
    let agent = &entry.agent;
    agent.is_live() && !entry.built_in && agent.last_seen_at < now.minus(after)
}

fn is_pruned(entry: &Entry, now: Timestamp, after: Duration) -> bool {
    !entry.agent.is_live() && !entry.built_in && entry.agent.status_at < now.minus(after)
}

struct Reap {
    stale_after: Duration,
    prune_after: Duration,
}

impl Command for Reap {
    type Reply = Reaped;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Reaped, StoreError> {
        let now = tx.now();
        let mut reaped = Reaped::default();
        let stale: Vec<_> = tx
            .directory
            .agents()
            .filter(|entry| is_stale(entry, now, self.stale_after))
            .cloned()
            .collect();
        let pruned: Vec<_> = tx
            .directory
            .agents()
            .filter(|entry| is_pruned(entry, now, self.prune_after))
            .cloned()
            .collect();
        for entry in stale {
            reaped.released +=
                claim::release_all(tx, &entry.agent.id, ReleaseReason::Offline).await?;
            let mut agent = entry.agent.clone();
            agent.be(Status::Offline, now);
            agent::changed(tx, &entry, agent).await?;
            reaped.offline += 1;
        }
        for entry in pruned {
            agent::remove(tx, &entry, entry.credential.clone()).await?;
            reaped.pruned += 1;
        }
        Ok(reaped)
    }
}

struct Retain {
    keep: Duration,
}

impl Command for Retain {
    type Reply = Retention;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Retention, StoreError> {
        let before = tx.now().minus(self.keep).0;
        let tasks = remove_tasks(tx, before).await?;
        let (messages, last_message) = old_messages(tx, before).await?;
        let (events, last_event) = old_events(tx, before).await?;
        let ids = serde_json::to_string(&messages)?;
        for sql in [
            "DELETE FROM receipt WHERE message_id IN (EACH_ID($1))",
            "DELETE FROM message WHERE id IN (EACH_ID($1))",
        ] {
            tx.execute(sqlx::query(tx.dialect.sql(sql)).bind(ids.clone())).await?;
        }
        tx.execute(sqlx::query(tx.dialect.forget_texts()).bind(ids)).await?;
        let sql = "DELETE FROM event WHERE seq <= $1 AND at < $2";
        tx.execute(sqlx::query(sql).bind(last_event).bind(before)).await?;
        let through = last_message.max(last_event);
        if through > 0 {
            note_gap(tx, through).await?;
        }
        forget_agents(tx, before).await?;
        pair::forget(tx, before).await?;
        let most = CHUNK as u64;
        let more = messages.len() as u64 >= most || events >= most || tasks >= most;
        Ok(Retention { messages: messages.len() as u64, events, tasks, more })
    }
}

/// The oldest messages that may go, and the largest number among them.
async fn old_messages(tx: &mut Tx<'_>, before: i64) -> Result<(Vec<MessageId>, i64), StoreError> {
    let sql = "SELECT id FROM message WHERE id <= $3 AND created_at < $1 \
         AND (claim_state IS NULL OR claim_state <> 'held') \
         AND (task_id IS NULL OR NOT EXISTS (SELECT 1 FROM task t WHERE t.id = task_id)) \
         AND (pair_id IS NULL OR pair_id NOT IN (SELECT d.pair_id FROM paired d)) ORDER BY id LIMIT $2";
    let horizon = horizon(tx, before).await?;
    let query = sqlx::query(sql).bind(before).bind(CHUNK).bind(horizon);
    let rows = query.fetch_all(&mut *tx.connection).await?;
    let ids: Vec<MessageId> = rows
        .iter()
        .map(|row| Ok(MessageId(row.try_get("id")?)))
        .collect::<Result<_, StoreError>>()?;
    let last = ids.last().map_or(0, |id| id.0);
    Ok((ids, last))
}

/// Removes tasks that were finished long ago, and callbacks that were delivered long ago.
async fn remove_tasks(tx: &mut Tx<'_>, before: i64) -> Result<u64, StoreError> {
    let sql =
        "SELECT id FROM task WHERE active = 0 AND updated_at < $1 ORDER BY updated_at LIMIT $2";
    let rows = sqlx::query(sql).bind(before).bind(CHUNK).fetch_all(&mut *tx.connection).await?;
    let ids: Vec<i64> =
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect::<Result<_, StoreError>>()?;
    let list = serde_json::to_string(&ids)?;
    for sql in [
        "DELETE FROM callback WHERE task_id IN (EACH_ID($1))",
        "DELETE FROM task_event WHERE task_id IN (EACH_ID($1))",
        "DELETE FROM task WHERE id IN (EACH_ID($1))",
    ] {
        tx.execute(sqlx::query(tx.dialect.sql(sql)).bind(list.clone())).await?;
    }
    let sql = "DELETE FROM callback WHERE id IN \
         (SELECT id FROM callback WHERE state = 'delivered' AND ended_at < $1 ORDER BY ended_at LIMIT $2)";
    tx.execute(sqlx::query(sql).bind(before).bind(CHUNK)).await?;
    Ok(ids.len() as u64)
}

/// A number above which no message is old: found by halving, because time has no index of its own
/// and grows with the ids.
async fn horizon(tx: &mut Tx<'_>, before: i64) -> Result<i64, StoreError> {
    let (mut low, mut high) = (0, tx.last_seq().0);
    while low < high {
        let middle = low + (high - low + 1) / 2;
        let sql = "SELECT created_at FROM message WHERE id >= $1 ORDER BY id LIMIT 1";
        let row = sqlx::query(sql).bind(middle).fetch_optional(&mut *tx.connection).await?;
        let old = row
            .map(|row| row.try_get::<i64, _>("created_at"))
            .transpose()?
            .is_some_and(|at| at < before);
        if old { low = middle } else { high = middle - 1 }
    }
    Ok(low.saturating_add(CHUNK))
}

async fn old_events(tx: &mut Tx<'_>, before: i64) -> Result<(u64, i64), StoreError> {
    let sql = "SELECT count(*) AS n, coalesce(max(seq), 0) AS last FROM \
         (SELECT seq FROM event WHERE at < $1 ORDER BY seq LIMIT $2) AS old";
    let row = sqlx::query(sql).bind(before).bind(CHUNK).fetch_one(&mut *tx.connection).await?;
    Ok((row.try_get::<i64, _>("n")? as u64, row.try_get("last")?))
}

async fn note_gap(tx: &mut Tx<'_>, through: i64) -> Result<(), StoreError> {
    let sql = "SELECT value FROM counter WHERE name = 'pruned_through'";
    let row = sqlx::query(sql).fetch_optional(&mut *tx.connection).await?;
    let known: i64 = row.map(|row| row.try_get("value")).transpose()?.unwrap_or(0);
    if through > known {
        set_counter(tx, "pruned_through", through).await?;
        tx.outcome.pruned_through = Some(Seq(through));
    }
    Ok(())
}

/// Forgets removed agents whose mail is gone too.
async fn forget_agents(tx: &mut Tx<'_>, before: i64) -> Result<(), StoreError> {
    let old = |entry: &Entry| entry.removed_at.is_some_and(|at| at.0 < before);
    let gone: Vec<_> =
        tx.directory.removed().filter(|entry| old(entry)).map(|e| e.agent.id.clone()).collect();
    for id in gone {
        tx.execute(sqlx::query("DELETE FROM agent WHERE id = $1").bind(id.to_string())).await?;
        tx.change(Change::Forget(id));
    }
    Ok(())
}
