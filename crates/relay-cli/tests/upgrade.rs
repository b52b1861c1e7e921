//! `agent-relay upgrade`: what it finds, what it plans, and what stops it with nothing changed. The
//! whole story, with a service and a way back, is in `installed.rs`.
#![cfg(unix)]

mod support;

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use support::{
    Done, assert_fails, assert_ok, finish,
    load::{skip, works},
    release::{Draft, Server, executable, target},
};
use tempfile::TempDir;

/// A home whose `agent-relay` is the real one and whose other programs only say their version; what
/// releases bring does no more.
struct Desk {
    home: TempDir,
    releases: PathBuf,
    server: Server,
}

fn says(name: &str, version: &str) -> Vec<u8> {
    format!("#!/bin/sh\necho {name} {version}\n").into_bytes()
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (bin, releases) = (home.path().join("bin"), home.path().join("releases"));
        fs::create_dir(&bin).unwrap();
        fs::create_dir(&releases).unwrap();
        let own = bin.join("agent-relay");
        let program = env!("CARGO_BIN_EXE_agent-relay");
        fs::hard_link(program, &own).or_else(|_| fs::copy(program, &own).map(drop)).unwrap();
        let server = Server::start(&releases);
        Self { home, releases, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn program(&self, name: &str, version: &str) {
        executable(&self.path("bin").join(name), &says(name, version));
    }

    fn publish(&self, version: &str, programs: &[&str]) -> PathBuf {
        let add = |draft: Draft, name: &&str| draft.program(name, &says(name, version));
        programs.iter().fold(Draft::new(version), add).publish(&self.releases)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null()).current_dir(self.home.path());
        let path = format!(
            "{}:{}:/usr/bin:/bin",
            self.path("bin").display(),
            self.path("tools").display()
        );
        command.env("HOME", self.home.path()).env("PATH", path);
        command.env("AGENT_RELAY_RELEASES", &self.server.url);
        command
    }

    fn run(&self, arguments: &[&str]) -> Done {
        let own = self.path("bin/agent-relay");
        let arguments = [&["upgrade"], arguments].concat();
        finish(&mut self.command(own.to_str().unwrap(), &arguments))
    }

    fn version(&self, name: &str) -> String {
        let program = self.path("bin").join(name);
        let done = finish(&mut self.command(program.to_str().unwrap(), &["--version"]));
        done.stdout.trim().rsplit(' ').next().unwrap().to_owned()
    }

    /// What is in the programs' folder.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("bin")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

const OLD: &str = env!("CARGO_PKG_VERSION");

#[test]
fn every_program_that_is_older_is_replaced_and_kept_beside() {
    let desk = Desk::new();
    desk.program("agent-relay-claude", "0.0.9");
    desk.program("codex-relay", "9.0.0");
    let all = ["agent-relay", "agent-relay-claude", "codex-relay", "agent-relay-telegram"];
    desk.publish("0.1.9", &all);
    let dry = desk.run(&["--dry-run"]);
    assert_ok(&dry);
    let bin = desk.path("bin").canonicalize().unwrap();
    let bin = bin.display();
    for line in [
        format!("fetch   {}/agent-relay-{}.tar.gz (", desk.server.url, target()),
        format!(
            "replace {bin}/agent-relay: {OLD} becomes 0.1.9, and is kept as agent-relay.previous"
        ),
        format!("replace {bin}/agent-relay-claude: 0.0.9 becomes 0.1.9, and is kept as"),
    ] {
        assert!(dry.stdout.contains(&line), "no {line} in {dry:?}");
    }
    assert!(!dry.stdout.contains("codex-relay") && !dry.stdout.contains("telegram"), "{dry:?}");
    assert_eq!(desk.files(), ["agent-relay", "agent-relay-claude", "codex-relay"]);

    assert_fails(&desk.run(&["--no-restart"]).quiet(), 2, "nobody is there to ask", "--yes");
    let done = desk.run(&["--yes"]);
    assert_ok(&done);
    assert_eq!(done.stdout, "upgraded to 0.1.9\n");
    for (name, version) in [
        ("agent-relay", "0.1.9"),
        ("agent-relay.previous", OLD),
        ("agent-relay-claude", "0.1.9"),
        ("agent-relay-claude.previous", "0.0.9"),
        ("codex-relay", "9.0.0"),
    ] {
        assert_eq!(desk.version(name), version, "{name}");
    }
    assert_eq!(desk.files().len(), 5, "{:?}", desk.files());
}

impl Done {
    /// As it was, with the plan that was printed before somebody was asked left out.
    fn quiet(mut self) -> Self {
        self.stdout.clear();
        self
    }
}

#[test]
fn providers_are_chosen_and_claude_code_renews_its_plugin_itself() {
    let desk = Desk::new();
    desk.program("agent-relay-claude", OLD);
    desk.program("codex-relay", OLD);
    let folder = desk.path(".local/share/agent-relay/claude");
    fs::create_dir_all(folder.join("providers/claude")).unwrap();
    fs::write(folder.join("providers/claude/gone"), "").unwrap();
    fs::create_dir(desk.path("tools")).unwrap();
    let log = desk.path("claude.log");
    let claude = format!(
        "#!/bin/sh\n[ \"$2\" != list ] || echo 'agent-relay@agent-relay'\necho \"$@\" >>'{}'\n",
        log.display()
    );
    executable(&desk.path("tools/claude"), claude.as_bytes());
    let draft = Draft::new("0.1.9").file("providers/claude/bin/run", b"new");
    let draft = draft.file(".claude-plugin/marketplace.json", b"{}");
    let programs = ["agent-relay", "agent-relay-claude", "codex-relay"];
    let add = |draft: Draft, name: &&str| draft.program(name, &says(name, "0.1.9"));
    programs.iter().fold(draft, add).publish(&desk.releases);

    let none = desk.run(&["--providers=", "--dry-run"]);
    assert!(
        none.stdout.contains("bin/agent-relay:") && !none.stdout.contains("claude"),
        "{none:?}"
    );
    let state = desk.path(".local/state/agent-relay/codex");
    let codex = || desk.run(&["--providers", "codex", "--dry-run"]).stdout;
    assert!(!codex().contains("run "), "its plugin is not installed");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("install.json"), "{}").unwrap();
    assert!(codex().contains("bin/codex-relay upgrade"), "it renews its plugin itself");
    let wrong = desk.run(&["--providers", "cursor"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert_ok(&desk.run(&["--yes", "--providers", "claude"]));
    assert_eq!(desk.version("codex-relay"), OLD, "not asked for");
    assert_eq!(desk.version("agent-relay-claude"), "0.1.9");
    assert_eq!(fs::read_to_string(folder.join("providers/claude/bin/run")).unwrap(), "new");
    assert!(!folder.join("providers/claude/gone").exists(), "the folder is the new one");
    let asked = fs::read_to_string(&log).unwrap();
    assert!(
        asked.ends_with(
            "plugin marketplace update agent-relay\nplugin update agent-relay@agent-relay\n"
        ),
        "{asked}"
    );
}

#[test]
fn what_cannot_be_trusted_or_had_changes_nothing() {
    let desk = Desk::new();
    let refused = |code, error: &str, hint: &str| {
        assert_fails(&desk.run(&["--yes"]), code, error, hint);
        assert_eq!(desk.files(), ["agent-relay"]);
        assert_eq!(desk.version("agent-relay"), OLD);
    };
    refused(1, "release.json: 404 Not Found", "");
    fs::write(desk.releases.join("release.json"), "<html>moved</html>").unwrap();
    refused(1, "is no index of releases", "--releases");
    let index = r#"{"version": "0.1.9", "archives": []}"#;
    fs::write(desk.releases.join("release.json"), index).unwrap();
    refused(1, "version 0.1.9 has no archive for ", "cargo install");

    let archive = desk.publish("0.1.9", &["agent-relay"]);
    desk.server.cut_at(100);
    refused(1, ".tar.gz ends after 100 of ", "try again");
    desk.server.cut_at(usize::MAX);
    let mut bytes = fs::read(&archive).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&archive, &bytes).unwrap();
    refused(1, "is not what the index says: its SHA-256 digest is ", "");
    bytes.extend(b"and more");
    fs::write(&archive, &bytes).unwrap();
    refused(1, "is larger than it should be", "");
    fs::remove_file(&archive).unwrap();
    refused(1, ".tar.gz: 404 Not Found", "");

    // What is as announced, and wrong all the same.
    Draft::new("0.1.9").program("agent-relay", b"\x7fELF, but not really").publish(&desk.releases);
    refused(1, "the agent-relay of version 0.1.9 does not run here", "");
    let draft = Draft::new("0.1.9").program("agent-relay", &says("agent-relay", "0.1.8"));
    draft.publish(&desk.releases);
    refused(1, "the agent-relay of version 0.1.9 says it is 0.1.8", "");
    let archive = desk.publish("0.1.9", &["other"]);
    let index = fs::read_to_string(desk.releases.join("release.json")).unwrap();
    let claimed = index.replace("\"other\"", "\"agent-relay\"");
    fs::write(desk.releases.join("release.json"), claimed).unwrap();
    refused(1, "has no agent-relay; nothing was changed", "");
    assert!(archive.exists());
}

#[test]
fn an_address_that_is_none_or_that_nobody_answers_is_told() {
    let desk = Desk::new();
    let with = |url: &str| desk.run(&["--yes", "--releases", url]);
    assert_fails(
        &with("http://releases.example"),
        2,
        "--releases is `http://releases.example`: must be",
        "",
    );
    assert_fails(&with("releases"), 2, "--releases is `releases`", "");
    let missing = format!("file://{}/none", desk.home.path().display());
    assert_fails(&with(&missing), 1, "none/release.json: No such file", "");
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let gone = with(&format!("http://127.0.0.1:{port}"));
    assert_fails(&gone, 3, "cannot be fetched: ", "");
    assert_eq!(desk.server.asked(), 0, "the flag wins over the variable");
}

#[test]
fn releases_in_a_folder_need_no_server() {
    let desk = Desk::new();
    desk.publish("0.1.9", &["agent-relay"]);
    let folder = format!("file://{}", desk.releases.display());
    assert_ok(&desk.run(&["--yes", "--releases", &folder]));
    assert_eq!(desk.version("agent-relay"), "0.1.9");
    assert_eq!(desk.server.asked(), 0);
}

#[test]
fn what_has_the_newest_version_is_left_in_peace() {
    let desk = Desk::new();
    for version in [OLD, "0.0.1", "0.1.0-rc.1"] {
        desk.publish(version, &["agent-relay"]);
        let newest = desk.run(&["--yes"]);
        assert_ok(&newest);
        assert!(newest.stdout.contains("already, or newer"), "{newest:?}");
    }
    assert_eq!(desk.files(), ["agent-relay"]);
}

#[test]
fn what_others_look_after_is_left_to_them_with_what_to_type() {
    let desk = Desk::new();
    desk.publish("0.1.9", &["agent-relay"]);
    let left = |why: &str, hint: &str| {
        for arguments in [&["--yes"][..], &["--dry-run"]] {
            let done = desk.run(arguments);
            assert_eq!(done.code, 1, "{done:?}");
            assert!(done.stdout.contains("leave   ") && done.stdout.contains(why), "{done:?}");
            assert!(done.stderr.contains("hint: ") && done.stderr.contains(hint), "{done:?}");
        }
        assert_eq!(desk.files(), ["agent-relay"]);
    };
    fs::create_dir(desk.path("tools")).unwrap();
    executable(&desk.path("tools/dpkg-query"), b"#!/bin/sh\necho \"agent-relay: $2\"\n");
    left("belongs to the package agent-relay", "apt-get install --only-upgrade agent-relay");
    fs::remove_file(desk.path("tools/dpkg-query")).unwrap();
    let list = "[v1]\n\"relay-cli 0.1.0 (registry+https://x/y)\" = [\"agent-relay\"]\n";
    fs::write(desk.path(".crates.toml"), list).unwrap();
    left("installed by cargo", "cargo install relay-cli");
    fs::remove_file(desk.path(".crates.toml")).unwrap();
    // As the test itself is: its program lies in cargo's build folder.
    let built = finish(&mut desk.command(env!("CARGO_BIN_EXE_agent-relay"), &["upgrade", "--yes"]));
    assert!(built.stdout.contains("build it there again"), "{built:?}");
}

/// Root may write everywhere, so that there somebody else must try.
#[test]
fn a_folder_that_one_may_not_write_into_is_told_before() {
    let desk = Desk::new();
    desk.publish("0.1.9", &["agent-relay"]);
    let home = desk.path("home");
    fs::create_dir(&home).unwrap();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let own = desk.path("bin/agent-relay");
    let mut command = if fs::metadata(&home).unwrap().uid() == 0 {
        let somebody = ["--reuid", "65534", "--clear-groups"];
        if !works("setpriv", &[&somebody[..], &["true"]].concat()) {
            return skip("root plays somebody else with setpriv, which is not here");
        }
        std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
        mode(desk.home.path(), 0o755);
        desk.command("setpriv", &[&somebody[..], &[own.to_str().unwrap()]].concat())
    } else {
        desk.command(own.to_str().unwrap(), &[])
    };
    mode(&desk.path("bin"), 0o555);
    let done = finish(command.args(["upgrade", "--yes"]).env("HOME", &home));
    mode(&desk.path("bin"), 0o755);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("you may not write into "), "{done:?}");
    assert_eq!(desk.files(), ["agent-relay"]);
}

#[test]
fn a_disk_without_room_is_told_and_nothing_is_changed() {
    if !works("strace", &["-e", "inject=fsync:error=ENOSPC", "true"]) {
        return skip("a full disk is played with strace, which is not here or may not trace");
    }
    let desk = Desk::new();
    desk.publish("0.1.9", &["agent-relay"]);
    let bin = desk.path("bin").canonicalize().unwrap();
    let (own, new) = (bin.join("agent-relay"), bin.join(".agent-relay.new"));
    let (own, new) = (own.to_str().unwrap(), new.to_str().unwrap());
    let full = ["-f", "-qq", "-o", "/dev/null", "-P", new, "-e", "inject=write:error=ENOSPC"];
    let done =
        finish(&mut desk.command("strace", &[&full[..], &[own, "upgrade", "--yes"]].concat()));
    assert_fails(&done, 1, "there is no room for the new programs: ", "make room on the disk");
    assert_eq!(desk.files(), ["agent-relay"]);
    assert_eq!(desk.version("agent-relay"), OLD);
}
