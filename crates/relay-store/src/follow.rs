//! Following the log that several servers write: what they committed is told here, too, in the order of
//! its numbers, between what this server has committed itself.
//!
//! The truth is the log: it is looked at every second, whatever happens. What makes it quick are hints:
//! one with each batch that another server commits, and word from our own writer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use relay_core::id::Seq;
use sqlx::{AnyConnection, Connection, Executor};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    dialect::{Access, Standing, postgres},
    error::StoreError,
    event::{Log, Reader},
    feed::{self, Told},
    listen, load,
    place::Address,
    store::Known,
};

/// How often the log is looked at, hints or not.
const POLL: Duration = Duration::from_secs(1);
/// The rows of the log that are read at once.
const PAGE: u32 = 500;
/// How long a look may take before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much word from the writer may wait.
const DEPTH: usize = 1024;
/// How long the first attempt to be on duty is waited for.
const FIRST_ATTEMPT: Duration = Duration::from_secs(5);

type Asking = oneshot::Sender<Result<(), StoreError>>;

/// What the follower is told.
enum News {
    /// Our own writer has committed a batch, behind this number.
    Committed(Seq, Told),
    /// Somebody needs to know what others have committed.
    CatchUp(Asking),
    Stop(oneshot::Sender<()>),
}

/// The way to the task that follows. Clones lead to the same.
#[derive(Clone)]
pub(crate) struct Follower(mpsc::Sender<News>);

impl Follower {
    /// Says what our own writer has committed.
    pub(crate) async fn committed(&self, after: Seq, told: Told) {
        // A follower that has stopped tells nobody any more.
        let _ = self.0.send(News::Committed(after, told)).await;
    }

    /// Resolves when all is known that others had committed at the call.
    pub(crate) async fn catch_up(&self) -> Result<(), StoreError> {
        let (reply, done) = oneshot::channel();
        self.0.send(News::CatchUp(reply)).await.map_err(|_| StoreError::Closed)?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Ends it, and gives up the duty.
    pub(crate) async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.0.send(News::Stop(reply)).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// What the follower starts with.
pub(crate) struct Start {
    pub(crate) address: Address,
    pub(crate) channel: String,
    pub(crate) log: Log,
    pub(crate) feed: feed::Sender,
    pub(crate) integrations: Vec<Known>,
    pub(crate) standing: Standing,
}

/// Starts to follow, from where the log stands. Waits until it is known whether this server is on duty.
pub(crate) async fn start(start: Start) -> Follower {
    let Start { address, channel, log, feed, integrations, standing } = start;
    let (sender, news) = mpsc::channel(DEPTH);
    let hint = Arc::new(Notify::new());
    let (stop, stopped) = watch::channel(false);
    let (attempted, attempt) = oneshot::channel();
    let listening = tokio::spawn(listen::run(listen::Ears {
        address: address.clone(),
        channel,
        shared: log.shared.clone(),
        hint: hint.clone(),
        stopped,
        attempted: Some(attempted),
    }));
    // Without an answer there is no duty yet; it is tried for again and again.
    let _ = timeout(FIRST_ATTEMPT, attempt).await;
    let position = standing.highest;
    let following =
        Following { address, connection: None, log, feed, integrations, position, failing: false };
    tokio::spawn(following.run(news, hint, stop, listening));
    Follower(sender)
}

struct Following {
    address: Address,
    connection: Option<AnyConnection>,
    log: Log,
    feed: feed::Sender,
    integrations: Vec<Known>,
    /// All up to this number was told.
    position: i64,
    failing: bool,
}

impl Following {
    async fn run(
        mut self,
        mut news: mpsc::Receiver<News>,
        hint: Arc<Notify>,
        stop: watch::Sender<bool>,
        listening: JoinHandle<()>,
    ) {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = None;
        while stopping.is_none() {
            tokio::select! {
                biased;
                told = news.recv() => match told {
                    Some(News::Committed(after, told)) => self.committed(after, told).await,
                    Some(News::CatchUp(reply)) => {
                        stopping = self.catch_up(reply, &mut news).await;
                    }
                    Some(News::Stop(done)) => stopping = Some(done),
                    None => break,
                },
                () = hint.notified() => self.look_again().await,
                _ = poll.tick() => {
                    self.look_again().await;
                    self.wake_callbacks().await;
                }
            }
        }
        stop.send_replace(true);
        let _ = listening.await;
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
        drop(self);
        if let Some(done) = stopping {
            let _ = done.send(());
        }
    }

    /// Tells what our own writer has committed, behind what others have committed before. What was read
    /// from the log already is not told again.
    async fn committed(&mut self, after: Seq, mut told: Told) {
        if let Err(error) = self.tell_through(after.0).await {
            // All of it is in the log, and read from there at the next look.
            return self.note(Err(error));
        }
        told.events.retain(|event| event.seq.0 > self.position);
        if told.through.0 > self.position {
            self.position = told.through.0;
            // Who listens no more is told no more.
            let _ = self.feed.send(told).await;
        }
    }

    /// Looks once for all who ask now. Returns who wants it to stop, if somebody does.
    async fn catch_up(
        &mut self,
        first: Asking,
        news: &mut mpsc::Receiver<News>,
    ) -> Option<oneshot::Sender<()>> {
        let (mut asking, mut stopping) = (vec![first], None);
        while let Ok(told) = news.try_recv() {
            match told {
                News::Committed(after, told) => self.committed(after, told).await,
                News::CatchUp(reply) => asking.push(reply),
                News::Stop(done) => {
                    stopping = Some(done);
                    break;
                }
            }
        }
        let looked = self.look().await;
        for reply in asking {
            // Who asked may not wait any more.
            let _ = reply.send(looked.as_ref().copied().map_err(StoreError::again));
        }
        stopping
    }

    async fn look_again(&mut self) {
        let looked = self.look().await;
        self.note(looked);
    }

    /// Says once that the log cannot be followed, and once that it can.
    fn note(&mut self, looked: Result<(), StoreError>) {
        match looked {
            Ok(()) if self.failing => tracing::info!("the log is followed again"),
            Err(error) if !self.failing => tracing::warn!(%error, "the log cannot be followed"),
            _ => return,
        }
        self.failing = !self.failing;
    }

    /// Looks at what others have committed: the directory first, so that whoever hears of an agent
    /// finds it there.
    async fn look(&mut self) -> Result<(), StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => postgres::connect(&self.address, Access::Read).await?,
        };
        let late = || StoreError::Failed("the database does not answer".into());
        let standing = timeout(PATIENCE, self.see(&mut connection)).await.map_err(|_| late())??;
        self.connection = Some(connection);
        self.log.shared.advance(&standing);
        self.tell_through(standing.highest).await
    }

    async fn see(&mut self, connection: &mut AnyConnection) -> Result<Standing, StoreError> {
        let shared = &self.log.shared;
        let standing = postgres::standing(&mut *connection).await?;
        self.log.clock.at(standing.now);
        let mut synced = shared.synced().await;
        if standing.directory <= *synced {
            return Ok(standing);
        }
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        // What is seen now may be newer than what was seen before.
        let seen = postgres::standing(&mut *connection).await?;
        let update = load::since(connection, *synced, &seen, &self.integrations).await?;
        connection.execute("COMMIT").await?;
        shared.learn(&mut synced, &update, seen.directory);
        Ok(standing)
    }

    /// Reads on in the log, and tells what is there.
    async fn tell_through(&mut self, through: i64) -> Result<(), StoreError> {
        while self.position < through {
            if !self.log.shared.followed.load(Ordering::SeqCst) {
                self.position = through;
                return Ok(());
            }
            let (from, to) = (Seq(self.position), Seq(through));
            let read = self.log.replay(&Reader::All, from, to, PAGE).await?;
            self.position = read.cursor.0;
            if read.events.iter().any(|event| event.task.is_some()) {
                self.log.shared.callbacks.send_modify(|count| *count += 1);
            }
            let told = Told { events: read.events, through: read.cursor };
            let _ = self.feed.send(told).await;
        }
        Ok(())
    }

    /// A callback may be due of which no event tells: another server had it, or it is sent again.
    async fn wake_callbacks(&mut self) {
        if !*self.log.shared.on_duty.borrow() {
            return;
        }
        let sql = "SELECT 1 FROM callback WHERE state = 'waiting' AND next_at <= $1 LIMIT 1";
        let due = sqlx::query(sql).bind(self.log.clock.now().0).fetch_optional(&self.log.readers);
        if let Ok(Some(_)) = due.await {
            self.log.shared.callbacks.send_modify(|count| *count += 1);
        }
    }
}
