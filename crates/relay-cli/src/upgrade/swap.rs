//! Putting a new program in the place of an old one, which stays beside it, and going back.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where the new program waits.
pub fn staged(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Where the old one is kept.
pub fn kept(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".previous");
    path.with_file_name(name)
}

/// Puts what is staged in place: on Unix there is a whole program of this name at every moment. What
/// runs goes on with the file that it was started from.
pub fn swap(path: &Path) -> io::Result<()> {
    let (staged, kept) = (staged(path), kept(path));
    remove(&kept)?;
    if cfg!(windows) || path.is_dir() {
        // On Windows a program that runs may be renamed and not replaced, and nowhere a folder.
        fs::rename(path, &kept)?;
        return fs::rename(&staged, path).inspect_err(|_| drop(fs::rename(&kept, path)));
    }
    fs::hard_link(path, &kept).or_else(|_| fs::copy(path, &kept).map(drop))?;
    fs::rename(&staged, path)?;
    sync(path)
}

/// Puts what is kept back.
pub fn back(path: &Path) -> io::Result<()> {
    let kept = kept(path);
    if cfg!(windows) || path.is_dir() {
        let staged = staged(path);
        remove(&staged)?;
        fs::rename(path, &staged)?;
        fs::rename(&kept, path)?;
        return remove(&staged).or(Ok(()));
    }
    fs::rename(&kept, path)?;
    sync(path)
}

/// Removes what may be there.
pub fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// Makes the names survive a power cut.
fn sync(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_replaced_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent-relay");
        let read = || fs::read_to_string(&path).unwrap();
        fs::write(&path, "old").unwrap();
        for new in ["newer", "newest"] {
            fs::write(staged(&path), new).unwrap();
            swap(&path).unwrap();
            assert_eq!(read(), new);
        }
        assert_eq!(fs::read_to_string(kept(&path)).unwrap(), "newer");
        back(&path).unwrap();
        assert_eq!(read(), "newer");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_replaced_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claude");
        for (place, text) in [(&path, "old"), (&staged(&path), "new")] {
            fs::create_dir(place).unwrap();
            fs::write(place.join("x"), text).unwrap();
        }
        swap(&path).unwrap();
        assert_eq!(fs::read_to_string(path.join("x")).unwrap(), "new");
        back(&path).unwrap();
        assert_eq!(fs::read_to_string(path.join("x")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
