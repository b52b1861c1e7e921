//! The story of the write-ahead log, and of a file that was damaged: the first stays short, the
//! second is noticed and kept.

mod common;

use std::{
    fs,
    path::Path,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use common::{Fixture, fixture, full, open};
use futures_util::future::join_all;
use relay_core::{api::query, id::Seq, time::ManualClock};
use relay_store::{Reader, StoreError};
use serde_json::json;
use sqlx::{AnyConnection, Connection, Executor};
use tokio::time::{Instant, timeout};

const PAGE: usize = 4096;
/// What a log may never be longer than.
const BOUND: u64 = 32 << 20;
/// Where SQLite itself would move the log inside a commit: 6,000 pages.
const NET: u64 = 6_000 * PAGE as u64;
/// Whatever takes longer than this has hung.
const PATIENCE: Duration = Duration::from_mins(1);

async fn ready() -> Fixture {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    // The writer waits for a follower that does not follow.
    let mut feed = f.store.feed();
    tokio::spawn(async move { while feed.next().await.is_some() {} });
    f
}

/// Sends `rounds` times 64 messages at once; returns how long the log ever was, and the longest that
/// 64 senders waited.
async fn write(f: &Fixture, rounds: usize, body: &str) -> (u64, Duration) {
    let (mut longest, mut slowest) = (0, Duration::ZERO);
    for _ in 0..rounds {
        let began = Instant::now();
        join_all((0..64).map(|_| f.send("a", "b", body))).await;
        slowest = slowest.max(began.elapsed());
        longest = longest.max(f.store.metrics().wal_bytes);
    }
    (longest, slowest)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !so() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_short_under_sustained_writes() {
    for body in [4 << 10, 60 << 10] {
        let f = ready().await;
        let megabytes = if full() { 400 } else { 80 };
        let rounds = (megabytes << 20) / (64 * body);
        let (longest, _) = write(&f, rounds, &"x".repeat(body)).await;
        eprintln!("bodies of {body}: {longest} bytes");
        assert!(longest < BOUND, "with bodies of {body} it was {longest} bytes long");
        f.store.close().await;
        assert_eq!(size(&f.folder.path().join("relay.db-wal")), 0, "closing empties it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_moved_beside_the_writer_and_not_in_its_commits() {
    let f = ready().await;
    let before = size(&f.path());
    let (longest, _) = write(&f, 48, &"x".repeat(3 << 10)).await;
    assert!(longest < NET, "no commit had to do it: {longest}");
    until("the log is moved into the file", || size(&f.path()) > before + (3 << 20)).await;
    f.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_long_holds_up_no_writer() {
    let f = ready().await;
    write(&f, 1, "x").await;
    let mut reader = hold(&f.path()).await;
    let (longest, slowest) = write(&f, 80, &"x".repeat(4 << 10)).await;
    assert!(longest > 20 << 20, "the reader keeps the log from beginning again: {longest}");
    assert!(slowest < Duration::from_secs(3), "64 senders waited {slowest:?}");
    reader.execute("COMMIT").await.unwrap();
    reader.close().await.unwrap();
    let (longest, _) = write(&f, 80, &"x".repeat(4 << 10)).await;
    assert!(longest < 2 * BOUND, "it begins again when the reader is gone: {longest}");
    f.store.close().await;
}

/// A transaction that reads, and stays.
async fn hold(path: &Path) -> AnyConnection {
    let address = format!("sqlite://{}?mode=ro", path.display());
    let mut reader = AnyConnection::connect(&address).await.unwrap();
    reader.execute("BEGIN").await.unwrap();
    reader.fetch_one("SELECT count(*) FROM message").await.unwrap();
    reader
}

/// A flush that failed in the process before may have left a log that is only in memory. Nothing
/// may be appended to that.
#[tokio::test]
async fn opening_moves_the_log_that_a_crash_left() {
    let f = ready().await;
    let sent = f.send("a", "b", "before the crash").await;
    let crashed = tempfile::tempdir().unwrap();
    for name in ["relay.db", "relay.db-wal"] {
        fs::copy(f.folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    let log = crashed.path().join("relay.db-wal");
    assert!(size(&log) > 0);
    let store = open(&crashed.path().join("relay.db"), &f.clock).await.unwrap();
    assert_eq!(size(&log), 0);
    assert_eq!(store.message(sent, None).await.unwrap().body, "before the crash");
    store.close().await;
}

/// Counts the panics of any task; what a test of this file asserts in vain is none.
fn panics() -> &'static AtomicUsize {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let asserted = panic.location().is_some_and(|place| place.file() == file!());
            PANICS.fetch_add(usize::from(!asserted), Ordering::SeqCst);
            print(panic);
        }));
    });
    &PANICS
}

/// What a look at a database found: how many messages, or the first complaint.
async fn look(path: &Path) -> Result<usize, String> {
    let clock = ManualClock::at(common::START);
    let store = open(path, &clock).await.map_err(|e| e.to_string())?;
    let checks = store.checks().await;
    let read = read(&store).await;
    store.close().await;
    match checks.into_iter().find(|check| !check.ok) {
        Some(check) => Err(check.detail),
        None => read.map_err(|e| e.to_string()),
    }
}

async fn read(store: &relay_store::Store) -> Result<usize, StoreError> {
    store.agents(&query::Agents::default()).await?;
    store.stats().await?;
    store.replay(&Reader::All, Seq(0), store.head(), 1_000).await?;
    let (mut count, mut query) = (0, query::Messages { since: Some(Seq(0)), ..Default::default() });
    loop {
        let page = store.messages(&query, None).await?;
        count += page.items.len();
        query.since = page.items.last().map(|message| Seq(message.id.0));
        if page.items.is_empty() {
            return Ok(count);
        }
    }
}

/// The bytes of a closed database with some of everything and no free page.
async fn database() -> (Vec<u8>, usize) {
    let f = ready().await;
    let body = |n: usize| "lorem ipsum dolor ".repeat(1 + n % 400);
    for n in 0..150 {
        f.send("a", "b", &body(n)).await;
    }
    f.store.index().await.unwrap();
    f.store.close().await;
    (fs::read(f.path()).unwrap(), 150)
}

/// Looks at the database with one byte changed.
async fn with_flip(healthy: &[u8], at: usize, mask: u8) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let mut bytes = healthy.to_vec();
    bytes[at] ^= mask;
    fs::write(&path, &bytes).unwrap();
    let found = timeout(PATIENCE, look(&path)).await;
    let found = found.unwrap_or_else(|_| panic!("it hangs after a flip of {mask:#04x} at {at}"));
    assert!(size(&path) >= healthy.len() as u64, "nothing was deleted after a flip at {at}");
    found
}

#[tokio::test]
async fn a_damaged_page_is_noticed() {
    let panics = panics();
    let (healthy, messages) = database().await;
    assert_eq!(with_flip(&healthy, 0, 0).await, Ok(messages));
    for page in 0..healthy.len() / PAGE {
        // The kind of the page, or the number of the next one; the first begins with the file's head.
        let at = if page == 0 { 100 } else { page * PAGE };
        let found = with_flip(&healthy, at, 0x55).await;
        assert!(found.is_err(), "page {page} was damaged and nobody noticed");
    }
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

/// The driver takes names and types for text, whatever they are; so it is never shown such a schema.
#[tokio::test]
async fn a_schema_that_is_no_text_is_refused() {
    let panics = panics();
    let (healthy, _) = database().await;
    for word in ["BIGINT", "created_at", "claim_state"] {
        let (mut places, mut refused) = (0, 0);
        for at in 0..healthy.len() - word.len() {
            if healthy[at..].starts_with(word.as_bytes()) {
                places += 1;
                let found = with_flip(&healthy, at + 2, 0x80).await;
                refused += usize::from(found.is_err_and(|why| why.contains("is damaged")));
            }
        }
        assert!(refused > 0, "{word} stands in {places} places");
    }
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

/// SQLite keeps no checksums: a bit that turns a null into a number is good data to it, and the row
/// it stands in reads as deleted. More than its own row no such bit may cost.
#[tokio::test]
async fn no_flipped_bit_makes_the_store_panic_or_lose_more_than_its_row_silently() {
    let panics = panics();
    let mut chance = Chance::new();
    let (healthy, messages) = database().await;
    let mut noticed = 0;
    for _ in 0..if full() { 500 } else { 60 } {
        let at = chance.below(healthy.len());
        match with_flip(&healthy, at, 1 << chance.below(8)).await {
            Err(_) => noticed += 1,
            Ok(found) => {
                let lost = messages.abs_diff(found);
                assert!(lost <= 1, "{found} messages after a flip at {at}; seed {}", chance.seed);
            }
        }
        let seed = chance.seed;
        assert_eq!(panics.load(Ordering::SeqCst), 0, "flip at {at}; seed {seed}");
    }
    eprintln!("{noticed} noticed; seed {}", chance.seed);
}

/// Numbers by chance that can be had again.
struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    #[expect(
        clippy::disallowed_methods,
        reason = "a new seed for every run, printed when it fails"
    )]
    fn new() -> Self {
        let seed = std::env::var("RELAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos().into()
        });
        Self { seed, state: seed }
    }

    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}
