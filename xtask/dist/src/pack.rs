//! The archive of a release for one kind of machine.

use std::path::Path;

use flate2::{Compression, write::GzEncoder};

use crate::{PROGRAMS, Pack, debian, file, paper, sbom};

/// A file of a release.
pub struct Entry {
    /// Its path below the release's folder.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Whether it may be run.
    pub executable: bool,
}

impl Entry {
    pub fn text(path: String, bytes: Vec<u8>) -> Self {
        Self { path, bytes, executable: false }
    }

    /// A file of the checkout, at the same place in the release.
    fn of_checkout(path: &Path) -> Result<Self, String> {
        let inner = path.strip_prefix(file::root()).map_err(|why| why.to_string())?;
        let inner = inner.to_string_lossy().replace('\\', "/");
        // On Windows a file does not say so itself.
        let script = path.extension().is_some_and(|ending| ending == "sh");
        let executable = script || inner == "providers/claude/bin/run";
        Ok(Self { path: inner, bytes: file::read(path)?, executable })
    }
}

/// Texts at the top, from where they are in the checkout.
const TOP: [(&str, &str); 6] = [
    ("README.md", "README.md"),
    ("CHANGELOG.md", "docs/changelog.md"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("install.sh", "xtask/dist/install.sh"),
    ("install.ps1", "xtask/dist/install.ps1"),
];

/// What the AI runtimes load, where their marketplaces look for it.
const FOLDERS: [&str; 4] = [".claude-plugin", ".agents", "providers/claude", "providers/codex"];

impl Pack {
    /// Packs the archive, its digest, the installers and, where it can be made, the Debian package.
    pub fn run(&self) -> Result<(), String> {
        let release = self.release()?;
        let name = format!("agent-relay-{}", self.target);
        let archive = archive(&name, &release)?;
        self.put(&format!("{name}.tar.gz"), &archive)?;
        for script in ["install.sh", "install.ps1"] {
            let entry = release.iter().find(|entry| entry.path == script);
            file::write(&self.out.join(script), &entry.ok_or(script)?.bytes)?;
        }
        if let Some((name, package)) = debian::package(&self.target, &release)? {
            self.put(&name, &package)?;
        }
        Ok(())
    }

    /// Writes a file, and its digest beside it as `sha256sum` would.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        file::write(&self.out.join(name), bytes)?;
        let line = format!("{}  {name}\n", file::digest(bytes));
        file::write(&self.out.join(format!("{name}.sha256")), line.as_bytes())?;
        println!("{} ({} bytes)", self.out.join(name).display(), bytes.len());
        Ok(())
    }

    fn release(&self) -> Result<Vec<Entry>, String> {
        let suffix = if self.target.contains("windows") { ".exe" } else { "" };
        let mut entries = Vec::new();
        for program in PROGRAMS {
            let name = format!("{program}{suffix}");
            let bytes = file::read(&self.programs.join(&name))?;
            entries.push(Entry { path: name, bytes, executable: true });
        }
        for (path, from) in TOP {
            let entry = Entry::of_checkout(&file::root().join(from))?;
            entries.push(Entry { path: path.to_owned(), ..entry });
        }
        for folder in FOLDERS {
            for path in file::below(&file::root().join(folder))? {
                entries.push(Entry::of_checkout(&path)?);
            }
        }
        entries.extend(paper::completions());
        entries.extend(paper::manual()?);
        entries.push(Entry::text("sbom.cdx.json".into(), sbom::document(&self.target)?));
        Ok(entries)
    }
}

/// A tar file in one folder, compressed. It says nothing of when and by whom, so that the same
/// programs give the same archive.
fn archive(folder: &str, entries: &[Entry]) -> Result<Vec<u8>, String> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(if entry.executable { 0o755 } else { 0o644 });
        let path = format!("{folder}/{}", entry.path);
        let added = tar.append_data(&mut header, &path, entry.bytes.as_slice());
        added.map_err(|why| format!("{path}: {why}"))?;
    }
    tar.into_inner().and_then(GzEncoder::finish).map_err(|why| why.to_string())
}
