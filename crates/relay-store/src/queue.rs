//! The queue to the writer: commands of any kind wait in it, each with a way to answer its caller.

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::StoreError,
    send::{self, Sending},
    tx::Tx,
};

/// Something that changes the store, in one transaction.
pub(crate) trait Command: Send + Sync + 'static {
    /// What it answers with.
    type Reply: Send + 'static;

    /// Reads, decides, writes. Runs again when another command of its batch failed, so it changes
    /// nothing but through `tx`.
    fn run(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Reply, StoreError>> + Send;
}

/// A command that waits in the queue, whatever its answer is.
pub(crate) trait Job: Send {
    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Result<(), StoreError>>;
    fn answer(self: Box<Self>, failed: Option<StoreError>);
}

struct Pending<C: Command> {
    command: C,
    outcome: Option<Result<C::Reply, StoreError>>,
    reply: oneshot::Sender<Result<C::Reply, StoreError>>,
}

impl<C: Command> Job for Pending<C> {
    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            match self.command.run(tx).await {
                Err(error) if !matches!(error, StoreError::Refused(_)) => Err(error),
                decided => {
                    self.outcome = Some(decided);
                    Ok(())
                }
            }
        })
    }

    fn answer(self: Box<Self>, failed: Option<StoreError>) {
        let outcome = failed.map(Err).or(self.outcome).unwrap_or(Err(StoreError::Closed));
        // A caller that went away does not want its answer any more.
        let _ = self.reply.send(outcome);
    }
}

/// What waits in the queue.
pub(crate) enum Item {
    Send(Box<Sending>),
    Run(Box<dyn Job>),
    BeginLogAgain(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// The way into the queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue(mpsc::Sender<Item>);

/// A queue that holds `depth` commands.
pub(crate) fn channel(depth: usize) -> (Queue, mpsc::Receiver<Item>) {
    let (sender, items) = mpsc::channel(depth);
    (Queue(sender), items)
}

impl Queue {
    /// Runs a command in the next transaction.
    pub(crate) async fn run<C: Command>(&self, command: C) -> Result<C::Reply, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.push(Item::Run(Box::new(Pending { command, outcome: None, reply })))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Stores a message in the next transaction, together with all others that wait.
    pub(crate) async fn send(&self, make: impl FnOnce(send::Reply) -> Sending) -> send::Answer {
        let (reply, answer) = oneshot::channel();
        self.push(Item::Send(Box::new(make(reply))))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Lets what waits be written, then closes the database.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.0.send(Item::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    /// A way in that does not keep the writer alive.
    pub(crate) fn downgrade(&self) -> WeakQueue {
        WeakQueue(self.0.downgrade())
    }

    /// How many commands wait.
    pub(crate) fn depth(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    fn push(&self, item: Item) -> Result<(), StoreError> {
        self.0.try_send(item).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })
    }
}

/// A way into the queue for as long as others keep it.
pub(crate) struct WeakQueue(mpsc::WeakSender<Item>);

impl WeakQueue {
    /// Lets the writer begin its log again between two batches, and waits until it has.
    pub(crate) async fn begin_log_again(&self) {
        let Some(queue) = self.0.upgrade() else { return };
        let (done, begun) = oneshot::channel();
        if queue.send(Item::BeginLogAgain(done)).await.is_ok() {
            let _ = begun.await;
        }
    }
}
