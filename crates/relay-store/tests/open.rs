//! The story of the file: made private, locked, refused untouched when it is not ours or newer.

mod common;

use std::{fs, path::Path};

use common::{fixture, open};
use relay_core::time::ManualClock;
use relay_store::StoreError;
use serde_json::json;
use sqlx::{AnyConnection, Connection, Executor};

fn clock() -> ManualClock {
    ManualClock::at(common::START)
}

async fn raw(path: &Path, sql: &'static str) {
    sqlx::any::install_default_drivers();
    let mut connection =
        AnyConnection::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_second_relay_is_told_who_has_the_file() {
    let f = fixture().await;
    match open(&f.path(), &f.clock).await {
        Err(StoreError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{:?}", other.map(|_| ())),
    }
    f.store.close().await;
    open(&f.path(), &f.clock).await.unwrap().close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/relay.db");
    let store = open(&path, &clock()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["relay.db", "relay.db-wal", "relay.db-shm", "relay.db.lock"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    store.close().await;
}

#[tokio::test]
async fn a_newer_database_is_refused_untouched() {
    let mut f = fixture().await;
    f.join(json!("a")).await;
    f.reopen().await;
    f.store.close().await;
    raw(
        &f.path(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'the future', 1, x'00', 0); PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE",
    )
    .await;
    let before = fs::read(f.path()).unwrap();
    match open(&f.path(), &f.clock).await {
        Err(StoreError::Newer { found: 999, known, .. }) => assert!(known < 999),
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert_eq!(fs::read(f.path()).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_relay_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    raw(&other, "CREATE TABLE recipe (name TEXT)").await;
    let text = folder.path().join("notes.txt");
    fs::write(
        &text,
        "dear diary, today I wrote a longer line than the header of a database file has bytes",
    )
    .unwrap();
    for path in [other, text] {
        let before = fs::read(&path).unwrap();
        match open(&path, &clock()).await {
            Err(StoreError::Foreign { .. }) => {}
            found => panic!("{}: {:?}", path.display(), found.map(|_| ())),
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [folder.path().to_owned(), file.join("relay.db")] {
        match open(&path, &clock()).await {
            Err(StoreError::Path { path: named, .. }) => assert_eq!(named, path),
            found => panic!("{}: {:?}", path.display(), found.map(|_| ())),
        }
    }
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let f = fixture().await;
    f.join(json!("a")).await;
    f.store.close().await;
    let refused = f.deliver("a", json!({"to": "human", "body": "x"})).await.unwrap_err();
    assert!(matches!(refused, StoreError::Closed), "{refused}");
}

#[tokio::test]
async fn odd_names_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b?mode=memory#ü%20.db");
    open(&path, &clock()).await.unwrap().close().await;
    assert!(path.exists());
}
