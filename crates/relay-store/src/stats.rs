//! Counts, and how the database is doing.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use relay_core::{
    agent::Status,
    lease::STALLED_AFTER,
    stats::{AgentCounts, CallbackCounts, Check, MessageCounts, Minute, Stats, TaskCounts},
    time::Timestamp,
};
use sqlx::Row;

use crate::{
    error::StoreError,
    place::Place,
    queue::Command,
    search::set_counter,
    store::{Store, WriterState},
    tx::Tx,
};

const MINUTE: i64 = 60_000;

/// What the writer has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterMetrics {
    /// Transactions committed.
    pub commits: u64,
    /// Commands in them.
    pub commands: u64,
    /// Time spent on them, from the first statement to the end of the commit, in microseconds.
    pub commit_micros: u64,
    /// Commands that wait now.
    pub queue_depth: u64,
    /// The size of the write-ahead log, in bytes.
    pub wal_bytes: u64,
}

impl Store {
    /// Counts what there is. Version, start and streams are the server's to fill in.
    pub async fn stats(&self) -> Result<Stats, StoreError> {
        let sql = "SELECT count(*) AS total, \
             coalesce(sum(CASE WHEN claim_state = 'open' THEN 1 ELSE 0 END), 0) AS open, \
             coalesce(sum(CASE WHEN claim_state = 'held' THEN 1 ELSE 0 END), 0) AS claimed, \
             coalesce(sum(CASE WHEN claim_state = 'held' AND claim_at <= $1 THEN 1 ELSE 0 END), 0) AS stalled, \
             coalesce(sum(CASE WHEN claim_state = 'done' THEN 1 ELSE 0 END), 0) AS done \
             FROM message WHERE deleted_at IS NULL";
        let stalled_before = self.now().minus(STALLED_AFTER);
        let row = sqlx::query(sql).bind(stalled_before.0).fetch_one(&self.readers).await?;
        let count =
            |column: &str| -> Result<u64, StoreError> { Ok(row.try_get::<i64, _>(column)? as u64) };
        Ok(Stats {
            agents: self.count_agents(),
            messages: MessageCounts {
                total: count("total")?,
                open: count("open")?,
                claimed: count("claimed")?,
                stalled: count("stalled")?,
                done: count("done")?,
            },
            tasks: self.count_tasks().await?,
            callbacks: self.count_callbacks().await?,
            pairs: self.count_pairs().await?,
            seq: self.head(),
            ..Stats::default()
        })
    }

    async fn count_tasks(&self) -> Result<TaskCounts, StoreError> {
        let sql = "SELECT status, count(*) AS n FROM task \
             WHERE status IN ('open', 'claimed', 'in_progress', 'blocked') GROUP BY status";
        let mut counts = TaskCounts::default();
        for row in sqlx::query(sql).fetch_all(&self.readers).await? {
            let n = row.try_get::<i64, _>("n")? as u64;
            match row.try_get::<String, _>("status")?.as_str() {
                "open" => counts.open = n,
                "claimed" => counts.claimed = n,
                "in_progress" => counts.in_progress = n,
                _ => counts.blocked = n,
            }
        }
        Ok(counts)
    }

    async fn count_callbacks(&self) -> Result<CallbackCounts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM callback WHERE state = 'waiting') AS waiting, \
             (SELECT count(*) FROM callback WHERE state = 'dead') AS dead";
        let row = sqlx::query(sql).fetch_one(&self.readers).await?;
        let count = |column| row.try_get::<i64, _>(column).map(|n| n as u64);
        Ok(CallbackCounts { waiting: count("waiting")?, dead: count("dead")? })
    }

    fn count_agents(&self) -> AgentCounts {
        self.shared.read(|directory| {
            let mut counts = AgentCounts::default();
            for entry in directory.agents().filter(|entry| !entry.built_in) {
                counts.total += 1;
                match entry.agent.status {
                    Status::Idle => counts.idle += 1,
                    Status::Busy => counts.busy += 1,
                    Status::Waiting => counts.waiting += 1,
                    Status::Offline => counts.offline += 1,
                }
            }
            counts
        })
    }

    /// Counts what moved in each of the last minutes, oldest first, the present one last.
    pub async fn series(&self, minutes: u32) -> Result<Vec<Minute>, StoreError> {
        let now = self.now().0 / MINUTE;
        let first = now - i64::from(minutes) + 1;
        let mut series: BTreeMap<i64, Minute> = (first..=now)
            .map(|minute| (minute, Minute { at: Timestamp(minute * MINUTE), ..Minute::default() }))
            .collect();
        let sent = "SELECT 'sent' AS name, created_at / 60000 AS minute, count(*) AS n FROM message \
             WHERE created_at >= $1 GROUP BY created_at / 60000";
        let worked = "SELECT name, at / 60000 AS minute, count(*) AS n FROM event \
             WHERE at >= $1 AND name IN ('message.claimed', 'message.done') GROUP BY name, at / 60000";
        for sql in [sent, worked] {
            let rows = sqlx::query(sql).bind(first * MINUTE).fetch_all(&self.readers).await?;
            for row in rows {
                let Some(minute) = series.get_mut(&row.try_get("minute")?) else { continue };
                let n = row.try_get::<i64, _>("n")? as u64;
                match row.try_get::<String, _>("name")?.as_str() {
                    "message.claimed" => minute.claims = n,
                    "message.done" => minute.done = n,
                    _ => minute.messages = n,
                }
            }
        }
        Ok(series.into_values().collect())
    }

    /// Looks at the writer and over the whole database.
    pub async fn checks(&self) -> Vec<Check> {
        let state = self.state();
        let writer = Check {
            name: "writer".into(),
            ok: state == WriterState::Ready,
            detail: state.to_string(),
        };
        let looked =
            tokio::time::timeout(Duration::from_secs(20), self.shared.dialect.check(&self.readers))
                .await;
        let (ok, detail) = match looked {
            Ok(Ok(found)) if found == "ok" => (true, self.shared.dialect.well().to_owned()),
            Ok(Ok(found)) => (false, self.shared.dialect.unwell(&found)),
            Ok(Err(error)) => (false, format!("cannot be read: {error}")),
            Err(_) => (true, "too large to be checked in 20 s".to_owned()),
        };
        let mut checks = vec![writer, Check { name: "database".into(), ok, detail }];
        if let Some(why) = self.reduced() {
            let detail = format!("reduced: {why}; a power cut may take what was acknowledged");
            checks.push(Check { name: "durability".into(), ok: false, detail });
        }
        checks
    }

    /// Tries to store something, after an attempt that failed: nobody else may be writing, and
    /// whoever asks whether the store is ready shall not wait for them.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.queue.run(Probe).await
    }

    /// What the writer has done since the start.
    pub fn metrics(&self) -> WriterMetrics {
        let wal_bytes = match &self.place {
            Place::File(path) => {
                std::fs::metadata(path.with_file_name(wal_name(path))).map_or(0, |meta| meta.len())
            }
            Place::Server(_) => 0,
        };
        WriterMetrics {
            commits: self.shared.commits.load(Ordering::Relaxed),
            commands: self.shared.rows.load(Ordering::Relaxed),
            commit_micros: self.shared.commit_micros.load(Ordering::Relaxed),
            queue_depth: self.queue.depth() as u64,
            wal_bytes,
        }
    }
}

struct Probe;

impl Command for Probe {
    type Reply = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let now = tx.now().0;
        set_counter(tx, "probed_at", now).await
    }
}

fn wal_name(path: &std::path::Path) -> std::ffi::OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("-wal");
    name
}
