//! What is installed: our programs, each with its version and with whoever looks after it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use relay_client::config::environment;
use semver::Version;
use tokio::process::Command;

/// A program that does not say its version within this time never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a program belongs to, besides the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Provider {
    /// Claude Code: the program of its plugin, and the plugin.
    Claude,
    /// Codex: the launcher, and the plugin that it has installed.
    Codex,
    /// The channel to Telegram.
    Telegram,
}

/// A program that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, without the ending of Windows.
    pub name: &'static str,
    /// What it belongs to; none for the relay itself.
    pub provider: Option<Provider>,
    /// Where it is.
    pub path: PathBuf,
    /// Its version; none where it does not say.
    pub version: Option<Version>,
    /// Why it is not ours to replace, and what to type.
    pub kept_by: Option<String>,
}

const OTHERS: [(&str, Provider); 3] = [
    ("codex-relay", Provider::Codex),
    ("agent-relay-claude", Provider::Claude),
    ("agent-relay-telegram", Provider::Telegram),
];

/// The relay at `own`, and the providers' programs beside it or on the search path.
pub async fn programs(own: &Path) -> Vec<Program> {
    let mut found = vec![look("agent-relay", None, own.to_owned()).await];
    for (name, provider) in OTHERS {
        if let Some(path) = find(name, own) {
            found.push(look(name, Some(provider), path).await);
        }
    }
    found
}

async fn look(name: &'static str, provider: Option<Provider>, path: PathBuf) -> Program {
    let version = version(&path).await;
    let kept_by = keeper(name, &path).await;
    Program { name, provider, path, version, kept_by }
}

/// The first file of this name: beside our own program, else where a shell would find it.
pub fn find(name: &str, own: &Path) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = environment("PATH").unwrap_or_default();
    let folders = own.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    let mut files = folders.map(|folder| folder.join(&file));
    files.find(|file| file.is_file())?.canonicalize().ok()
}

/// What a program says when asked for its version; none where it does not run.
pub async fn version(path: &Path) -> Option<Version> {
    let mut asked = Command::new(path);
    asked.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let said = tokio::time::timeout(PATIENCE, asked.output()).await.ok()?.ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    text.lines().next()?.split_whitespace().last()?.parse().ok()
}

/// Who looks after a program other than we ourselves, and what to type then.
async fn keeper(name: &str, path: &Path) -> Option<String> {
    if let Some(checkout) = checkout(path) {
        return Some(format!("built in {}; build it there again", checkout.display()));
    }
    if let Some(line) = cargo(name, path) {
        return Some(format!("installed by cargo; type: {line}"));
    }
    if let Some(package) = debian(path).await {
        return Some(format!(
            "belongs to the package {package}; type: sudo apt-get install --only-upgrade {package}, \
             or install the release's own .deb"
        ));
    }
    let folder = path.parent()?;
    (!is_writable(folder)).then(|| {
        format!(
            "you may not write into {}; whoever may, types: agent-relay upgrade",
            folder.display()
        )
    })
}

/// The checkout in whose build folder a program lies.
fn checkout(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    let target = folder.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    target.parent()
}

/// Cargo writes down beside `bin` what it has installed: `"relay-cli 0.1.0 (path+file:///…)" = [..]`.
fn cargo(name: &str, path: &Path) -> Option<String> {
    let root = path.parent()?.parent()?;
    let list = fs::read_to_string(root.join(".crates.toml")).ok()?;
    let file = format!("\"{name}{}\"", std::env::consts::EXE_SUFFIX);
    let line = list.lines().find(|line| line.contains(&file))?;
    let package = line.trim_start_matches('"').split(' ').next()?;
    let checkout = line.split("path+file://").nth(1).and_then(|rest| rest.split([')', '#']).next());
    Some(match checkout {
        Some(folder) => format!("cargo install --path {folder}"),
        None => format!("cargo install {package}"),
    })
}

/// The Debian package that a file belongs to.
async fn debian(path: &Path) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let mut query = Command::new("dpkg-query");
    let found = query.arg("--search").arg(path).stdin(Stdio::null()).output().await.ok()?;
    if !found.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    text.split_once(": ").map(|(package, _)| package.to_owned())
}

#[cfg(unix)]
fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// There, only trying tells; a refusal is told when the program is put in place.
#[cfg(not(unix))]
fn is_writable(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_asked_to_do_it_again_as_it_was_done() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("bin/agent-relay");
        let list = |line: &str| {
            fs::write(root.path().join(".crates.toml"), format!("[v1]\n{line}\n")).unwrap();
            cargo("agent-relay", &program)
        };
        assert_eq!(
            list(
                r#""relay-cli 0.1.0 (path+file:///srv/relay/crates/relay-cli)" = ["agent-relay"]"#
            ),
            Some("cargo install --path /srv/relay/crates/relay-cli".into())
        );
        assert_eq!(
            list(r#""relay-cli 0.1.0 (registry+https://x/y)" = ["agent-relay"]"#),
            Some("cargo install relay-cli".into())
        );
        assert_eq!(list(r#""ripgrep 15.0.0 (registry+https://x/y)" = ["rg"]"#), None);
        assert_eq!(cargo("agent-relay", Path::new("/nowhere/bin/agent-relay")), None);
    }

    #[test]
    fn what_lies_in_a_build_folder_is_built_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("target/debug");
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(checkout(&folder.join("agent-relay")), None);
        fs::write(root.path().join("target/CACHEDIR.TAG"), "").unwrap();
        assert_eq!(checkout(&folder.join("agent-relay")), Some(root.path()));
    }
}
