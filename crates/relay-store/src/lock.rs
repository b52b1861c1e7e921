//! The lock beside the database file: one relay at a time.
//!
//! A file of its own, because closing any descriptor on the database itself would drop SQLite's own
//! locks. The system releases it with the process, so a stale file locks nobody out.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::error::StoreError;

/// Held while this process has the database.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says which process has it.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let failed =
            |why: std::io::Error| StoreError::Path { path: path.clone(), why: why.to_string() };
        let mut file = private(&path, false).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid =
                    file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::Locked { path: database.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        write!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// The process that has the database, as it wrote down; `None` where nobody has it. A relay that
/// starts at this moment is not disturbed: nothing is locked to find out.
#[cfg(target_os = "linux")]
pub fn holder(database: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let path = lock_path(database);
    let pid = std::fs::read_to_string(&path).ok()?.trim().parse().ok()?;
    let inode = path.metadata().ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().any(|line| is_held(line, pid, inode)).then_some(pid)
}

/// Elsewhere the lock itself must be tried, for a moment.
#[cfg(not(target_os = "linux"))]
pub fn holder(database: &Path) -> Option<u32> {
    let path = lock_path(database);
    let mut file = OpenOptions::new().read(true).open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).ok()?;
            text.trim().parse().ok()
        }
        _ => None,
    }
}

/// Reads a line of `/proc/locks`, such as `1: FLOCK  ADVISORY  WRITE 42 fe:00:1234 0 EOF`.
#[cfg(target_os = "linux")]
fn is_held(line: &str, pid: u32, inode: u64) -> bool {
    let fields: Vec<_> = line.split_whitespace().collect();
    let is = |place: usize, wanted: &str| fields.get(place).is_some_and(|field| *field == wanted);
    let file = fields.get(5).and_then(|file| file.rsplit(':').next()?.parse().ok());
    is(1, "FLOCK") && is(3, "WRITE") && is(4, &pid.to_string()) && file == Some(inode)
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    database.with_file_name(name)
}

/// Opens a file that only its owner may read, created so.
pub(crate) fn private(path: &Path, new: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(!new).create_new(new).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates the folder, and those above it, for its owner only. One that exists stays as it is.
pub(crate) fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_database_is_seen_without_asking_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("relay.db");
        assert_eq!(holder(&database), None);
        let lock = Lock::take(&database).unwrap();
        assert_eq!(holder(&database), Some(std::process::id()));
        drop(lock);
        assert_eq!(holder(&database), None, "the number that it left behind counts for nothing");
    }
}
