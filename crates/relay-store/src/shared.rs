//! What the writer shares with those who read: the public directory, how far the log is on disk, and
//! how the writer is doing.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use relay_core::id::{AgentId, Seq};

use tokio::sync::watch;

use crate::{directory::Directory, store::WriterState};

/// What the writer shares with those who read.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) directory: RwLock<Directory>,
    pub(crate) head: AtomicI64,
    pub(crate) pruned_through: AtomicI64,
    pub(crate) state: RwLock<WriterState>,
    /// Whether anybody follows the feed; without a follower nothing is put into it.
    pub(crate) followed: AtomicBool,
    /// Changes whenever a callback was written, or is due again.
    pub(crate) callbacks: watch::Sender<u64>,
    pub(crate) commits: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) commit_micros: AtomicU64,
}

impl Shared {
    pub(crate) fn new(directory: Directory, head: i64, pruned_through: i64) -> Self {
        Self {
            directory: RwLock::new(directory),
            head: AtomicI64::new(head),
            pruned_through: AtomicI64::new(pruned_through),
            state: RwLock::new(WriterState::Ready),
            followed: AtomicBool::new(false),
            callbacks: watch::Sender::new(0),
            commits: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            commit_micros: AtomicU64::new(0),
        }
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
