//! Checkpoints: moving the write-ahead log into the database file beside the writer, not in its way.
//!
//! SQLite would do it inside the commit that fills the log, and every message of that commit would
//! wait for the flush. Here a connection of its own does it while the writer writes on. What it
//! cannot do alone is to let the log begin again: for that the writer pauses for a moment, when
//! little is left to move.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use sqlx::{AnyConnection, Connection};
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    dialect::{Access, sqlite},
    queue::WeakQueue,
};

/// How much is written, in bytes of the log as far as they can be told, between two checkpoints.
pub(crate) const EVERY: u64 = 3 << 20;
/// What a commit writes besides its rows: the pages that every commit touches.
pub(crate) const COMMIT: u64 = 12 << 10;
/// What a row writes besides its text.
pub(crate) const ROW: u64 = 1 << 10;
/// How long the log may be, in pages of 4 KiB, before the writer pauses to begin it again.
const LONGEST: i64 = 1_500;

/// Tells the task that makes checkpoints what to do. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Due(Arc<Signal>);

#[derive(Default)]
struct Signal {
    changed: Notify,
    stopped: AtomicBool,
}

impl Due {
    /// Asks for a checkpoint.
    pub(crate) fn now(&self) {
        self.0.changed.notify_one();
    }

    fn never_again(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.0.changed.notify_one();
    }

    /// Waits until a checkpoint is due; false when none will be any more.
    async fn next(&self) -> bool {
        if !self.0.stopped.load(Ordering::SeqCst) {
            self.0.changed.notified().await;
        }
        !self.0.stopped.load(Ordering::SeqCst)
    }
}

/// The task that makes checkpoints.
pub(crate) struct Checkpoints {
    due: Due,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub(crate) fn start(path: PathBuf, due: Due, queue: WeakQueue) -> Self {
        let task = tokio::spawn(run(path, due.clone(), queue));
        Self { due, task: Mutex::new(Some(task)) }
    }

    /// Waits for the one under way, and makes no other. The writer must still serve its queue.
    pub(crate) async fn stop(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.due.never_again();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        // A store that is dropped without being closed leaves no task behind.
        self.due.never_again();
    }
}

/// Moves the log whenever it is told to.
async fn run(path: PathBuf, due: Due, queue: WeakQueue) {
    let mut connection: Option<AnyConnection> = None;
    while due.next().await {
        match checkpoint(&path, &mut connection).await {
            Ok(pages) if pages > LONGEST => queue.begin_log_again().await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the log could not be moved into the database; tried again soon");
                connection = None;
            }
        }
    }
    if let Some(connection) = connection {
        let _ = connection.close().await;
    }
}

/// Moves what can be moved, and returns how long the log is.
async fn checkpoint(path: &Path, kept: &mut Option<AnyConnection>) -> Result<i64, sqlx::Error> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => sqlite::connect(path, Access::Write).await?,
    };
    let mut pages = sqlite::checkpoint_beside(&mut connection).await?;
    if pages > LONGEST {
        // What was written meanwhile is little, and the writer shall find still less to do.
        pages = sqlite::checkpoint_beside(&mut connection).await?;
    }
    *kept = Some(connection);
    Ok(pages)
}
