//! Seats: the folder of one launch, `codex/launch/N` in the user's state folder. The first one that
//! nobody holds is taken, so that what a launch leaves there is written over by the next.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use relay_client::place::{create_private_dir, state_dir};

use crate::failure::Failure;

/// So many sessions at once are enough for one user.
const MOST: usize = 1_000;

/// The folder of a launch, held until it ends.
#[derive(Debug)]
pub struct Seat {
    folder: PathBuf,
    _lock: File,
}

impl Seat {
    /// Takes a free one of this user.
    pub fn take() -> Result<Self, Failure> {
        let all = state_dir().map_err(Failure::usage)?.join("codex").join("launch");
        Self::take_in(&all).map_err(|error| Failure::file("use", &all, &error))
    }

    fn take_in(all: &Path) -> io::Result<Self> {
        for number in 1..=MOST {
            let folder = all.join(number.to_string());
            create_private_dir(&folder)?;
            let lock = private_file(&folder.join("lock"))?;
            if lock.try_lock().is_ok() {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(io::Error::other("too many sessions at once"))
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Opens a file for its user only, and leaves what stands there.
pub fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes a file that may not be there.
pub fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "stays");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_one_launchs_and_free_again_after_it() {
        let all = tempfile::tempdir().unwrap();
        let first = Seat::take_in(all.path()).unwrap();
        let second = Seat::take_in(all.path()).unwrap();
        assert_eq!(first.file("log"), all.path().join("1/log"));
        assert_eq!(second.file("log"), all.path().join("2/log"));
        drop(first);
        assert_eq!(Seat::take_in(all.path()).unwrap().file("log"), all.path().join("1/log"));
    }
}
