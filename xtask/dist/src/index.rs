//! The index of a release, which `agent-relay upgrade` reads.

use std::{fs, path::Path};

use relay_cli::upgrade::release::{Archive, Release};

use crate::{PROGRAMS, file};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes `release.json` over the archives that lie in a folder.
pub fn write(folder: &Path) -> Result<(), String> {
    let mut archives = Vec::new();
    for entry in file::named(folder, fs::read_dir(folder))? {
        let path = file::named(folder, entry)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let target =
            name.strip_prefix("agent-relay-").and_then(|rest| rest.strip_suffix(".tar.gz"));
        let Some(target) = target else { continue };
        let bytes = file::read(&path)?;
        archives.push(Archive {
            target: target.to_owned(),
            bytes: bytes.len() as u64,
            sha256: file::digest(&bytes),
            programs: PROGRAMS.map(str::to_owned).into(),
            file: name,
        });
    }
    if archives.is_empty() {
        return Err(format!("{} holds no archive", folder.display()));
    }
    archives.sort_by(|a, b| a.target.cmp(&b.target));
    let version = semver::Version::parse(VERSION).map_err(|why| why.to_string())?;
    let text = serde_json::to_string_pretty(&Release { version, archives });
    let path = folder.join("release.json");
    file::write(&path, (text.map_err(|why| why.to_string())? + "\n").as_bytes())?;
    println!("{}", path.display());
    Ok(())
}
