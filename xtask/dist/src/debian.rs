//! The Debian package: the programs in `/usr/bin`, with their pages, completions and plugins.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::GzEncoder};

use crate::{PROGRAMS, file, pack::Entry};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name and the bytes of the package; none where it is for another system, or `dpkg-deb` is not
/// here to make it.
pub fn package(target: &str, release: &[Entry]) -> Result<Option<(String, Vec<u8>)>, String> {
    let machine = match target.split_once("-unknown-linux-") {
        Some(("x86_64", _)) => "amd64",
        Some(("aarch64", _)) => "arm64",
        _ => return Ok(None),
    };
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        eprintln!("dist: no Debian package is made: dpkg-deb is not here");
        return Ok(None);
    }
    let folder = std::env::temp_dir().join(format!("agent-relay-deb-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let made = fill(&folder, machine, target, release).and_then(|()| build(&folder));
    let _ = fs::remove_dir_all(&folder);
    Ok(Some((format!("agent-relay_{VERSION}_{machine}.deb"), made?)))
}

fn fill(folder: &Path, machine: &str, target: &str, release: &[Entry]) -> Result<(), String> {
    let mut size = 0;
    for entry in release {
        let Some((path, bytes)) = place(entry)? else { continue };
        size += bytes.len() / 1024 + 1;
        let path = folder.join(path);
        file::write(&path, &bytes)?;
        mode(&path, entry.executable)?;
    }
    file::write(&folder.join("DEBIAN/control"), control(machine, target, size).as_bytes())
}

/// Where Debian has such a file, and what it holds there.
fn place(entry: &Entry) -> Result<Option<(PathBuf, Vec<u8>)>, String> {
    let path = entry.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    let plain = |to: String| Ok(Some((PathBuf::from(to), entry.bytes.clone())));
    match path {
        _ if PROGRAMS.contains(&path) => plain(format!("usr/bin/{path}")),
        "LICENSE-MIT" => plain("usr/share/doc/agent-relay/copyright".into()),
        "README.md" | "LICENSE-APACHE" | "sbom.cdx.json" => {
            plain(format!("usr/share/doc/agent-relay/{path}"))
        }
        "CHANGELOG.md" => packed("usr/share/doc/agent-relay/changelog.gz".into(), &entry.bytes),
        "completions/agent-relay.bash" => {
            plain("usr/share/bash-completion/completions/agent-relay".into())
        }
        "completions/_agent-relay" => plain("usr/share/zsh/vendor-completions/_agent-relay".into()),
        "completions/agent-relay.fish" => {
            plain("usr/share/fish/vendor_completions.d/agent-relay.fish".into())
        }
        _ if path.starts_with("man/") => {
            packed(format!("usr/share/man/man1/{name}.gz"), &entry.bytes)
        }
        _ if path.starts_with(".claude-plugin/") || path.starts_with("providers/claude/") => {
            plain(format!("usr/share/agent-relay/{path}"))
        }
        _ => Ok(None),
    }
}

fn packed(to: String, bytes: &[u8]) -> Result<Option<(PathBuf, Vec<u8>)>, String> {
    use std::io::Write as _;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let done = gzip.write_all(bytes).and_then(|()| gzip.finish());
    Ok(Some((to.into(), done.map_err(|why| why.to_string())?)))
}

fn control(machine: &str, target: &str, size: usize) -> String {
    let mut text = format!(
        "Package: agent-relay\nVersion: {VERSION}\nArchitecture: {machine}\nSection: net\n\
         Priority: optional\nMaintainer: The Agent Relay developers <noreply@localhost>\n\
         Installed-Size: {size}\nHomepage: {}\n",
        env!("CARGO_PKG_REPOSITORY")
    );
    // A static program takes no library.
    if target.ends_with("gnu") {
        let _ = writeln!(text, "Depends: libc6 (>= {}), libgcc-s1", libc());
    }
    text + "Description: message bus for AI coding agents\n \
            A small HTTP server with an embedded database that carries messages between coding\n \
            agents such as Claude Code and Codex, hands each piece of work to exactly one of them,\n \
            and tells everybody what happens, live.\n"
}

/// The version of the library that these programs were linked with.
fn libc() -> String {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    said.ok().and_then(|said| said.split_whitespace().last().map(str::to_owned)).unwrap_or_default()
}

fn build(folder: &Path) -> Result<Vec<u8>, String> {
    let to = folder.with_extension("deb");
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "-Zxz", "--build"]).arg(folder).arg(&to);
    let done = command.output().map_err(|why| format!("dpkg-deb: {why}"))?;
    if !done.status.success() {
        return Err(format!("dpkg-deb: {}", String::from_utf8_lossy(&done.stderr)));
    }
    let bytes = file::read(&to);
    let _ = fs::remove_file(&to);
    bytes
}

#[cfg(unix)]
fn mode(path: &Path, executable: bool) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if executable { 0o755 } else { 0o644 };
    file::named(path, fs::set_permissions(path, fs::Permissions::from_mode(mode)))
}

#[cfg(not(unix))]
fn mode(_: &Path, _: bool) -> Result<(), String> {
    Ok(())
}
