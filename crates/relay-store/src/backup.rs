//! Backups: a consistent copy of a database that may be in use, and what such a file holds.
//!
//! The copy is SQLite's own (`VACUUM INTO`), made in one read of the database: it is the state after
//! some commit, whatever is written meanwhile, and the writer goes on. It is checked before it gets
//! its name, and it never replaces a file.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use relay_core::{id::Seq, token::hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::{
    dialect::{Access, Found, sqlite},
    error::StoreError,
    lock,
    open::check_before_touching,
};

/// What a checked database file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its digest, in hex.
    pub sha256: String,
    /// Its schema.
    pub schema: i64,
    /// The newest number that was given to a message or an event.
    pub seq: Seq,
    /// How many agents it knows.
    pub agents: i64,
    /// How many messages it keeps.
    pub messages: i64,
    /// How many tasks it keeps.
    pub tasks: i64,
}

/// Copies a database, which a relay may be using, into a new file that only its owner may read.
/// Refused where the file is there already.
pub async fn backup(database: &Path, to: &Path) -> Result<Snapshot, StoreError> {
    require(database)?;
    check_before_touching(database).await?;
    if to.symlink_metadata().is_ok() {
        return Err(fail(to, "is there already; a backup replaces nothing"));
    }
    let partial = beside(to, ".partial");
    let _ = fs::remove_file(&partial);
    let made = copy(database, &partial, to).await;
    let _ = fs::remove_file(&partial);
    made
}

async fn copy(database: &Path, partial: &Path, to: &Path) -> Result<Snapshot, StoreError> {
    // It exists, empty and private, before anything is written to it.
    drop(lock::private(partial, true).map_err(|error| fail(partial, &error))?);
    let mut connection = sqlite::connect(database, Access::Copy).await?;
    sqlite::copy_into(&mut connection, partial).await?;
    connection.close().await?;
    let snapshot = check(partial).await?;
    File::open(partial).and_then(|file| file.sync_all()).map_err(|error| fail(partial, &error))?;
    // A link, unlike renaming, never replaces a file.
    fs::hard_link(partial, to).or_else(|_| rename_new(partial, to)).map_err(|e| fail(to, &e))?;
    sync_folder(to)?;
    Ok(Snapshot { file: to.to_owned(), ..snapshot })
}

/// For file systems without links: replaces a file only if it came to be in this very moment.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

/// Looks a database file through, from its pages to our own rules, and says what it holds. Nothing
/// is changed.
pub async fn check(file: &Path) -> Result<Snapshot, StoreError> {
    let looked = examine(file, Depth::Full).await;
    let (bytes, sha256) = digest(file).map_err(|error| fail(file, &error))?;
    Ok(Snapshot { bytes, sha256, ..looked? })
}

/// How thoroughly a database is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every page, without comparing the indexes with what they point at.
    Quick,
    /// Everything.
    Full,
}

/// Looks at a database that a relay may be using, and says what it holds, without size and digest.
/// It is opened for reading, and nothing is mended.
pub async fn examine(file: &Path, depth: Depth) -> Result<Snapshot, StoreError> {
    require(file)?;
    check_before_touching(file).await?;
    let mut connection = sqlite::connect(file, Access::Read).await?;
    let looked = look(file, &mut connection, depth).await;
    connection.close().await?;
    looked
}

async fn look(
    file: &Path,
    connection: &mut AnyConnection,
    depth: Depth,
) -> Result<Snapshot, StoreError> {
    let damaged = |why: String| StoreError::Damaged { path: file.to_owned(), why };
    let Found::Schema(schema) = sqlite::look(connection).await? else {
        return Err(StoreError::Foreign { path: file.to_owned() });
    };
    let verdict = match depth {
        Depth::Quick => sqlite::quick_check(&mut *connection).await,
        Depth::Full => sqlite::integrity_check(&mut *connection).await,
    };
    match verdict {
        Ok(verdict) if verdict == "ok" => {}
        Ok(verdict) => return Err(damaged(verdict)),
        Err(error) => return Err(damaged(error.to_string())),
    }
    for (sql, what) in
        BROKEN.iter().filter(|(since, ..)| *since <= schema).map(|(_, s, w)| (*s, *w))
    {
        let broken: i64 = number(connection, sql).await?;
        if broken > 0 {
            return Err(damaged(format!("{broken} {what}")));
        }
    }
    let tasks =
        if schema >= 2 { number(connection, "SELECT count(*) FROM task").await? } else { 0 };
    Ok(Snapshot {
        file: file.to_owned(),
        bytes: 0,
        sha256: String::new(),
        schema,
        seq: Seq(sqlite::highest(connection).await?),
        agents: number(connection, "SELECT count(*) FROM agent WHERE removed_at IS NULL").await?,
        messages: number(connection, "SELECT count(*) FROM message WHERE deleted_at IS NULL")
            .await?,
        tasks,
    })
}

/// What cannot be in a database of ours, and since which schema it can be asked.
const BROKEN: [(i64, &str, &str); 4] = [
    (
        1,
        "SELECT count(*) FROM message WHERE id > (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('message', 'event'))",
        "messages are newer than the newest number",
    ),
    (
        1,
        "SELECT count(*) FROM event WHERE seq IN (SELECT id FROM message)",
        "numbers were given to an event and to a message",
    ),
    (
        2,
        "SELECT count(*) FROM task_event e WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.id = e.task_id)",
        "events belong to no task",
    ),
    (
        2,
        "SELECT count(*) FROM task WHERE active = 1 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = task.message_id)",
        "open tasks have no message",
    ),
];

async fn number(connection: &mut AnyConnection, sql: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query(sql).fetch_one(connection).await?.try_get(0)?)
}

/// A file that is not there is told as such, before SQLite makes one.
pub(crate) fn require(file: &Path) -> Result<(), StoreError> {
    match file.metadata() {
        Ok(meta) if meta.is_file() && meta.len() > 0 => Ok(()),
        Ok(meta) if meta.is_file() => Err(fail(file, "is empty")),
        Ok(_) => Err(fail(file, "is a folder, not a file")),
        Err(error) => Err(fail(file, &error)),
    }
}

/// No connection to the file may be open in this process: closing a descriptor drops SQLite's locks.
fn digest(file: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&hasher.finalize())));
        }
        bytes += read as u64;
        hasher.update(&buffer[..read]);
    }
}

pub(crate) fn fail(path: &Path, why: &(impl ToString + ?Sized)) -> StoreError {
    StoreError::Path { path: path.to_owned(), why: why.to_string() }
}

/// The same name with something behind it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// Makes a new name in a folder survive a power cut.
pub(crate) fn sync_folder(file: &Path) -> Result<(), StoreError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Windows has no folders that can be opened, nor a need to.
    if cfg!(unix) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(|error| fail(folder, &error))?;
    }
    Ok(())
}
