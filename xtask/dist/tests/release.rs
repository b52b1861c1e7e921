//! What a release holds, from programs that only say who they are.
#![cfg(unix)]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use relay_cli::upgrade::release::Release;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const TARGET: &str = "x86_64-unknown-linux-musl";
const PROGRAMS: [&str; 4] =
    ["agent-relay", "codex-relay", "agent-relay-claude", "agent-relay-telegram"];

fn dist(arguments: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_xtask-dist")).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn made() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (programs, out) = (folder.path().join("programs"), folder.path().join("out"));
    fs::create_dir(&programs).unwrap();
    for program in PROGRAMS {
        fs::write(programs.join(program), format!("#!/bin/sh\necho {program} 0.1.0\n")).unwrap();
    }
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    dist(&["pack", "--target", TARGET, "--programs", &path(&programs), "--out", &path(&out)]);
    dist(&["index", "--out", &path(&out)]);
    (folder, out)
}

/// The paths below the archive's one folder, with those that may be run marked.
fn listed(archive: &Path) -> BTreeSet<String> {
    let bytes = fs::read(archive).unwrap();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let name = |entry: &tar::Entry<'_, _>| entry.path().unwrap().to_str().unwrap().to_owned();
    let entries = tar.entries().unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let mark = if entry.header().mode().unwrap() & 0o111 == 0 { "" } else { "*" };
            let path = name(&entry);
            let inner = path.strip_prefix(&format!("agent-relay-{TARGET}/")).expect("one folder");
            format!("{inner}{mark}")
        })
        .collect()
}

fn digest(path: &Path) -> String {
    Sha256::digest(fs::read(path).unwrap()).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn a_release_holds_what_the_installer_the_upgrade_and_a_reader_look_for() {
    let (_folder, out) = made();
    let archive = out.join(format!("agent-relay-{TARGET}.tar.gz"));
    let files = listed(&archive);
    for file in [
        "agent-relay*",
        "codex-relay*",
        "agent-relay-claude*",
        "agent-relay-telegram*",
        "install.sh*",
        "install.ps1",
        "README.md",
        "LICENSE-MIT",
        ".claude-plugin/marketplace.json",
        ".agents/plugins/marketplace.json",
        "providers/claude/bin/run*",
        "providers/codex/install.sh*",
        "completions/agent-relay.bash",
        "completions/_agent-relay",
        "man/agent-relay.1",
        "man/agent-relay-daemon-install.1",
        "man/agent-relay-upgrade.1",
        "sbom.cdx.json",
    ] {
        assert!(files.contains(file), "no {file} in {files:#?}");
    }
    let beside = fs::read_to_string(format!("{}.sha256", archive.display())).unwrap();
    assert_eq!(beside, format!("{}  agent-relay-{TARGET}.tar.gz\n", digest(&archive)));
    assert!(out.join("install.sh").exists() && out.join("install.ps1").exists());

    let index = Release::read(&fs::read(out.join("release.json")).unwrap()).unwrap();
    assert_eq!(index.version.to_string(), env!("CARGO_PKG_VERSION"));
    let found = index.archive(&[TARGET.to_owned()]).unwrap();
    assert_eq!((found.sha256.as_str(), found.programs.len()), (digest(&archive).as_str(), 4));
    assert_eq!(found.bytes, fs::metadata(&archive).unwrap().len());

    let (_again, other) = made();
    assert_eq!(digest(&other.join(archive.file_name().unwrap())), digest(&archive), "reproducible");
}

#[test]
fn the_bill_of_materials_lists_what_is_linked_and_nothing_else() {
    let (folder, out) = made();
    let archive = out.join(format!("agent-relay-{TARGET}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(folder.path());
    assert!(tar.status().unwrap().success());
    let text = fs::read(folder.path().join(format!("agent-relay-{TARGET}/sbom.cdx.json"))).unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("file://"), "nothing names this machine");
    let bill: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = bill["components"].as_array().unwrap();
    let purls: Vec<_> = components.iter().map(|part| part["purl"].as_str().unwrap()).collect();
    let has = |name: &str| purls.iter().any(|purl| purl.starts_with(name));
    for linked in [
        "pkg:cargo/tokio@",
        "pkg:cargo/libsqlite3-sys@",
        "pkg:cargo/relay-core@",
        "pkg:npm/preact@",
    ] {
        assert!(has(linked), "no {linked} in {purls:#?}");
    }
    for other in
        ["pkg:cargo/proptest@", "pkg:cargo/windows-sys@", "pkg:cargo/testkit@", "pkg:npm/vite@"]
    {
        assert!(!has(other), "{other} is linked nowhere");
    }
    assert!(
        components.iter().all(|part| part["licenses"][0]["expression"] != ""),
        "{components:#?}"
    );
}

#[test]
fn the_debian_package_has_its_files_where_debian_looks() {
    let (_folder, out) = made();
    let package = out.join(concat!("agent-relay_", env!("CARGO_PKG_VERSION"), "_amd64.deb"));
    let Ok(listed) = Command::new("dpkg-deb").arg("--contents").arg(&package).output() else {
        eprintln!("skipped: dpkg-deb is not here");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    for line in [
        "-rwxr-xr-x root/root",
        "./usr/bin/agent-relay\n",
        "./usr/bin/codex-relay\n",
        "./usr/share/man/man1/agent-relay.1.gz\n",
        "./usr/share/bash-completion/completions/agent-relay\n",
        "./usr/share/doc/agent-relay/copyright\n",
        "./usr/share/agent-relay/.claude-plugin/marketplace.json\n",
    ] {
        assert!(listed.contains(line), "no {line} in {listed}");
    }
    let told = Command::new("dpkg-deb").arg("--info").arg(&package).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("Architecture: amd64") && !told.contains("Depends:"), "{told}");
}
