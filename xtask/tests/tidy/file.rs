//! The files of the checkout, without what is built or installed.

use std::fs;
use std::path::{Path, PathBuf};

const NOT_OURS: [&str; 4] = [".git", "target", "node_modules", "dist"];

/// A text file: its path from the root, with `/`, and what it holds.
pub struct File {
    pub path: String,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Every text file of the checkout.
pub fn all() -> Vec<File> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Those whose path ends in `ending`.
pub fn ending(ending: &str) -> Vec<File> {
    all().into_iter().filter(|file| file.path.ends_with(ending)).collect()
}

fn collect(folder: &Path, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout is readable") {
        let path = entry.expect("an entry is readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push(File { path: from_root(&path), text });
        }
    }
}

fn from_root(path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(root()).expect("the file is in the checkout").into();
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
