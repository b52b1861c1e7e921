//! Where programs are: on `PATH`.

use std::path::{Path, PathBuf};

use crate::config::environment;

/// The first program of that name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = environment("PATH").unwrap_or_default();
    std::env::split_paths(&path).flat_map(|folder| names(&folder, name)).find(|file| runs(file))
}

/// Elsewhere than on Windows a program is called what it is called.
fn names(folder: &Path, name: &str) -> Vec<PathBuf> {
    if cfg!(windows) {
        return [".exe", ".cmd"].iter().map(|end| folder.join(format!("{name}{end}"))).collect();
    }
    vec![folder.join(name)]
}

#[cfg(unix)]
fn runs(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn runs(file: &Path) -> bool {
    file.is_file()
}
