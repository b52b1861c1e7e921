//! A year in the life of an installation, in a home folder that is empty before and after: the
//! installer, settings, the service, mail, a backup, an upgrade, two releases that are broken, and
//! the end of it.
//!
//! The programs are the real ones. A newer release is the same program with another version written
//! into it; systemd is a stand-in that starts and stops what the unit says.
#![cfg(target_os = "linux")]

mod support;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use support::{
    Done, assert_ok, finish,
    load::{skip, works},
    release::{Draft, Server, executable, program, rebuilt},
};
use tempfile::TempDir;

const OLD: &str = env!("CARGO_PKG_VERSION");

struct House {
    folder: TempDir,
    server: Server,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "tools", "releases"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let manager = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/installed/systemctl");
        executable(&folder.path().join("tools/systemctl"), &fs::read(manager).unwrap());
        let server = Server::start(&folder.path().join("releases"));
        Self { folder, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Done {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null()).current_dir("/");
        let path = ["tools", "home/.local/bin"].map(|folder| self.path(folder));
        let path =
            format!("{}:{}:/usr/local/bin:/usr/bin:/bin", path[0].display(), path[1].display());
        command.env("HOME", self.path("home")).env("PATH", path);
        finish(command.env("AGENT_RELAY_RELEASES", &self.server.url))
    }

    fn install(&self, arguments: &[&str]) -> Done {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/dist/install.sh");
        self.run("sh", &[&[script.to_str().unwrap()], arguments].concat())
    }

    fn relay(&self, arguments: &[&str]) -> Done {
        let program = self.path("home/.local/bin/agent-relay");
        self.run(program.to_str().unwrap(), arguments)
    }

    /// What a command that must do what it should printed.
    fn done(&self, arguments: &[&str]) -> String {
        let done = self.relay(arguments);
        assert_ok(&done);
        done.stdout
    }

    fn send(&self, text: &str) -> i64 {
        let sent: Value =
            serde_json::from_str(&self.done(&["send", "human", text, "--json"])).unwrap();
        sent["id"].as_i64().or(sent["message"]["id"].as_i64()).unwrap()
    }

    /// The version of the relay that serves.
    fn serves(&self) -> String {
        let status: Value = serde_json::from_str(&self.done(&["status", "--json"])).unwrap();
        status["relayVersion"].as_str().unwrap().to_owned()
    }

    fn publish(&self, version: &str, program: &[u8]) {
        Draft::new(version).program("agent-relay", program).publish(&self.path("releases"));
    }

    /// Every file and folder of the home.
    fn home(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.path("home")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path.clone());
                }
                found.push(path);
            }
        }
        found
    }
}

/// Whatever fails, nothing goes on running.
impl Drop for House {
    fn drop(&mut self) {
        let manager = self.path("tools/systemctl");
        self.run(manager.to_str().unwrap(), &["--user", "disable", "--now", "agent-relay.service"]);
    }
}

/// A release that says its version like any other. Asked to serve, it brings the database up to a
/// schema that only it knows, and ends.
fn broken(version: &str, database: &Path, changes_it: bool) -> Vec<u8> {
    let change = if changes_it {
        "base.execute('CREATE TABLE newer (id INTEGER)')\n    \
         base.execute(\"INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'newer', 1, x'00', 0)\")"
    } else {
        "base.execute('SELECT 1')"
    };
    format!(
        "#!/usr/bin/env python3\nimport sqlite3, sys\n\
         if sys.argv[1] == '--version':\n    print('agent-relay {version}')\n\
         elif sys.argv[1] == 'serve':\n    base = sqlite3.connect('{}', isolation_level=None)\n    \
         {change}\n    base.close()\n    sys.exit('broken')\n",
        database.display()
    )
    .into_bytes()
}

#[test]
fn an_installation_lives_is_upgraded_survives_broken_releases_and_leaves_nothing_behind() {
    if !works("python3", &["-c", "import sqlite3"]) || !works("curl", &["--version"]) {
        return skip(
            "the life of an installation takes python3, for the stand-in of systemd, and curl",
        );
    }
    let house = House::new();
    let old = program();
    house.publish(OLD, &old);

    // The installer.
    let dry = house.install(&["--dry-run"]);
    assert_ok(&dry);
    assert!(house.home().is_empty(), "only said: {dry:?}");
    let installed = house.install(&[]);
    assert_ok(&installed);
    assert!(installed.stderr.contains("next: agent-relay setup"), "{installed:?}");
    assert_eq!(house.done(&["--version"]), format!("agent-relay {OLD}\n"));

    // Settings, the service, and mail.
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    house.done(&["setup", "--yes", "--port", &free.to_string()]);
    house.done(&["daemon", "install", "--enable", "--start", "--yes"]);
    let unit = house.path("home/.config/systemd/user/agent-relay.service");
    assert_eq!(fs::metadata(&unit).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.serves(), OLD);
    let first = house.send("from the first version");
    let backup = house.path("backup.db");
    house.done(&["backup", backup.to_str().unwrap()]);

    // A newer release.
    house.publish("0.1.9", &rebuilt(&old, "0.1.9"));
    let before = house.home().len();
    let dry = house.done(&["upgrade", "--dry-run"]);
    for line in [
        "fetch   http://127.0.0.1:",
        "backup  ",
        "replace ",
        "restart the service",
        "is well and says 0.1.9",
    ] {
        assert!(dry.contains(line), "no {line} in {dry}");
    }
    assert_eq!((house.home().len(), house.serves().as_str()), (before, OLD), "only said");
    assert_eq!(house.done(&["upgrade", "--yes"]), "upgraded to 0.1.9\n");
    assert_eq!(house.done(&["--version"]), "agent-relay 0.1.9\n");
    assert_eq!(house.serves(), "0.1.9");
    assert!(house.done(&["read", &first.to_string()]).contains("from the first version"));
    let kept = house.path("home/.local/bin/agent-relay.previous");
    assert!(house.run(kept.to_str().unwrap(), &["--version"]).stdout.contains(OLD));
    let second = house.send("from the second version");
    assert!(second > first);

    // One that does not start, and one that first changes the database.
    let data = house.path("home/.local/share/agent-relay");
    let database = data.join("relay.db");
    for (version, changes_it) in [("0.2.0", false), ("0.2.1", true)] {
        house.publish(version, &broken(version, &database, changes_it));
        let refused = house.relay(&["upgrade", "--yes"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
        assert!(
            refused.stderr.contains(&format!("error: version {version} is not well: ")),
            "{refused:?}"
        );
        assert!(refused.stderr.contains("hint: everything is put back as it was"), "{refused:?}");
        assert_eq!(
            refused.stderr.contains("the database from the backup"),
            changes_it,
            "{refused:?}"
        );
        assert_eq!(house.done(&["--version"]), "agent-relay 0.1.9\n");
        assert_eq!(house.serves(), "0.1.9");
        assert!(house.done(&["read", &second.to_string()]).contains("from the second version"));
        assert!(house.send("after a broken one") > second);
    }
    let aside = data.join("relay.db.before-restore");
    let newer = house.relay(&["serve", "--port", "0", "--db-path", aside.to_str().unwrap()]);
    assert!(newer.stderr.contains("newer"), "what the broken one made is kept: {newer:?}");

    // The end.
    let kept = house.install(&["--uninstall"]);
    assert_ok(&kept);
    assert!(database.exists() && !unit.exists(), "{kept:?}");
    assert!(!house.path("home/.local/bin").exists(), "{kept:?}");
    assert!(!house.path("tools/systemctl.pid").exists(), "it is stopped");
    assert_ok(&house.install(&["--uninstall", "--purge"]));
    assert_eq!(house.home(), Vec::<PathBuf>::new(), "nothing is left behind");
}

#[test]
fn the_service_stays_as_it_is_where_that_is_asked_for() {
    if !works("python3", &["-c", "import sqlite3"]) {
        return skip("it takes python3, for the stand-in of systemd");
    }
    let house = House::new();
    let old = program();
    house.publish(OLD, &old);
    assert_ok(&house.install(&[]));
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    house.done(&["setup", "--yes", "--port", &free.to_string()]);
    house.done(&["daemon", "install", "--start", "--yes"]);
    house.publish("0.1.9", &rebuilt(&old, "0.1.9"));
    house.done(&["upgrade", "--yes", "--no-restart"]);
    assert_eq!(
        (house.done(&["--version"]).as_str(), house.serves().as_str()),
        ("agent-relay 0.1.9\n", OLD)
    );
    house.done(&["daemon", "restart"]);
    assert_eq!(house.serves(), "0.1.9");
    // One that was stopped on purpose is not started.
    house.done(&["daemon", "stop"]);
    house.publish("0.2.0", &rebuilt(&old, "0.2.0"));
    let plan = house.done(&["upgrade", "--dry-run"]);
    assert!(!plan.contains("restart"), "{plan}");
    assert_ok(&house.install(&["--uninstall", "--purge"]));
    assert_eq!(house.home(), Vec::<PathBuf>::new());
}
