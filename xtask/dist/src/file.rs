//! Files, with their names in what goes wrong.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the package lies in xtask/dist")
}

pub fn named<T>(path: &Path, done: io::Result<T>) -> Result<T, String> {
    done.map_err(|why| format!("{}: {why}", path.display()))
}

pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    named(path, fs::read(path))
}

pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        named(folder, fs::create_dir_all(folder))?;
    }
    named(path, fs::write(path, bytes))
}

/// Every file below a folder, sorted.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in named(folder, fs::read_dir(folder))? {
        let path = named(folder, entry)?.path();
        if path.is_dir() {
            found.extend(below(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The SHA-256 digest in hex.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
