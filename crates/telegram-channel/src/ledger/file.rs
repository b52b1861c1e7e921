//! The ledger on disk: for its user only, replaced whole, and on the disk before it is relied on.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use relay_client::place::create_private_dir;
use tokio::sync::{Mutex, MutexGuard};

use super::Ledger;

/// Why there is no ledger to work with.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process carries for the same bot.
    #[error("another agent-relay-telegram carries for this bot already (it holds {path})", path = path.display())]
    Held {
        /// The file that it has locked.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot use {path}: {source}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Keeps the ledger. Clones share it.
#[derive(Clone)]
pub struct Keeper {
    path: Arc<Path>,
    ledger: Arc<Mutex<Ledger>>,
    /// Locked while this process lives: two that carry for one bot would carry everything twice.
    _lock: Arc<File>,
}

impl Keeper {
    /// Opens the ledger at `path`; none there is an empty one.
    ///
    /// Refused while another process has it. One that cannot be read is refused, too: to begin
    /// anew would repeat what is on its way.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let unusable = |source| LedgerError::Unusable { path: path.to_owned(), source };
        create_private_dir(
            path.parent().ok_or_else(|| unusable(io::ErrorKind::InvalidInput.into()))?,
        )
        .map_err(unusable)?;
        let lock = lock(&path.with_extension("lock"))?;
        let ledger = match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| unusable(e.into()))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ledger::default(),
            Err(e) => return Err(unusable(e)),
        };
        Ok(Self { path: path.into(), ledger: Arc::new(Mutex::new(ledger)), _lock: Arc::new(lock) })
    }

    /// The ledger, to look something up.
    pub async fn read(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().await
    }

    /// Changes the ledger, and returns when the change is on the disk. When the disk refuses, the
    /// change stands here all the same, and goes to the disk with the next one.
    pub async fn change(&self, change: impl FnOnce(&mut Ledger)) -> Result<(), LedgerError> {
        let mut ledger = self.ledger.lock().await;
        change(&mut ledger);
        let (path, text) = (Arc::clone(&self.path), serde_json::to_string(&*ledger));
        let written = tokio::task::spawn_blocking(move || replace(&path, &text?)).await;
        let written = written.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        written.map_err(|source| LedgerError::Unusable { path: self.path.to_path_buf(), source })
    }
}

fn lock(path: &Path) -> Result<File, LedgerError> {
    let unusable = |source| LedgerError::Unusable { path: path.to_owned(), source };
    let file = private().create(true).truncate(false).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Held { path: path.to_owned() }),
        Err(TryLockError::Error(e)) => Err(unusable(e)),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The text is on the disk before its name is, and the name before this returns.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    match fs::remove_file(&draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = private().create_new(true).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_changed_is_there_for_the_next_process_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channels/telegram-1.json");
        let keeper = Keeper::open(&path).unwrap();
        assert!(matches!(Keeper::open(&path), Err(LedgerError::Held { .. })));
        keeper.change(|ledger| ledger.handled(8, None)).await.unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
        drop(keeper);
        let keeper = Keeper::open(&path).unwrap();
        assert!(keeper.read().await.is_handled(8));
    }

    #[tokio::test]
    async fn a_ledger_that_cannot_be_read_is_not_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("telegram-1.json");
        fs::write(&path, "{\"out\":").unwrap();
        assert!(matches!(Keeper::open(&path), Err(LedgerError::Unusable { .. })));
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_told_and_tried_again_with_the_next_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("telegram-1.json");
        let keeper = Keeper::open(&path).unwrap();
        fs::create_dir(path.with_extension("draft")).unwrap();
        assert!(keeper.change(|ledger| ledger.handled(1, None)).await.is_err());
        fs::remove_dir(path.with_extension("draft")).unwrap();
        keeper.change(|ledger| ledger.handled(2, None)).await.unwrap();
        drop(keeper);
        let keeper = Keeper::open(&path).unwrap();
        let ledger = keeper.read().await;
        assert!(ledger.is_handled(1) && ledger.is_handled(2));
    }
}
