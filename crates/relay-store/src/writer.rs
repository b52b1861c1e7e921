//! The one writer: commands queue to one task, which drains what is waiting into one transaction,
//! commits once, and then answers all of them.
//!
//! A command decides before it writes, so a refusal has nothing to undo. When a statement fails the
//! batch is rolled back and its commands run again one at a time, so that one bad command harms no
//! other. When the disk fails at the commit nobody is told yes: the connection is thrown away, and
//! nothing is written until the database was opened again, checked, and its log flushed anew.

mod reopen;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use relay_core::id::Seq;
use sqlx::{AnyConnection, Connection, Executor};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    batch::{self, Batch},
    checkpoint,
    clock::StoreClock,
    dialect::{self, Dialect, Standing, sqlite},
    directory::Directory,
    error::StoreError,
    event::Log,
    feed::{self, Told},
    follow::Follower,
    load,
    place::Place,
    queue::{self, Item, Queue},
    send::{self, Sending},
    shared::Shared,
    store::{Known, WriterState},
    tx::{Outcome, Tx},
};

/// A batch on a server that answers takes a fraction of it. One that takes longer has lost its
/// connection without being told.
const LONGEST: Duration = Duration::from_secs(20);

/// Who is told what was committed.
pub(crate) enum Teller {
    /// Those who listen, at once: nobody else writes.
    Feed(feed::Sender),
    /// Who puts it in order with what other servers have committed.
    Follower(Follower),
}

impl Teller {
    /// Tells of a batch that came behind a number; waits where the listener is far behind.
    async fn tell(&self, after: i64, told: Told) {
        match self {
            // A listener that went away is told nothing more.
            Self::Feed(feed) => drop(feed.send(told).await),
            Self::Follower(follower) => follower.committed(Seq(after), told).await,
        }
    }
}

pub(crate) struct Writer {
    place: Place,
    dialect: Dialect,
    connection: Option<AnyConnection>,
    directory: Directory,
    /// The version that the writer's own directory has.
    version: i64,
    last: i64,
    /// Whether the commit of the batch under way was asked for.
    committing: bool,
    channel: Option<String>,
    clock: Arc<StoreClock>,
    shared: Arc<Shared>,
    teller: Teller,
    log: Log,
    checkpoint_due: checkpoint::Due,
    unmoved: u64,
    integrations: Vec<Known>,
    items: mpsc::Receiver<Item>,
    /// What was taken from the queue and is no part of a batch.
    kept: Option<Item>,
}

/// What the writer starts with.
pub(crate) struct Start {
    pub(crate) place: Place,
    pub(crate) connection: AnyConnection,
    pub(crate) directory: Directory,
    pub(crate) standing: Standing,
    pub(crate) channel: Option<String>,
    pub(crate) clock: Arc<StoreClock>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) teller: Teller,
    pub(crate) log: Log,
    pub(crate) checkpoint_due: checkpoint::Due,
    pub(crate) integrations: Vec<Known>,
    pub(crate) depth: usize,
}

/// Starts the writer.
pub(crate) fn spawn(start: Start) -> Queue {
    let (queue, items) = queue::channel(start.depth);
    let writer = Writer {
        dialect: start.place.dialect(),
        place: start.place,
        connection: Some(start.connection),
        directory: start.directory,
        version: start.standing.directory,
        last: start.standing.highest,
        committing: false,
        channel: start.channel,
        clock: start.clock,
        shared: start.shared,
        teller: start.teller,
        log: start.log,
        checkpoint_due: start.checkpoint_due,
        unmoved: 0,
        integrations: start.integrations,
        items,
        kept: None,
    };
    tokio::spawn(writer.serve());
    queue
}

/// What a batch has done, where it began, and where it led to.
struct Written {
    outcome: Outcome,
    /// The largest number before it.
    after: i64,
    /// The directory's version before it.
    began: i64,
    /// The version behind it, where it changed something.
    version: Option<i64>,
}

impl Writer {
    async fn serve(mut self) {
        let mut items = Vec::with_capacity(batch::MOST);
        let mut closing = None;
        while closing.is_none() && self.wait(&mut items).await > 0 {
            let mut batch = Batch::new();
            for item in items.drain(..) {
                match batch.take(item) {
                    Some(Item::BeginLogAgain(done)) => {
                        self.begin_log_again().await;
                        let _ = done.send(());
                    }
                    Some(Item::Close(done)) => {
                        self.items.close();
                        closing = Some(done);
                    }
                    _ => {}
                }
            }
            self.process(batch).await;
        }
        self.drain().await;
        self.shared.set_state(WriterState::Closed);
        if let Some(mut connection) = self.connection.take() {
            if self.dialect == Dialect::Sqlite
                && let Err(error) = sqlite::checkpoint(&mut connection).await
            {
                tracing::warn!(%error, "the log could not be moved into the database; the next start does it");
            }
            let _ = connection.close().await;
        }
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    /// Waits for something to do.
    async fn wait(&mut self, items: &mut Vec<Item>) -> usize {
        if let Some(kept) = self.kept.take() {
            items.push(kept);
            return items.len();
        }
        self.items.recv_many(items, batch::MOST).await
    }

    /// Writes what was queued before the queue was closed.
    async fn drain(&mut self) {
        while let Some(item) = self.items.recv().await {
            match item {
                Item::Send(send) => self.process(Batch::of_send(*send)).await,
                Item::Run(job) => self.process(Batch::of_job(job)).await,
                Item::BeginLogAgain(done) | Item::Close(done) => drop(done.send(())),
            }
        }
    }

    /// A failure here is no harm: the next checkpoint tries again, and commits do not depend on it.
    async fn begin_log_again(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = sqlite::begin_log_again(connection).await {
            tracing::warn!(%error, "the log could not begin again; tried again soon");
        }
    }

    async fn process(&mut self, mut batch: Batch) {
        if batch.len() == 0 {
            return;
        }
        let Err(error) = self.attempt(&mut batch).await else { return batch.answer(None) };
        if !matches!(error, StoreError::Statement(_)) || batch.len() == 1 {
            tracing::error!(%error, commands = batch.len(), "a batch was not acknowledged");
            return batch.answer(Some(&error));
        }
        for job in batch.jobs {
            Box::pin(self.process(Batch::of_job(job))).await;
        }
        for send in batch.sends {
            Box::pin(self.process(Batch::of_send(send))).await;
        }
    }

    /// Writes a batch; when it fails, nothing of it is there and nothing of it was told. A connection to
    /// a server may have ended while it was not used: where it failed before the commit, the batch is
    /// tried once more on a new one.
    async fn attempt(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let kept = self.connection.is_some() && self.dialect == Dialect::Postgres;
        match self.attempt_once(batch).await {
            Err(StoreError::Failed(_)) if kept && !self.committing => {
                self.attempt_once(batch).await
            }
            done => done,
        }
    }

    async fn attempt_once(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reopen().await?,
        };
        let before = self.last;
        let started = stopwatch();
        // A command that panics takes its batch with it, never the writer.
        let writing = AssertUnwindSafe(self.write(&mut connection, batch)).catch_unwind();
        let written = match timeout(LONGEST, writing).await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(StoreError::Failed("a command panicked".into())),
            Err(_) if self.committing => Err(StoreError::OutcomeUnknown),
            Err(_) => Err(StoreError::Failed("the database does not answer".into())),
        };
        match written {
            Ok(written) => {
                self.connection = Some(connection);
                let rows = batch.len() as u64;
                self.shared.commits.fetch_add(1, Ordering::Relaxed);
                self.shared.rows.fetch_add(rows, Ordering::Relaxed);
                let text: u64 = batch.sends.iter().map(Sending::size).sum();
                self.count_unmoved(checkpoint::COMMIT + rows * checkpoint::ROW + text);
                let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.shared.commit_micros.fetch_add(micros, Ordering::Relaxed);
                self.tell(written).await;
                Ok(())
            }
            Err(error) => {
                self.last = before;
                self.begin_anew().await;
                if error.is_suspect() {
                    self.shared.set_state(WriterState::Failed(error.to_string()));
                    drop(connection.close_hard().await);
                } else {
                    // The rollback of what already rolled itself back is refused, which is fine.
                    let _ = connection.execute("ROLLBACK").await;
                    if matches!(error, StoreError::Full) {
                        self.shared.set_state(WriterState::Full);
                    }
                    self.connection = Some(connection);
                }
                Err(error)
            }
        }
    }

    /// Forgets what a failed batch has changed in the writer's directory.
    async fn begin_anew(&mut self) {
        let synced = self.shared.synced().await;
        self.directory = self.shared.read(Directory::clone);
        self.version = *synced;
    }

    /// Has the log moved into the file when enough was written to it.
    fn count_unmoved(&mut self, bytes: u64) {
        self.unmoved += bytes;
        if self.unmoved >= checkpoint::EVERY {
            self.unmoved = 0;
            self.checkpoint_due.now();
        }
    }

    async fn write(
        &mut self,
        connection: &mut AnyConnection,
        batch: &mut Batch,
    ) -> Result<Written, StoreError> {
        self.committing = false;
        let alone = self.dialect == Dialect::Sqlite && batch.is_plain();
        let begun = if alone { None } else { self.dialect.begin(connection).await? };
        if let Some(standing) = &begun {
            self.learn(connection, standing).await?;
            // Its turn may have been long in coming.
            self.fill(batch);
        }
        let now = self.clock.at(begun.and_then(|standing| standing.now));
        let (after, from) = (self.last, self.version);
        let mut tx = Tx::new(self.dialect, connection, &mut self.directory, &mut self.last, now);
        if alone {
            // Nothing but plain messages: one statement is its own transaction, and its own commit.
            send::run(&mut tx, &mut batch.sends).await.map_err(StoreError::at_commit)?;
            let outcome = tx.finish().await?;
            return Ok(Written { outcome, after, began: from, version: None });
        }
        for job in &mut batch.jobs {
            job.run(&mut tx).await?;
        }
        send::run(&mut tx, &mut batch.sends).await?;
        let outcome = tx.finish().await?;
        self.committing = true;
        let version = self.commit(connection, &outcome).await.map_err(StoreError::at_commit)?;
        Ok(Written { outcome, after, began: from, version })
    }

    /// Lets what has come meanwhile join the batch.
    fn fill(&mut self, batch: &mut Batch) {
        while batch.has_room() && self.kept.is_none() {
            let Ok(item) = self.items.try_recv() else { return };
            self.kept = batch.take(item);
        }
    }

    async fn commit(
        &mut self,
        connection: &mut AnyConnection,
        outcome: &Outcome,
    ) -> Result<Option<i64>, sqlx::Error> {
        let channel = self.channel.as_deref().filter(|_| outcome.is_news());
        let end = dialect::End {
            news: channel.map(|channel| (channel, self.last)),
            changed: !outcome.changes.is_empty(),
        };
        self.dialect.commit(connection, end).await
    }

    /// Takes over what other servers have committed, while none of them can commit more.
    async fn learn(
        &mut self,
        connection: &mut AnyConnection,
        standing: &Standing,
    ) -> Result<(), StoreError> {
        self.last = standing.highest;
        self.shared.pruned_through.fetch_max(standing.pruned, Ordering::SeqCst);
        if standing.directory <= self.version {
            return Ok(());
        }
        let update = load::since(connection, self.version, standing, &self.integrations).await?;
        update.apply(&mut self.directory);
        self.version = standing.directory;
        let mut synced = self.shared.synced().await;
        self.shared.learn(&mut synced, &update, standing.directory);
        Ok(())
    }

    /// Tells the directory and the followers what is on disk now; the callers come after.
    async fn tell(&mut self, written: Written) {
        let Written { outcome, after, began, version } = written;
        self.version = version.unwrap_or(self.version);
        if !outcome.changes.is_empty() {
            self.shared.publish(&outcome.changes, began, version).await;
        }
        if let Some(through) = outcome.pruned_through {
            self.shared.pruned_through.fetch_max(through.0, Ordering::SeqCst);
        }
        self.shared.head.fetch_max(self.last, Ordering::SeqCst);
        self.shared.set_ready();
        self.publish(after, Told { events: outcome.events, through: Seq(self.last) }).await;
        if outcome.callbacks {
            self.shared.callbacks.send_modify(|count| *count += 1);
        }
    }

    /// Hands events to the follower, if there is one, and waits for it when it is far behind.
    async fn publish(&mut self, after: i64, told: Told) {
        if !told.events.is_empty() && self.shared.followed.load(Ordering::SeqCst) {
            self.teller.tell(after, told).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how long a commit takes; decides nothing")]
fn stopwatch() -> Instant {
    Instant::now()
}
