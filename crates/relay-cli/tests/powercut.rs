//! A 201 survives a power cut, on a disk that flushes when told to.
//!
//! A killed process leaves its writes with the system, so a kill alone cannot show a missing flush.
//! Here a library of ours stands between the relay and the system (`powercut/shim.c`) and keeps, in
//! a second folder, only what a finished flush has covered. After each kill the relay goes on with
//! that. The control is a disk that lies: it must lose messages, or the test sees nothing.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::channel,
    thread,
};

use support::{
    Home, PATIENCE, Relay,
    http::Connection,
    load::{self, Chance, Messages},
};

const SENDERS: u64 = 8;

/// The short run and the long one.
fn cycles() -> u64 {
    if load::full() { 40 } else { 5 }
}

#[test]
fn every_acknowledged_message_survives_a_power_cut() {
    let Some(mut disk) = Disk::new() else { return };
    let mut chance = Chance::new();
    let acknowledged = disk.cut_again_and_again(&mut chance, cycles());
    assert_eq!(disk.lost(&acknowledged), Messages::new(), "seed {}", chance.seed);
}

#[test]
fn every_acknowledged_message_survives_a_cut_in_the_middle_of_writing_back() {
    let Some(mut disk) = Disk::new() else { return };
    let mut chance = Chance::new();
    disk.torn = true;
    let acknowledged = disk.cut_again_and_again(&mut chance, cycles());
    assert_eq!(disk.lost(&acknowledged), Messages::new(), "seed {}", chance.seed);
}

/// What `synchronous=NORMAL` would be: the log is not flushed at the commit.
#[test]
fn a_disk_that_lies_about_the_log_loses_messages_and_the_test_sees_it() {
    let Some(mut disk) = Disk::new() else { return };
    let mut chance = Chance::new();
    disk.set_up();
    disk.ignored = Some("-wal");
    let acknowledged = disk.cycle(&mut chance, 0);
    let lost = disk.lost(&acknowledged);
    eprintln!("{} of {} lost; seed {}", lost.len(), acknowledged.len(), chance.seed);
    assert!(!lost.is_empty(), "the test is blind");
}

/// A disk whose power can be cut.
struct Disk {
    home: Home,
    shim: PathBuf,
    ignored: Option<&'static str>,
    torn: bool,
}

impl Disk {
    /// `None` where no shim can be built.
    fn new() -> Option<Self> {
        let home = Home::new();
        let (live, shadow) = (home.join("live"), home.join("shadow"));
        fs::create_dir(live).unwrap();
        fs::create_dir(shadow).unwrap();
        let shim = build(&home)?;
        Some(Self { home, shim, ignored: None, torn: false })
    }

    fn database(&self) -> PathBuf {
        self.home.join("live/relay.db")
    }

    fn start(&self, seed: u64) -> Relay {
        let database = self.database();
        let arguments = ["serve", "--port", "0", "--log", "warn", "--db"];
        let mut command = self.home.command(&arguments);
        command.arg(database).env("LD_PRELOAD", &self.shim);
        command.env("POWERCUT_LIVE", self.home.join("live"));
        command.env("POWERCUT_SHADOW", self.home.join("shadow"));
        if let Some(ending) = self.ignored {
            command.env("POWERCUT_IGNORE", ending);
        }
        if self.torn {
            command.env("POWERCUT_TORN", seed.to_string());
        }
        Relay::spawn(&mut command)
    }

    /// Makes the database on a disk that does as it is told, and stops in order.
    fn set_up(&self) {
        let relay = self.start(0);
        load::register_senders(relay.port(), SENDERS);
        relay.server.signal("TERM");
        assert_eq!(relay.server.end().0, Some(0));
    }

    /// Sends, cuts the power, looks; and so on. Returns all that was acknowledged.
    fn cut_again_and_again(&mut self, chance: &mut Chance, cycles: u64) -> Messages {
        self.set_up();
        let mut acknowledged = Messages::new();
        for cycle in 0..cycles {
            for (id, text) in self.cycle(chance, cycle) {
                let twice = acknowledged.insert(id, text);
                assert_eq!(twice, None, "id {id} was given twice; seed {}", chance.seed);
            }
            load::integrity(&self.database(), chance.seed);
            // That look has moved the log into the file; the disk is what it left.
            copy(&self.home.join("live"), &self.home.join("shadow"));
        }
        let messages = u64::try_from(acknowledged.len()).unwrap();
        eprintln!("{messages} messages acknowledged over {cycles} cuts; seed {}", chance.seed);
        assert!(messages > cycles, "there was load");
        acknowledged
    }

    /// One cut under load; the files are then what has survived it.
    fn cycle(&self, chance: &mut Chance, cycle: u64) -> Messages {
        let relay = self.start(chance.within(0..u64::MAX));
        let port = relay.port();
        let (acknowledge, acknowledgements) = channel();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let acknowledge = acknowledge.clone();
                thread::spawn(move || load::send_until_killed(port, cycle, sender, &acknowledge))
            })
            .collect();
        for _ in 0..chance.within(1..1_000) {
            acknowledgements.recv_timeout(PATIENCE).expect("there is load");
        }
        relay.kill();
        copy(&self.home.join("shadow"), &self.home.join("live"));
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    }

    /// What was acknowledged and is not there.
    fn lost(&self, acknowledged: &Messages) -> Messages {
        let relay = self.start(0);
        let stored = Connection::open(relay.port()).unwrap().messages(0);
        let missing = acknowledged.iter().filter(|(id, text)| stored.get(id) != Some(text));
        missing.map(|(id, text)| (*id, text.clone())).collect()
    }
}

/// Compiles the library that stands between the relay and the system.
fn build(home: &Home) -> Option<PathBuf> {
    if !load::works("cc", &["--version"]) {
        load::skip("power cuts: there is no C compiler");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/powercut/shim.c");
    let shim = home.join("shim.so");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]);
    command.arg(&shim).arg(source).args(["-ldl", "-lpthread"]);
    let done = support::finish(&mut command);
    assert_eq!(done.code, 0, "{}", done.stderr);
    Some(shim)
}

/// Makes one folder's files those of the other.
fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).unwrap();
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
