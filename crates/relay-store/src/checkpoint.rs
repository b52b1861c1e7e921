//! Checkpoints: moving the write-ahead log into the database file beside the writer, not in its way.
//!
//! SQLite would do it inside the commit that fills the log, and every message of that commit would
//! wait for the flush. Here a connection of its own does it while the writer writes on. What it
//! cannot do alone is to let the log begin again: for that the writer pauses for a moment, when
//! little is left to move.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::{AnyConnection, Connection};
use tokio::sync::Notify;

use crate::{
    dialect::{self, Access},
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

/// Moves the log whenever it is told to, until the store is gone.
pub(crate) async fn run(path: PathBuf, due: Arc<Notify>, queue: WeakQueue) {
    let mut connection: Option<AnyConnection> = None;
    loop {
        due.notified().await;
        if queue.is_closed() {
            break;
        }
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
        None => dialect::connect(path, Access::Write).await?,
    };
    let mut pages = dialect::checkpoint_beside(&mut connection).await?;
    if pages > LONGEST {
        // What was written meanwhile is little, and the writer shall find still less to do.
        pages = dialect::checkpoint_beside(&mut connection).await?;
    }
    *kept = Some(connection);
    Ok(pages)
}
