//! What is this user's alone: files, and the room for them.

use std::path::Path;

use relay_core::doctor::Finding;

/// Whether folders and secrets are their user's only.
#[cfg(unix)]
pub fn files() -> Finding {
    use relay_core::doctor::entries;
    match unix::secrets() {
        Ok(paths) => {
            entries("files", &paths.iter().filter_map(|path| unix::entry(path)).collect::<Vec<_>>())
        }
        Err(error) => Finding::skipped("files", error.to_string()),
    }
}

/// Elsewhere a user's folders are closed by the system.
#[cfg(not(unix))]
pub fn files() -> Finding {
    Finding::skipped("files", "this system has no modes")
}

/// Whether there is room for more where the database is.
#[cfg(unix)]
pub fn disk(database: Option<&Path>) -> Finding {
    let folder = database.and_then(Path::parent).and_then(nearest);
    let Some(folder) = folder else { return Finding::skipped("disk", "there is no folder yet") };
    match unix::space(&folder) {
        Ok(space) => relay_core::doctor::space(&folder.display().to_string(), space),
        Err(error) => Finding::skipped("disk", format!("{}: {error}", folder.display())),
    }
}

/// Elsewhere nothing of ours asks.
#[cfg(not(unix))]
pub fn disk(_: Option<&Path>) -> Finding {
    Finding::skipped("disk", "not looked at on this system")
}

/// The folder itself, or the nearest above it that is there.
#[cfg(unix)]
fn nearest(folder: &Path) -> Option<std::path::PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned)
}

#[cfg(unix)]
mod unix {
    use std::{
        fs, io,
        os::unix::fs::PermissionsExt as _,
        path::{Path, PathBuf},
    };

    use relay_client::{
        config::ConfigError,
        context, managed,
        place::{data_dir, state_dir},
    };
    use relay_core::doctor::{Entry, Space};

    /// The folders for data and state, what lies in them, and what holds a token beside them.
    pub fn secrets() -> Result<Vec<PathBuf>, ConfigError> {
        let (data, state) = (data_dir()?, state_dir()?);
        let mut paths = vec![managed::file()?, context::file()?];
        for folder in [data, state.join("sessions"), state.join("agents"), state] {
            paths.extend(files_in(&folder));
            paths.push(folder);
        }
        Ok(paths)
    }

    fn files_in(folder: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect()
    }

    /// What is not there is nobody's.
    pub fn entry(path: &Path) -> Option<Entry> {
        let about = fs::metadata(path).ok()?;
        let mode = about.permissions().mode();
        Some(Entry { path: path.display().to_string(), mode, is_folder: about.is_dir() })
    }

    pub fn space(folder: &Path) -> io::Result<Space> {
        let about = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(about.f_frsize);
        Ok(Space { free: bytes(about.f_bavail), total: bytes(about.f_blocks) })
    }
}
