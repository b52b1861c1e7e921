//! The story of backups: a consistent earlier state, whatever is written meanwhile, and restoring
//! one gives no number twice.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use common::{Fixture, fixture, id, open};
use futures_util::future::join_all;
use relay_core::{id::Seq, time::ManualClock};
use relay_store::{Reader, StoreError, backup, check, restore};
use serde_json::json;
use sqlx::{AnyConnection, Connection, Executor};
use tokio::time::interval;

async fn ready() -> Fixture {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.join(json!("b")).await;
    let mut feed = f.store.feed();
    tokio::spawn(async move { while feed.next().await.is_some() {} });
    f
}

fn aside(f: &Fixture, name: &str) -> PathBuf {
    f.folder.path().join(name)
}

async fn change(path: &Path, sql: &'static str) {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}?mode=rw", path.display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

/// What an agent can read of a database file, from its first message on.
async fn bodies(path: &Path, clock: &ManualClock) -> Vec<i64> {
    let store = open(path, clock).await.unwrap();
    let reader = Reader::Agent { id: id("b"), presence: false };
    let replay = store.replay(&reader, Seq(0), store.head(), 1_000_000).await.unwrap();
    store.close().await;
    let messages = replay.events.iter().filter_map(|event| event.message.as_ref());
    messages.map(|message| message.body.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_backup_under_2000_messages_a_second_is_an_earlier_state() {
    const SENDERS: usize = 32;
    let f = Arc::new(ready().await);
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let load = tokio::spawn({
        let (f, stop, sent) = (f.clone(), stop.clone(), sent.clone());
        async move {
            let mut pace = interval(Duration::from_millis(16));
            while !stop.load(Ordering::SeqCst) {
                pace.tick().await;
                let from = sent.load(Ordering::SeqCst);
                // One after another within a batch: the bodies count up with the ids.
                join_all((0..SENDERS).map(|n| {
                    let body = (from + n as i64).to_string();
                    let f = f.clone();
                    async move { f.send("a", "b", &body).await }
                }))
                .await;
                sent.fetch_add(SENDERS as i64, Ordering::SeqCst);
            }
        }
    });
    let mut made = Vec::new();
    for number in 0..20 {
        let before = sent.load(Ordering::SeqCst);
        let file = aside(&f, &format!("backup-{number}.db"));
        let snapshot = backup(&f.path(), &file).await.unwrap();
        assert!(snapshot.messages >= before, "what was acknowledged before is in it");
        made.push(snapshot);
    }
    stop.store(true, Ordering::SeqCst);
    load.await.unwrap();
    // What was acknowledged in the end is no less than any backup has.
    let all = sent.load(Ordering::SeqCst);
    assert!(made.first().unwrap().messages < made.last().unwrap().messages, "under load");
    f.store.close().await;
    for snapshot in made {
        assert_eq!(check(&snapshot.file).await.unwrap().sha256, snapshot.sha256);
        let restored = aside(&f, "restored.db");
        let done = restore(&snapshot.file, &restored).await.unwrap();
        assert!(
            done.floor.0 >= snapshot.seq.0 + (1 << 32),
            "nobody knows how far the old one came"
        );
        let mut bodies = bodies(&restored, &f.clock).await;
        bodies.sort_unstable();
        let first: Vec<i64> = (0..snapshot.messages).collect();
        assert!(
            snapshot.messages <= all && bodies == first,
            "a prefix of what was sent, with no hole"
        );
        fs::remove_file(restored).unwrap();
    }
}

#[tokio::test]
async fn numbers_go_on_above_the_old_ones_and_the_lost_stretch_is_told() {
    let f = ready().await;
    f.send("a", "b", "1").await;
    let file = aside(&f, "backup.db");
    let snapshot = backup(&f.path(), &file).await.unwrap();
    let lost = f.send("a", "b", "2").await;
    let old = f.store.head();
    f.store.close().await;
    let done = restore(&file, &f.path()).await.unwrap();
    assert_eq!((done.lost_through, done.floor), (Some(old), old));
    assert!(snapshot.seq < old);
    let store = open(&f.path(), &f.clock).await.unwrap();
    assert_eq!((store.head(), store.pruned_through()), (old, old), "a cursor below it has a gap");
    let f = Fixture { store, ..f };
    let mut feed = f.store.feed();
    tokio::spawn(async move { while feed.next().await.is_some() {} });
    assert!(f.send("a", "b", "3").await > lost);
    // What was there before lies beside it, whole.
    let kept = check(&done.aside.unwrap()).await.unwrap();
    assert_eq!((kept.seq, kept.messages), (old, 2));
}

#[tokio::test]
async fn restoring_twice_loses_neither_old_file() {
    let f = ready().await;
    let file = aside(&f, "backup.db");
    backup(&f.path(), &file).await.unwrap();
    f.store.close().await;
    let first = restore(&file, &f.path()).await.unwrap().aside.unwrap();
    let second = restore(&file, &f.path()).await.unwrap().aside.unwrap();
    assert!(first != second && first.exists() && second.exists());
}

#[tokio::test]
async fn a_backup_replaces_no_file_and_leaves_none_behind_when_it_fails() {
    let f = ready().await;
    let file = aside(&f, "backup.db");
    fs::write(&file, "precious").unwrap();
    let refused = backup(&f.path(), &file).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Path { path, .. } if *path == file), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let nowhere = aside(&f, "none/backup.db");
    assert!(matches!(backup(&f.path(), &nowhere).await, Err(StoreError::Path { .. })));
    for (database, name) in [("missing.db", "1.db"), ("backup.db", "2.db")] {
        assert!(backup(&aside(&f, database), &aside(&f, name)).await.is_err());
        assert!(
            !aside(&f, name).exists() && !aside(&f, database).with_extension("db-wal").exists()
        );
    }
    let left = fs::read_dir(f.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_a_backup_and_what_is_restored() {
    use std::os::unix::fs::PermissionsExt;
    let f = ready().await;
    let file = aside(&f, "backup.db");
    backup(&f.path(), &file).await.unwrap();
    f.store.close().await;
    let restored = aside(&f, "deep/restored.db");
    restore(&file, &restored).await.unwrap();
    for file in [&file, &restored] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn what_cannot_be_restored_changes_nothing() {
    let f = ready().await;
    f.send("a", "b", "1").await;
    let good = aside(&f, "good.db");
    backup(&f.path(), &good).await.unwrap();
    let running = restore(&good, &f.path()).await.unwrap_err();
    assert!(matches!(running, StoreError::Locked { .. }), "a relay has it: {running}");
    f.store.close().await;
    let before = fs::read(f.path()).unwrap();

    let bytes = fs::read(&good).unwrap();
    let bad = |name: &str, bytes: &[u8]| {
        let file = aside(&f, name);
        fs::write(&file, bytes).unwrap();
        file
    };
    let cut = bad("cut.db", &bytes[..bytes.len() / 2]);
    let empty = bad("empty.db", b"");
    let text = bad("text.db", &b"no database at all, but long enough to look at ".repeat(40));
    let newer = bad("newer.db", &bytes);
    change(
        &newer,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'the future', 1, x'00', 0)",
    )
    .await;
    let hole = bad("hole.db", &bytes);
    change(&hole, "UPDATE sqlite_sequence SET seq = 1 WHERE name IN ('message', 'event')").await;
    for (file, why) in [
        (cut, "damaged"),
        (empty, "is empty"),
        (text, "no relay database"),
        (newer, "written by a newer relay"),
        (hole, "newer than the newest number"),
        (aside(&f, "missing.db"), "missing.db"),
    ] {
        let refused = restore(&file, &f.path()).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{}: {refused}", file.display());
        assert_eq!(fs::read(f.path()).unwrap(), before, "{}", file.display());
    }
}

#[tokio::test]
async fn a_damaged_database_is_put_aside_and_its_numbers_are_left_far_behind() {
    let f = ready().await;
    let good = aside(&f, "good.db");
    let snapshot = backup(&f.path(), &good).await.unwrap();
    f.store.close().await;
    fs::write(f.path(), b"no longer a database, after whatever happened to it ".repeat(40))
        .unwrap();
    let done = restore(&good, &f.path()).await.unwrap();
    assert_eq!((done.lost_through, done.floor.0), (None, snapshot.seq.0 + (1 << 32)));
    assert!(fs::read(done.aside.unwrap()).unwrap().starts_with(b"no longer"));
    assert_eq!(open(&f.path(), &f.clock).await.unwrap().head(), done.floor);
}
