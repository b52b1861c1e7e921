//! The feed: every committed event, in order, as it happens in this process.

use std::sync::Arc;

use relay_core::event::Event;
use tokio::sync::mpsc;

/// How many batches may wait for a slow follower before the writer waits for it.
const DEPTH: usize = 1024;

/// Follows the log from now on.
#[derive(Debug)]
pub struct Feed(mpsc::Receiver<Vec<Arc<Event>>>);

impl Feed {
    /// The events of the next commit; `None` when the store is closed.
    pub async fn next(&mut self) -> Option<Vec<Arc<Event>>> {
        self.0.recv().await
    }
}

pub(crate) type Sender = mpsc::Sender<Vec<Arc<Event>>>;

pub(crate) fn channel() -> (Sender, Feed) {
    let (sender, receiver) = mpsc::channel(DEPTH);
    (sender, Feed(receiver))
}
