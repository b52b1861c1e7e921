//! The store itself: opening, what everybody reads without waiting, closing.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use relay_core::{
    agent::Agent,
    api::request::RegisterAgent,
    id::{AgentId, Seq},
    identity::Credential,
    target::Address,
    time::{Clock, Timestamp},
    token::Digest,
};
use sqlx::{AnyConnection, AnyPool, Connection, Row};

use crate::{
    checkpoint::{self, Checkpoints},
    clock::SystemClock,
    dialect::{self, Access, Found},
    directory::{Change, Directory, Entry, Identity},
    error::StoreError,
    event::Log,
    feed::{self, Feed},
    lock::{self, Lock},
    queue::Queue,
    shared::Shared,
    token, writer,
};

/// Where the database is, and how it is used.
#[derive(Clone)]
pub struct Config {
    /// The file; it and its folder are made if they are not there.
    pub path: PathBuf,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
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
    /// The machine's clock, four readers, a queue of 1,024, no integrations.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            clock: Arc::new(SystemClock),
            readers: 4,
            queue: 1024,
            integrations: Vec::new(),
        }
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
    pub(crate) path: PathBuf,
    clock: Arc<dyn Clock>,
    checkpoints: Arc<Checkpoints>,
    feed: Arc<Mutex<Option<Feed>>>,
    lock: Arc<Mutex<Option<Lock>>>,
}

impl Store {
    /// Opens the database, or makes it: takes the lock, refuses what is newer or somebody else's
    /// before anything is written, brings the schema up to date, and starts the writer.
    pub async fn open(config: Config) -> Result<Self, StoreError> {
        let path = config.path.clone();
        create(&path)?;
        let lock = Lock::take(&path)?;
        check_before_touching(&path).await?;
        dialect::migrate(&path).await?;
        let mut connection = dialect::connect(&path, Access::Write).await?;
        dialect::check_engine(&mut connection).await?;
        let head = dialect::highest(&mut connection).await?;
        let directory = load_directory(&mut connection, &config.integrations).await?;
        let pruned = counter(&mut connection, "pruned_through").await?;
        let readers = dialect::readers(&path, config.readers).await?;
        let shared = Arc::new(Shared::new(directory.clone(), head, pruned));
        let (sender, follower) = feed::channel();
        let clock = config.clock;
        let log = Log { readers: readers.clone(), shared: shared.clone(), clock: clock.clone() };
        let checkpoint_due = checkpoint::Due::default();
        let queue = writer::spawn(writer::Start {
            path: path.clone(),
            connection,
            directory,
            clock: clock.clone(),
            shared: shared.clone(),
            feed: sender,
            log: log.clone(),
            checkpoint_due: checkpoint_due.clone(),
            integrations: config.integrations,
            depth: config.queue,
        });
        let checkpoints =
            Arc::new(Checkpoints::start(path.clone(), checkpoint_due, queue.downgrade()));
        let (feed, lock) = (Arc::new(Mutex::new(Some(follower))), Arc::new(Mutex::new(Some(lock))));
        Ok(Self { readers, queue, shared, log, path, clock, checkpoints, feed, lock })
    }

    /// Writes what waits, moves the log into the database file, and lets the file go.
    pub async fn close(&self) {
        // The writer's last checkpoint would give way to one under way, and leave the log behind.
        self.checkpoints.stop().await;
        self.queue.close().await;
        self.readers.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
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

    /// Whose token this is, if it may be used now.
    pub fn authenticate(&self, digest: &Digest) -> Option<Identity> {
        let now = self.now();
        self.shared.read(|directory| directory.authenticate(digest, now))
    }
}

/// 256 bits from the system's source.
pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has a source of random numbers");
    bytes
}

fn create(path: &Path) -> Result<(), StoreError> {
    let failed =
        |why: &dyn fmt::Display| StoreError::Path { path: path.to_owned(), why: why.to_string() };
    if path.file_name().is_none() || path.is_dir() {
        return Err(failed(&"is a folder, not a file"));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        lock::private_folder(folder)
            .map_err(|e| failed(&format!("its folder cannot be made: {e}")))?;
    }
    match lock::private(path, true) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(&error)),
        Ok(_) => Ok(()),
    }
}

/// Refuses what is newer or somebody else's, with nothing written.
pub(crate) async fn check_before_touching(path: &Path) -> Result<(), StoreError> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0) {
        return Ok(());
    }
    let unreadable = |error: sqlx::Error| match error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .as_deref()
    {
        // SQLITE_NOTADB
        Some("26") => StoreError::Foreign { path: path.to_owned() },
        // SQLITE_CORRUPT
        Some("11") => StoreError::Damaged { path: path.to_owned(), why: error.to_string() },
        _ => StoreError::Path { path: path.to_owned(), why: error.to_string() },
    };
    let mut connection = dialect::connect(path, Access::Read).await.map_err(unreadable)?;
    let found = dialect::look(&mut connection).await.map_err(unreadable)?;
    let _ = connection.close().await;
    let known = dialect::migrator().iter().map(|migration| migration.version).max().unwrap_or(0);
    match found {
        Found::Foreign => Err(StoreError::Foreign { path: path.to_owned() }),
        Found::Damaged(why) => {
            Err(StoreError::Damaged { path: path.to_owned(), why: why.to_owned() })
        }
        Found::Schema(found) if found > known => {
            Err(StoreError::Newer { path: path.to_owned(), found, known })
        }
        Found::Empty | Found::Schema(_) => Ok(()),
    }
}

async fn counter(connection: &mut AnyConnection, name: &'static str) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT value FROM counter WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.try_get("value")).transpose()?.unwrap_or(0))
}

/// Reads every agent and token.
pub(crate) async fn load_directory(
    connection: &mut AnyConnection,
    integrations: &[Known],
) -> Result<Directory, StoreError> {
    let mut addresses: BTreeMap<String, BTreeMap<Address, Seq>> = BTreeMap::new();
    for row in sqlx::query("SELECT agent, address, since FROM membership")
        .fetch_all(&mut *connection)
        .await?
    {
        let address = Address::from_stored(row.try_get("address")?);
        let agent = addresses.entry(row.try_get("agent")?).or_default();
        agent.insert(address, Seq(row.try_get("since")?));
    }
    let mut directory = Directory::default();
    directory.apply(&Change::Put(Arc::new(built_in(AgentId::human(), "human"))));
    let sql = "SELECT id, owner, guest, last_seen_at, removed_at, data FROM agent";
    for row in sqlx::query(sql).fetch_all(&mut *connection).await? {
        let mut agent: Agent = serde_json::from_str(&row.try_get::<String, _>("data")?)?;
        agent.last_seen_at = Timestamp(row.try_get("last_seen_at")?);
        let entry = Entry {
            credential: Credential {
                owner: Digest::from_stored(row.try_get("owner")?),
                guest: row.try_get::<Option<String>, _>("guest")?.map(Digest::from_stored),
            },
            addresses: addresses.remove(&row.try_get::<String, _>("id")?).unwrap_or_default(),
            removed_at: row.try_get::<Option<i64>, _>("removed_at")?.map(Timestamp),
            built_in: agent.id.is_human(),
            agent,
        };
        directory.apply(&Change::Put(Arc::new(entry)));
    }
    for known in integrations {
        if directory.get(&known.name).is_some() {
            tracing::warn!(integration = %known.name, "an agent has this name, too; it can be reached no more");
        }
        directory.apply(&Change::Put(Arc::new(built_in(known.name.clone(), "integration"))));
        list_mail(connection, &known.name).await?;
        if known.callback {
            directory.call_back(known.name.clone());
        }
    }
    for row in sqlx::query(token::GRANTS).fetch_all(&mut *connection).await? {
        let (digest, grant) = token::grant(&row)?;
        directory.apply(&Change::Grant(digest, grant));
    }
    Ok(directory)
}

/// Notes under which address an integration gets mail, so that it is listed.
async fn list_mail(connection: &mut AnyConnection, name: &AgentId) -> Result<(), StoreError> {
    let sql = "INSERT INTO membership (agent, address, since) VALUES ($1, $2, 0) \
         ON CONFLICT (agent, address) DO NOTHING";
    let address = Address::of_agent(name).to_string();
    sqlx::query(sql).bind(name.to_string()).bind(address).execute(connection).await?;
    Ok(())
}

/// The operator or an integration: never reaped, in no group. The row of `membership` by which the
/// operator's mail is listed is in the migration.
fn built_in(id: AgentId, provider: &str) -> Entry {
    let mut agent = Agent::register(RegisterAgent::new(id), Timestamp(0));
    agent.provider = provider.parse().expect("a slug");
    let address = Address::of_agent(&agent.id);
    Entry {
        agent,
        credential: Credential { owner: Digest::from_stored(String::new()), guest: None },
        addresses: BTreeMap::from([(address, Seq(0))]),
        removed_at: None,
        built_in: true,
    }
}
