//! What an upgrade changes, in order. `--dry-run` prints the very plan that is carried out.

use std::{fmt, path::PathBuf};

use reqwest::Url;
use semver::Version;

use super::{
    installed::Program,
    release::{Archive, Release},
    swap::kept,
};
use crate::failure::Failure;

/// What will be changed.
#[derive(Debug)]
pub struct Plan {
    /// The version that is upgraded to.
    pub version: Version,
    /// Where the archive is.
    pub url: Url,
    /// What it must be.
    pub archive: Archive,
    /// The programs to replace.
    pub programs: Vec<Program>,
    /// The folder with the marketplace of Claude Code, where the installer has made one.
    pub marketplace: Option<PathBuf>,
    /// The database to copy before, and into which file.
    pub backup: Option<(PathBuf, PathBuf)>,
    /// The address of the service that is started anew.
    pub restart: Option<String>,
    /// What providers then do themselves.
    pub then: Vec<Vec<String>>,
    /// What is left as it is, and why.
    pub left: Vec<(PathBuf, String)>,
}

impl Plan {
    /// Sorts what is installed: what becomes the release's version, what has it, what is not ours to
    /// replace.
    pub fn of(
        release: Release,
        index: &Url,
        archive: Archive,
        installed: Vec<Program>,
    ) -> Result<Self, Failure> {
        let url = index.join(&archive.file).ok().filter(super::address::is_trusted);
        let url = url.ok_or_else(|| {
            Failure::refused(format_args!("the index names an archive at `{}`", archive.file))
        })?;
        let mut plan = Self {
            version: release.version,
            url,
            archive,
            programs: Vec::new(),
            marketplace: None,
            backup: None,
            restart: None,
            then: Vec::new(),
            left: Vec::new(),
        };
        for program in installed {
            plan.sort(program);
        }
        Ok(plan)
    }

    fn sort(&mut self, program: Program) {
        let newest = program.version.as_ref().is_some_and(|version| *version >= self.version);
        if newest {
            return;
        }
        if let Some(why) = program.kept_by {
            self.left.push((program.path, why));
        } else if self.archive.programs.iter().any(|name| name == program.name) {
            self.programs.push(program);
        } else {
            let why = format!("version {} does not have it", self.version);
            self.left.push((program.path, why));
        }
    }

    /// True when nothing will be changed.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        if !self.is_empty() {
            lines.push(format!("fetch   {} ({})", self.url, size(self.archive.bytes)));
            lines.push(format!("check   SHA-256 {}", self.archive.sha256));
        }
        if let Some((database, file)) = &self.backup {
            lines.push(format!("backup  {} into {}", database.display(), file.display()));
        }
        for program in &self.programs {
            lines.push(self.replacement(program));
        }
        if let Some(folder) = &self.marketplace {
            lines.push(format!("replace {}: the plugin of Claude Code", folder.display()));
        }
        if let Some(url) = &self.restart {
            lines.push("restart the service".to_owned());
            let version = &self.version;
            lines.push(format!("check   {url} is well and says {version}, else all is put back"));
        }
        lines.extend(self.then.iter().map(|line| format!("run     {}", line.join(" "))));
        let left = self.left.iter();
        lines.extend(left.map(|(path, why)| format!("leave   {}: {why}", path.display())));
        f.write_str(&lines.join("\n"))
    }
}

impl Plan {
    fn replacement(&self, program: &Program) -> String {
        let (path, to) = (program.path.display(), &self.version);
        let from = program.version.as_ref().map_or("what it is".to_owned(), ToString::to_string);
        let kept = kept(&program.path);
        let kept = kept.file_name().unwrap_or_default().to_string_lossy();
        format!("replace {path}: {from} becomes {to}, and is kept as {kept}")
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        more => format!("{}.{} MB", more / 1_000_000, more % 1_000_000 / 100_000),
    }
}
