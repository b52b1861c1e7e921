//! Restoring: a backup takes the place of the database, and no number is given twice.
//!
//! The relay must not run. The backup is checked first and copied; the old file stays beside the new
//! one under another name. Whoever has seen numbers above the backup's keeps them to themselves: new
//! ones begin above the largest that the old file ever gave, and where that cannot be known, 2^32
//! above the backup's. A stream that resumes in the lost stretch is told of the gap.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use relay_core::id::Seq;
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;

use crate::{
    backup::{self, Snapshot, beside, fail, sync_folder},
    dialect::{Access, sqlite},
    error::StoreError,
    lock::{self, Lock},
    open::check_before_touching,
};

/// How far numbers jump where nobody knows how far the old file had come.
const JUMP: i64 = 1 << 32;
/// Numbers stay exact in JSON.
const LAST: i64 = (1 << 53) - 1;

/// What restoring did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The backup.
    pub backup: Snapshot,
    /// The database that it became.
    pub database: PathBuf,
    /// Where the old database is now, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aside: Option<PathBuf>,
    /// The newest number of the old database, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_through: Option<Seq>,
    /// New numbers are larger than this.
    pub floor: Seq,
}

/// Puts a backup in the place of a database. Refused, with nothing changed, while a relay has the
/// database open, and where the backup is damaged, newer than this build, or no relay's.
pub async fn restore(from: &Path, database: &Path) -> Result<Restored, StoreError> {
    let backup = backup::check(from).await?;
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        lock::private_folder(folder).map_err(|error| fail(folder, &error))?;
    }
    let _lock = Lock::take(database)?;
    let old = old(database).await;
    let floor = old.unwrap_or(backup.seq.0 + JUMP).max(backup.seq.0);
    if floor > LAST {
        return Err(fail(from, "its numbers are used up"));
    }
    let copy = beside(database, ".restoring");
    let prepared = prepare(from, &copy, floor, backup.seq.0).await;
    let replaced = match prepared {
        Ok(()) => replace(database, &copy),
        Err(error) => Err(error),
    };
    let _ = fs::remove_file(&copy);
    Ok(Restored {
        backup,
        database: database.to_owned(),
        aside: replaced?,
        lost_through: old.map(Seq),
        floor: Seq(floor),
    })
}

/// How far the old database had come; its log is moved into it, so that it is one file. `None` where
/// there is none, or none that can be read.
async fn old(database: &Path) -> Option<i64> {
    if !database.metadata().is_ok_and(|meta| meta.len() > 0) {
        return None;
    }
    let access = match check_before_touching(database).await {
        Ok(()) => Access::Write,
        // Its numbers are numbers, too; its log is not for us to touch.
        Err(StoreError::Newer { .. }) => Access::Read,
        Err(_) => return None,
    };
    let mut connection = sqlite::connect(database, access).await.ok()?;
    let head = sqlite::highest(&mut connection).await.ok();
    if access == Access::Write {
        let _ = sqlite::checkpoint(&mut connection).await;
    }
    let _ = connection.close().await;
    head
}

/// A copy of the backup that gives numbers above the floor.
async fn prepare(from: &Path, copy: &Path, floor: i64, seq: i64) -> Result<(), StoreError> {
    let _ = fs::remove_file(copy);
    let mut source = File::open(from).map_err(|error| fail(from, &error))?;
    let mut target = lock::private(copy, true).map_err(|error| fail(copy, &error))?;
    io::copy(&mut source, &mut target).map_err(|error| fail(copy, &error))?;
    drop(target);
    let mut connection = sqlite::connect(copy, Access::Write).await?;
    if floor > seq {
        sqlite::raise(&mut connection, floor).await?;
    }
    sqlite::checkpoint(&mut connection).await?;
    connection.close().await?;
    File::open(copy).and_then(|file| file.sync_all()).map_err(|error| fail(copy, &error))
}

/// Puts the copy in the database's place. At every moment one of the two has the name.
fn replace(database: &Path, copy: &Path) -> Result<Option<PathBuf>, StoreError> {
    let mut aside = None;
    if database.exists() {
        let name = free(database);
        // What is left of a log belongs to the old file, and would be applied to the new one.
        for suffix in ["-wal", "-shm"] {
            let part = beside(database, suffix);
            if part.exists() {
                let to = beside(&name, suffix);
                fs::rename(&part, &to).map_err(|error| fail(&part, &error))?;
            }
        }
        fs::hard_link(database, &name)
            .or_else(|_| fs::rename(database, &name))
            .map_err(|error| fail(&name, &error))?;
        aside = Some(name);
    }
    fs::rename(copy, database).map_err(|error| fail(database, &error))?;
    sync_folder(database)?;
    Ok(aside)
}

/// A name beside the database that is not taken.
fn free(database: &Path) -> PathBuf {
    let mut names = (1..).map(|number| match number {
        1 => beside(database, ".before-restore"),
        number => beside(database, &format!(".before-restore-{number}")),
    });
    names.find(|name| !name.exists()).expect("there is no end of numbers")
}
