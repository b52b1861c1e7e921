//! Installing where there is no Codex: what is refused, and the script that brings the programs.
#![cfg(unix)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A home without Codex. The script's own tools are found where the system has them.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", self.0.path()).stdin(Stdio::null());
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("SHELL", "/bin/bash");
        command.env("AGENT_RELAY_CODEX_BIN", self.path("no-codex"));
        command.output().unwrap()
    }

    fn relay(&self, arguments: &[&str]) -> Output {
        self.run(Path::new(env!("CARGO_BIN_EXE_codex-relay")), arguments)
    }

    fn script(&self, arguments: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers/codex/install.sh");
        let arguments = [&[script.to_str().unwrap()], arguments].concat();
        self.run(Path::new("/bin/sh"), &arguments)
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(self.0.path()).unwrap().count() == 0
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn without_codex_nothing_is_changed_and_the_way_is_said() {
    let home = Home::new();
    for arguments in [&["install", "--yes"][..], &["install", "--dry-run"], &["upgrade"]] {
        let output = home.relay(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(said(&output).contains("AGENT_RELAY_CODEX_BIN is `"), "{}", said(&output));
    }
    assert!(home.is_empty());
    let output = home.relay(&["uninstall"]);
    assert!(output.status.success() && said(&output).contains("nothing is installed"));
    assert!(home.is_empty());
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    let home = Home::new();
    for arguments in [&["install", "--wrap"][..], &["doctor", "now"], &["uninstall", "--yes"]] {
        let output = home.relay(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(said(&output).contains(arguments[1]), "{}", said(&output));
    }
    let help = home.relay(&["install", "--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("--no-wrap-codex"));
}

/// A folder of releases with one archive for this machine, as a release has it.
fn release(home: &Home) -> PathBuf {
    let machine = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", arch) => format!("{arch}-unknown-linux-musl"),
        (_, arch) => format!("{arch}-apple-darwin"),
    };
    let (folder, inner) = (home.path("releases"), home.path("agent-relay"));
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&inner).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_codex-relay"), inner.join("codex-relay")).unwrap();
    // Only that it is carried along is looked at.
    fs::write(inner.join("agent-relay"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(inner.join("agent-relay"), fs::metadata("/bin/sh").unwrap().permissions())
        .unwrap();
    let archive = folder.join(format!("agent-relay-{machine}.tar.gz"));
    let script = format!(
        "cd '{}' && tar -cf - agent-relay | gzip -1 >'{archive}' && \
         (sha256sum '{archive}' 2>/dev/null || shasum -a 256 '{archive}') >'{archive}.sha256'",
        home.0.path().display(),
        archive = archive.display(),
    );
    assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    fs::remove_dir_all(inner).unwrap();
    archive
}

#[test]
fn the_script_takes_the_programs_from_a_release() {
    let home = Home::new();
    let archive = release(&home);
    let releases = format!("file://{}", archive.parent().unwrap().display());
    let dry = home.script(&["--from", &releases, "--dry-run"]);
    assert!(dry.status.success(), "{}", said(&dry));
    assert!(!home.path(".local").exists(), "a dry run changes nothing");
    let output = home.script(&["--from", &releases, "--", "--yes"]);
    let bin = home.path(".local/bin");
    assert!(said(&output).contains("is not on PATH"), "{}", said(&output));
    assert!(said(&output).contains("codex-relay install --yes"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(2), "without Codex: {}", said(&output));
    let version = home.run(&bin.join("codex-relay"), &["--version"]);
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    assert_eq!(version.trim(), concat!("codex-relay ", env!("CARGO_PKG_VERSION")));
    assert_eq!(fs::read_dir(&bin).unwrap().count(), 2, "two programs and no drafts");
}

#[test]
fn the_script_installs_nothing_that_is_not_what_its_digest_says() {
    let home = Home::new();
    let archive = release(&home);
    let releases = format!("file://{}", archive.parent().unwrap().display());
    let digest = PathBuf::from(format!("{}.sha256", archive.display()));
    for wrong in [format!("{:0>64}  x\n", "0"), String::new(), "404 not found".into()] {
        fs::write(&digest, wrong).unwrap();
        let output = home.script(&["--from", &releases, "--", "--yes"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("nothing was installed"), "{}", said(&output));
        assert!(!home.path(".local").exists());
    }
    fs::remove_file(&digest).unwrap();
    let output = home.script(&["--from", &releases]);
    assert!(
        !output.status.success() && said(&output).contains("cannot fetch"),
        "{}",
        said(&output)
    );
    let output = home.script(&["--from", home.0.path().to_str().unwrap()]);
    assert!(said(&output).contains("has not all of: agent-relay codex-relay"), "{}", said(&output));
}

#[test]
fn the_script_refuses_what_it_does_not_know() {
    let home = Home::new();
    for arguments in [&["--frm"][..], &["--from"], &["--version", "1; ls"], &["yes"]] {
        let output = home.script(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("hint: "), "{}", said(&output));
    }
    assert!(home.is_empty());
}
