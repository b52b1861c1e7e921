//! A release, as its index tells of it: `release.json`, which `cargo xtask dist` writes and
//! `agent-relay upgrade` reads.

use semver::Version;
use serde::{Deserialize, Serialize};

/// One version, and the archives that bring it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// An archive for each kind of machine.
    pub archives: Vec<Archive>,
}

/// The programs for one kind of machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The machine, as Rust names it.
    pub target: String,
    /// The archive, as an address that may be relative to the index's.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest, in hex.
    pub sha256: String,
    /// The programs in it.
    pub programs: Vec<String>,
}

impl Release {
    /// Reads an index. One of a later form may say more.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let release: Self = serde_json::from_slice(text).map_err(|why| why.to_string())?;
        let digest = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match release.archives.iter().find(|archive| !digest(&archive.sha256)) {
            Some(archive) => Err(format!("{} has no SHA-256 digest", archive.file)),
            None => Ok(release),
        }
    }

    /// The archive for a machine that takes these, the best first.
    pub fn archive(&self, targets: &[String]) -> Option<&Archive> {
        let of = |target: &String| self.archives.iter().find(|archive| archive.target == *target);
        targets.iter().find_map(of)
    }
}

/// What this machine can run, the kind that runs now first. A static program runs on any Linux.
pub fn targets() -> Vec<String> {
    targets_of(std::env::consts::OS, std::env::consts::ARCH, cfg!(target_env = "musl"))
}

fn targets_of(system: &str, machine: &str, musl: bool) -> Vec<String> {
    let linux = |c: &str| format!("{machine}-unknown-linux-{c}");
    match system {
        "linux" if musl => vec![linux("musl")],
        "linux" => vec![linux("gnu"), linux("musl")],
        "macos" => vec![format!("{machine}-apple-darwin")],
        "windows" => vec![format!("{machine}-pc-windows-msvc")],
        other => vec![format!("{machine}-unknown-{other}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(target: &str) -> Archive {
        Archive {
            target: target.into(),
            file: format!("agent-relay-{target}.tar.gz"),
            bytes: 1,
            sha256: "0".repeat(64),
            programs: vec!["agent-relay".into()],
        }
    }

    #[test]
    fn every_machine_takes_its_own_archive_and_a_static_one_runs_on_any_linux() {
        let names = ["x86_64-unknown-linux-musl", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"];
        let archives = names.map(archive).to_vec();
        let release = Release { version: Version::new(1, 2, 3), archives };
        let found = |system, machine, musl| {
            release.archive(&targets_of(system, machine, musl)).map(|found| found.target.clone())
        };
        assert_eq!(found("linux", "x86_64", false).as_deref(), Some(names[0]));
        assert_eq!(found("linux", "x86_64", true).as_deref(), Some(names[0]));
        assert_eq!(found("macos", "aarch64", false).as_deref(), Some(names[1]));
        assert_eq!(found("windows", "x86_64", false).as_deref(), Some(names[2]));
        assert_eq!(found("linux", "riscv64", false), None);
        assert_eq!(found("freebsd", "x86_64", false), None);
    }

    #[test]
    fn an_index_without_a_digest_is_none() {
        let mut release = Release { version: Version::new(1, 2, 3), archives: vec![archive("x")] };
        let text = |release: &Release| serde_json::to_vec(release).unwrap();
        assert_eq!(Release::read(&text(&release)), Ok(release.clone()));
        release.archives[0].sha256 = "none".into();
        assert!(Release::read(&text(&release)).unwrap_err().contains("no SHA-256 digest"));
        for bad in ["", "[]", "<html>", r#"{"version":"new","archives":[]}"#] {
            assert!(Release::read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Release::read(br#"{"version":"1.0.0","archives":[],"notes":"new"}"#).is_ok());
    }
}
