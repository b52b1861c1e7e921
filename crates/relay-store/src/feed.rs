//! The feed: every committed event, in order, as it happens.

use std::sync::Arc;

use relay_core::{event::Event, id::Seq};
use tokio::sync::mpsc;

/// How many batches may wait for a slow follower before the writer waits for it.
const DEPTH: usize = 1024;

/// What was committed at once.
#[derive(Clone, Debug)]
pub struct Told {
    /// The events, in order.
    pub events: Vec<Arc<Event>>,
    /// All that the log has up to this number was told now.
    pub through: Seq,
}

/// Follows the log from now on.
#[derive(Debug)]
pub struct Feed(mpsc::Receiver<Told>);

impl Feed {
    /// The events of the next commit; `None` when the store is closed.
    pub async fn next(&mut self) -> Option<Told> {
        self.0.recv().await
    }
}

pub(crate) type Sender = mpsc::Sender<Told>;

pub(crate) fn channel() -> (Sender, Feed) {
    let (sender, receiver) = mpsc::channel(DEPTH);
    (sender, Feed(receiver))
}
