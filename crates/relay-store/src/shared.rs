//! What the writer shares with those who read: the public directory, how far the log is on disk, and
//! how the writer is doing.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use relay_core::id::{AgentId, Seq};

use tokio::sync::{Mutex, watch};

use crate::{
    dialect::{Dialect, Standing},
    directory::{Change, Directory},
    load::Update,
    store::WriterState,
};

/// What the writer shares with those who read.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dialect: Dialect,
    pub(crate) directory: RwLock<Directory>,
    pub(crate) head: AtomicI64,
    pub(crate) pruned_through: AtomicI64,
    pub(crate) state: RwLock<WriterState>,
    /// Whether anybody follows the feed; without a follower nothing is put into it.
    pub(crate) followed: AtomicBool,
    /// Changes whenever a callback was written, or is due again.
    pub(crate) callbacks: watch::Sender<u64>,
    /// Changes whenever a token was revoked.
    pub(crate) revoked: watch::Sender<u64>,
    /// Whether this server does what happens by itself.
    pub(crate) on_duty: watch::Sender<bool>,
    /// What makes a commit less than durable, if anything does.
    pub(crate) reduced: Option<String>,
    /// The version that the public directory has; held while it is brought up to another, so that
    /// nobody puts back what somebody else has just learned.
    synced: Mutex<i64>,
    pub(crate) commits: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) commit_micros: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        dialect: Dialect,
        directory: Directory,
        standing: &Standing,
        reduced: Option<String>,
    ) -> Self {
        Self {
            dialect,
            directory: RwLock::new(directory),
            head: AtomicI64::new(standing.highest),
            pruned_through: AtomicI64::new(standing.pruned),
            state: RwLock::new(WriterState::Ready),
            followed: AtomicBool::new(false),
            callbacks: watch::Sender::new(0),
            revoked: watch::Sender::new(0),
            // Nobody else has a file.
            on_duty: watch::Sender::new(dialect == Dialect::Sqlite),
            reduced,
            synced: Mutex::new(standing.directory),
            commits: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            commit_micros: AtomicU64::new(0),
        }
    }

    /// Makes the changes of a batch public, which began at one version of the directory and led to
    /// another. Where somebody has seen more than the first meanwhile, the batch is in that already.
    pub(crate) async fn publish(&self, changes: &[Change], began: i64, version: Option<i64>) {
        let mut synced = self.synced.lock().await;
        if *synced <= began {
            let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
            for change in changes {
                directory.apply(change);
            }
            *synced = version.unwrap_or(*synced);
        }
        drop(synced);
        if changes.iter().any(|change| matches!(change, Change::Revoke(_))) {
            self.revoked.send_modify(|count| *count += 1);
        }
    }

    /// The version of the public directory; it stays so while this is held.
    pub(crate) async fn synced(&self) -> tokio::sync::MutexGuard<'_, i64> {
        self.synced.lock().await
    }

    /// Makes public what others have changed, up to a version.
    pub(crate) fn learn(&self, synced: &mut i64, update: &Update, version: i64) {
        if *synced >= version {
            return;
        }
        *synced = version;
        let revoked =
            update.apply(&mut self.directory.write().unwrap_or_else(PoisonError::into_inner));
        if revoked {
            self.revoked.send_modify(|count| *count += 1);
        }
    }

    /// Notes how far the log has come, and what was removed of it.
    pub(crate) fn advance(&self, standing: &Standing) {
        self.head.fetch_max(standing.highest, Ordering::SeqCst);
        self.pruned_through.fetch_max(standing.pruned, Ordering::SeqCst);
    }

    /// Looks into the public directory; the lock is held for the look only.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The id as it was registered, where it is known.
    pub(crate) fn canonical(&self, id: &AgentId) -> AgentId {
        self.read(|d| d.known(id).map_or_else(|| id.clone(), |entry| entry.agent.id.clone()))
    }

    pub(crate) fn set_state(&self, state: WriterState) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Notes that the last attempt to store went well.
    pub(crate) fn set_ready(&self) {
        let ready = matches!(
            *self.state.read().unwrap_or_else(PoisonError::into_inner),
            WriterState::Ready
        );
        if !ready {
            self.set_state(WriterState::Ready);
        }
    }

    pub(crate) fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::SeqCst))
    }
}
