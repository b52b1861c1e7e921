//! The store itself: opening, what everybody reads without waiting, closing.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use relay_core::{
    id::{AgentId, Seq},
    time::{Clock, Timestamp},
    token::Digest,
};
use sqlx::AnyPool;
use tokio::sync::watch;

use crate::{
    checkpoint::{self, Checkpoints},
    clock::StoreClock,
    dialect,
    directory::Identity,
    error::StoreError,
    event::Log,
    feed::{self, Feed},
    follow::{self, Follower},
    load::{self, Loaded},
    lock::Lock,
    open::{self, Opened},
    place::Place,
    queue::Queue,
    shared::Shared,
    writer::{self, Teller},
};

/// Where the database is, and how it is used.
#[derive(Clone)]
pub struct Config {
    /// Where the data is; a file and its folder are made if they are not there.
    pub place: Place,
    /// Where time comes from; without, from the database where servers share one, else from the
    /// machine.
    pub clock: Option<Arc<dyn Clock>>,
    /// How many connections read.
    pub readers: u32,
    /// How many commands may wait; one more is refused.
    pub queue: usize,
    /// The integrations that are configured.
    pub integrations: Vec<Known>,
}

/// An integration, as the store must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name; mail to it and from it is taken as an agent's.
    pub name: AgentId,
    /// True where its tasks' events are written down as callbacks.
    pub callback: bool,
}

impl Config {
    /// A file, four readers, a queue of 1,024, no integrations.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::File(path.into()))
    }

    /// [`new`](Self::new), at any place.
    pub fn at(place: Place) -> Self {
        Self { place, clock: None, readers: 4, queue: 1024, integrations: Vec::new() }
    }
}

/// Whether the store can store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterState {
    /// It can.
    Ready,
    /// The disk was full at the last attempt; the next attempt decides anew.
    Full,
    /// The disk failed; the database is opened again and checked at the next attempt.
    Failed(String),
    /// It was closed.
    Closed,
}

impl fmt::Display for WriterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Full => f.write_str("the disk is full; free some space, it goes on by itself"),
            Self::Failed(why) => write!(f, "{why}; it is tried again at every write"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// A relay's storage. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) readers: AnyPool,
    pub(crate) queue: Queue,
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: Log,
    pub(crate) place: Place,
    clock: Arc<StoreClock>,
    beside: Beside,
    feed: Arc<Mutex<Option<Feed>>>,
    lock: Arc<Mutex<Option<Lock>>>,
}

/// The task that works beside the writer: one moves the write-ahead log of the one file, the other
/// follows what other servers write.
#[derive(Clone)]
enum Beside {
    Checkpoints(Arc<Checkpoints>),
    Follower(Follower),
}

impl Store {
    /// Opens the database, or makes it: takes the lock where one relay has it to itself, refuses what
    /// is newer or somebody else's before anything is written, brings the schema up to date, and starts
    /// the writer.
    pub async fn open(config: Config) -> Result<Self, StoreError> {
        let Config { place, clock, readers, queue: depth, integrations } = config;
        let Opened { mut connection, lock, channel, reduced } = open::open(&place).await?;
        let Loaded { directory, standing } =
            load::all(&mut connection, place.dialect(), &integrations).await?;
        let readers = dialect::readers(&place, readers).await?;
        let clock = Arc::new(StoreClock::new(clock));
        clock.at(standing.now);
        let shared = Arc::new(Shared::new(place.dialect(), directory.clone(), &standing, reduced));
        let log = Log { readers: readers.clone(), shared: shared.clone(), clock: clock.clone() };
        let (sender, feed) = feed::channel();
        let checkpoint_due = checkpoint::Due::default();
        let follower = match (&place, &channel) {
            (Place::Server(address), Some(channel)) => Some(
                follow::start(follow::Start {
                    address: address.clone(),
                    channel: channel.clone(),
                    log: log.clone(),
                    feed: sender.clone(),
                    integrations: integrations.clone(),
                    standing,
                })
                .await,
            ),
            _ => None,
        };
        let teller = match &follower {
            Some(follower) => Teller::Follower(follower.clone()),
            None => Teller::Feed(sender),
        };
        let queue = writer::spawn(writer::Start {
            place: place.clone(),
            connection,
            directory,
            standing,
            channel,
            clock: clock.clone(),
            shared: shared.clone(),
            teller,
            log: log.clone(),
            checkpoint_due: checkpoint_due.clone(),
            integrations,
            depth,
        });
        let beside = match (&place, follower) {
            (Place::File(path), _) => Beside::Checkpoints(Arc::new(Checkpoints::start(
                path.clone(),
                checkpoint_due,
                queue.downgrade(),
            ))),
            (Place::Server(_), follower) => Beside::Follower(follower.ok_or(StoreError::Closed)?),
        };
        let (feed, lock) = (Arc::new(Mutex::new(Some(feed))), Arc::new(Mutex::new(lock)));
        Ok(Self { readers, queue, shared, log, place, clock, beside, feed, lock })
    }

    /// Writes what waits, and lets the database go.
    pub async fn close(&self) {
        match &self.beside {
            Beside::Checkpoints(checkpoints) => {
                // The writer's last checkpoint would give way to one under way, and leave the log behind.
                checkpoints.stop().await;
                self.queue.close().await;
            }
            Beside::Follower(follower) => {
                self.queue.close().await;
                follower.stop().await;
            }
        }
        self.readers.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Learns what other servers have stored, for what is answered from memory. Returns the last number
    /// that is on disk.
    pub async fn current(&self) -> Result<Seq, StoreError> {
        if let Beside::Follower(follower) = &self.beside {
            follower.catch_up().await?;
        }
        Ok(self.head())
    }

    /// Whether this server does what happens by itself: one of those that share a database does.
    pub fn duty(&self) -> watch::Receiver<bool> {
        self.shared.on_duty.subscribe()
    }

    /// Changes whenever a token was revoked.
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.shared.revoked.subscribe()
    }

    /// What makes a commit less than durable, if anything does.
    pub fn reduced(&self) -> Option<&str> {
        self.shared.reduced.as_deref()
    }

    /// The present moment, as the store counts it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether it can store.
    pub fn state(&self) -> WriterState {
        self.shared.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last number that is on disk.
    pub fn head(&self) -> Seq {
        self.shared.head()
    }

    /// Up to which number events may have been removed; 0 when none were.
    pub fn pruned_through(&self) -> Seq {
        Seq(self.shared.pruned_through.load(Ordering::SeqCst))
    }

    /// Follows what is committed from now on. There is one follower.
    pub fn feed(&self) -> Feed {
        self.shared.followed.store(true, Ordering::SeqCst);
        let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take();
        feed.expect("the feed has one follower")
    }

    /// Whose token this is, if it may be used now, as far as this server has heard.
    pub fn authenticate(&self, digest: &Digest) -> Option<Identity> {
        let now = self.now();
        self.shared.read(|directory| directory.authenticate(digest, now))
    }

    /// Whose token this is, if it may be used now. A token that is not known here may have been given
    /// by another server a moment ago.
    pub async fn identify(&self, digest: &Digest) -> Option<Identity> {
        match self.authenticate(digest) {
            None if self.learns() && self.current().await.is_ok() => self.authenticate(digest),
            known => known,
        }
    }

    /// True where other servers may know what this one does not.
    fn learns(&self) -> bool {
        matches!(self.beside, Beside::Follower(_))
    }
}

/// 256 bits from the system's source.
pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has a source of random numbers");
    bytes
}
