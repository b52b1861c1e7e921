//! Codex itself, asked and told through its own commands.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use super::bundle::{MARKETPLACE, PLUGIN};
use crate::failure::Failure;

/// The series that everything here was seen to work with.
pub const VERIFIED: &str = "0.169";

/// An installed Codex.
#[derive(Clone, Debug)]
pub struct Codex {
    /// Its program.
    pub program: PathBuf,
    /// Its folder, where it is another than Codex would take.
    pub home: Option<PathBuf>,
}

/// Our plugin, as Codex lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Plugin {
    #[serde(rename = "pluginId")]
    id: String,
    /// The version that Codex has copied.
    pub version: String,
    /// False when somebody has switched it off.
    pub enabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Plugins {
    installed: Vec<Plugin>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Marketplaces {
    marketplaces: Vec<Marketplace>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Marketplace {
    name: String,
    root: PathBuf,
}

impl Codex {
    /// Its version, as `0.169.0`.
    pub fn version(&self) -> Result<String, Failure> {
        let said = self.run(&["--version"])?;
        let version = said.split_whitespace().last().unwrap_or_default();
        if version.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(version.to_owned());
        }
        let program = self.program.display();
        Err(Failure::refused(format_args!("{program} --version says `{said}`, which is no Codex")))
    }

    /// Our plugin; none where it is not installed.
    pub fn plugin(&self) -> Result<Option<Plugin>, Failure> {
        let listed: Plugins = self.ask(&["plugin", "list", "--json"])?;
        Ok(listed.installed.into_iter().find(|plugin| plugin.id == PLUGIN))
    }

    /// The folder of the marketplace with our name; none where Codex knows none.
    pub fn marketplace(&self) -> Result<Option<PathBuf>, Failure> {
        let listed: Marketplaces = self.ask(&["plugin", "marketplace", "list", "--json"])?;
        let ours = listed.marketplaces.into_iter().find(|one| one.name == MARKETPLACE);
        Ok(ours.map(|one| one.root))
    }

    fn ask<T: serde::de::DeserializeOwned>(&self, arguments: &[&str]) -> Result<T, Failure> {
        let said = self.run(arguments)?;
        serde_json::from_str(&said).map_err(|error| {
            let line = arguments.join(" ");
            Failure::refused(format_args!("`codex {line}` answers something else: {error}"))
                .hint(format_args!("this was made for Codex {VERIFIED}"))
        })
    }

    /// Runs one of its commands to the end, and returns what it printed.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null());
        if let Some(home) = &self.home {
            command.env("CODEX_HOME", home);
        }
        let line = Self::line(arguments);
        let output = command.output().map_err(|error| {
            let program = self.program.display();
            Failure::refused(format_args!("{program} cannot be started: {error}"))
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let why = said.lines().find(|line| line.starts_with("Error")).unwrap_or(said.trim());
        Err(Failure::refused(format_args!("`{line}` failed: {why}")))
    }

    /// A command as one would type it.
    pub fn line<S: AsRef<OsStr>>(arguments: &[S]) -> String {
        let words = arguments.iter().map(|word| word.as_ref().to_string_lossy());
        std::iter::once("codex".into()).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// Codex's folder: the one it is told, else the one in the user's home.
pub fn folder(told: Option<&Path>, home: &Path) -> PathBuf {
    told.map_or_else(|| home.join(".codex"), Path::to_owned)
}

/// True when this version is of the series that was verified.
pub fn is_verified(version: &str) -> bool {
    version.strip_prefix(VERIFIED).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_verified_by_its_series() {
        assert!(is_verified("0.169.0") && is_verified("0.169.3"));
        assert!(!is_verified("0.1690.0") && !is_verified("0.170.0") && !is_verified("0.169"));
    }
}
