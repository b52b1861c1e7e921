//! The one writer: commands queue to one task, which drains what is waiting into one transaction,
//! commits once, and then answers all of them.
//!
//! A command decides before it writes, so a refusal has nothing to undo. When a statement fails the
//! batch is rolled back and its commands run again one at a time, so that one bad command harms no
//! other. When the disk fails at the commit nobody is told yes: the connection is thrown away, and
//! nothing is written until the database was opened again, checked, and its log flushed anew.

use std::{
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Instant,
};

use futures_util::FutureExt;
use relay_core::{event::Event, id::Seq, time::Clock};
use sqlx::{AnyConnection, Connection, Executor};
use tokio::sync::mpsc;

use crate::{
    checkpoint, dialect,
    directory::Directory,
    error::StoreError,
    event::{Log, Reader},
    feed,
    queue::{self, Item, Job, Queue},
    send::{self, Sending},
    shared::Shared,
    store::{self, Known, WriterState},
    tx::{Outcome, Tx},
};

/// The most commands in one transaction.
const BATCH: usize = 256;

pub(crate) struct Writer {
    path: PathBuf,
    connection: Option<AnyConnection>,
    directory: Directory,
    last: i64,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    feed: feed::Sender,
    log: Log,
    checkpoint_due: checkpoint::Due,
    unmoved: u64,
    integrations: Vec<Known>,
    items: mpsc::Receiver<Item>,
}

/// What the writer starts with.
pub(crate) struct Start {
    pub(crate) path: PathBuf,
    pub(crate) connection: AnyConnection,
    pub(crate) directory: Directory,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) feed: feed::Sender,
    pub(crate) log: Log,
    pub(crate) checkpoint_due: checkpoint::Due,
    pub(crate) integrations: Vec<Known>,
    pub(crate) depth: usize,
}

/// Starts the writer.
pub(crate) fn spawn(start: Start) -> Queue {
    let Start {
        path,
        connection,
        directory,
        clock,
        shared,
        feed,
        log,
        checkpoint_due,
        integrations,
        depth,
    } = start;
    let (queue, items) = queue::channel(depth);
    let last = shared.head.load(Ordering::SeqCst);
    let connection = Some(connection);
    tokio::spawn(
        Writer {
            path,
            connection,
            directory,
            last,
            clock,
            shared,
            feed,
            log,
            checkpoint_due,
            unmoved: 0,
            integrations,
            items,
        }
        .serve(),
    );
    queue
}

impl Writer {
    async fn serve(mut self) {
        let mut items = Vec::with_capacity(BATCH);
        let mut closing = None;
        while closing.is_none() && self.items.recv_many(&mut items, BATCH).await > 0 {
            let (mut sends, mut jobs) = (Vec::new(), Vec::new());
            for item in items.drain(..) {
                match item {
                    Item::Send(send) => sends.push(*send),
                    Item::Run(job) => jobs.push(job),
                    Item::BeginLogAgain(done) => {
                        self.begin_log_again().await;
                        let _ = done.send(());
                    }
                    Item::Close(done) => {
                        self.items.close();
                        closing = Some(done);
                    }
                }
            }
            self.process(jobs, sends).await;
        }
        self.drain().await;
        self.shared.set_state(WriterState::Closed);
        if let Some(mut connection) = self.connection.take() {
            if let Err(error) = dialect::checkpoint(&mut connection).await {
                tracing::warn!(%error, "the log could not be moved into the database; the next start does it");
            }
            let _ = connection.close().await;
        }
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    /// Writes what was queued before the queue was closed.
    async fn drain(&mut self) {
        while let Some(item) = self.items.recv().await {
            match item {
                Item::Send(send) => self.process(vec![], vec![*send]).await,
                Item::Run(job) => self.process(vec![job], vec![]).await,
                Item::BeginLogAgain(done) | Item::Close(done) => drop(done.send(())),
            }
        }
    }

    /// A failure here is no harm: the next checkpoint tries again, and commits do not depend on it.
    async fn begin_log_again(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = dialect::begin_log_again(connection).await {
            tracing::warn!(%error, "the log could not begin again; tried again soon");
        }
    }

    async fn process(&mut self, mut jobs: Vec<Box<dyn Job>>, mut sends: Vec<Sending>) {
        if jobs.is_empty() && sends.is_empty() {
            return;
        }
        let Err(error) = self.attempt(&mut jobs, &mut sends).await else {
            return answer(jobs, sends, None);
        };
        let bad_command = matches!(error, StoreError::Statement(_)) && jobs.len() + sends.len() > 1;
        if !bad_command {
            tracing::error!(%error, commands = jobs.len() + sends.len(), "a batch was not acknowledged");
            return answer(jobs, sends, Some(&error));
        }
        for job in jobs {
            Box::pin(self.process(vec![job], vec![])).await;
        }
        for send in sends {
            Box::pin(self.process(vec![], vec![send])).await;
        }
    }

    /// Writes a batch; when it fails, nothing of it is there and nothing of it was told.
    async fn attempt(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        sends: &mut [Sending],
    ) -> Result<(), StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reopen().await?,
        };
        let before = self.last;
        let rows = (jobs.len() + sends.len()) as u64;
        let started = stopwatch();
        // A command that panics takes its batch with it, never the writer.
        let written =
            AssertUnwindSafe(self.write(&mut connection, jobs, sends)).catch_unwind().await;
        match written.unwrap_or_else(|_| Err(StoreError::Failed("a command panicked".into()))) {
            Ok(outcome) => {
                self.connection = Some(connection);
                self.shared.commits.fetch_add(1, Ordering::Relaxed);
                self.shared.rows.fetch_add(rows, Ordering::Relaxed);
                let text: u64 = sends.iter().map(Sending::size).sum();
                self.count_unmoved(checkpoint::COMMIT + rows * checkpoint::ROW + text);
                let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.shared.commit_micros.fetch_add(micros, Ordering::Relaxed);
                self.tell(outcome).await;
                Ok(())
            }
            Err(error) => {
                self.last = before;
                self.directory = self.shared.read(Directory::clone);
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
        jobs: &mut [Box<dyn Job>],
        sends: &mut [Sending],
    ) -> Result<Outcome, StoreError> {
        let now = self.clock.now();
        let alone = jobs.is_empty() && sends.iter().all(Sending::is_plain);
        let mut tx = Tx::new(connection, &mut self.directory, &mut self.last, now);
        if alone {
            // Nothing but plain messages: one statement is its own transaction, and its own commit.
            send::run(&mut tx, sends).await.map_err(StoreError::at_commit)?;
            return tx.finish().await;
        }
        tx.connection.execute(dialect::BEGIN).await?;
        for job in jobs {
            job.run(&mut tx).await?;
        }
        send::run(&mut tx, sends).await?;
        let outcome = tx.finish().await?;
        connection.execute("COMMIT").await.map_err(StoreError::at_commit)?;
        Ok(outcome)
    }

    /// Tells the directory and the followers what is on disk now; the callers come after.
    async fn tell(&mut self, outcome: Outcome) {
        if !outcome.changes.is_empty() {
            let mut directory =
                self.shared.directory.write().unwrap_or_else(PoisonError::into_inner);
            outcome.changes.iter().for_each(|change| directory.apply(change));
        }
        if let Some(through) = outcome.pruned_through {
            self.shared.pruned_through.store(through.0, Ordering::SeqCst);
        }
        self.shared.head.store(self.last, Ordering::SeqCst);
        self.shared.set_ready();
        self.publish(outcome.events).await;
        if outcome.callbacks {
            self.shared.callbacks.send_modify(|count| *count += 1);
        }
    }

    /// Hands events to the follower, if there is one, and waits for it when it is far behind.
    async fn publish(&mut self, events: Vec<Arc<Event>>) {
        if !events.is_empty() && self.shared.followed.load(Ordering::SeqCst) {
            // A follower that went away is told nothing more.
            let _ = self.feed.send(events).await;
        }
    }

    /// Opens the database again after the disk failed, and checks it before anything is written:
    /// what was answered must be there, and the log must reach the disk now.
    async fn reopen(&mut self) -> Result<AnyConnection, StoreError> {
        let opened = self.try_reopen().await;
        if let Err(error) = &opened {
            self.shared.set_state(WriterState::Failed(error.to_string()));
        }
        opened
    }

    async fn try_reopen(&mut self) -> Result<AnyConnection, StoreError> {
        let mut connection = dialect::connect(&self.path, dialect::Access::Write).await?;
        let found = dialect::quick_check(&mut connection).await?;
        if found != "ok" {
            return Err(StoreError::Damaged { path: self.path.clone(), why: found });
        }
        if !dialect::checkpoint(&mut connection).await? {
            let why = "a reader keeps the log from being flushed anew";
            return Err(StoreError::Failed(why.to_owned()));
        }
        let highest = dialect::highest(&mut connection).await?;
        let answered = self.shared.head.load(Ordering::SeqCst);
        if highest < answered {
            let why = format!("event {answered} was stored and is gone; the newest is {highest}");
            return Err(StoreError::Damaged { path: self.path.clone(), why });
        }
        // What was in flight when the disk failed may be there after all: its numbers are taken, and
        // those who listen are told now.
        self.last = highest;
        self.directory = store::load_directory(&mut connection, &self.integrations).await?;
        *self.shared.directory.write().unwrap_or_else(PoisonError::into_inner) =
            self.directory.clone();
        if highest > answered {
            let missed =
                self.log.replay(&Reader::All, Seq(answered), Seq(highest), u32::MAX).await?;
            self.shared.head.store(highest, Ordering::SeqCst);
            self.publish(missed.events).await;
        }
        tracing::warn!(seq = highest, "the database was opened again after a failure and is well");
        Ok(connection)
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how long a commit takes; decides nothing")]
fn stopwatch() -> Instant {
    Instant::now()
}

/// Answers every caller of a batch.
fn answer(jobs: Vec<Box<dyn Job>>, sends: Vec<Sending>, failed: Option<&StoreError>) {
    for job in jobs {
        job.answer(failed.map(StoreError::again));
    }
    for send in sends {
        send.answer(failed.map(StoreError::again));
    }
}
