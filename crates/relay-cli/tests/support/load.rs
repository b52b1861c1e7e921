//! Load, chance, and a look at what is left in the file.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    ops::Range,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::Sender,
    time::SystemTime,
};

use relay_store::{Config, Store};
use serde_json::json;

use super::http::Connection;

/// Messages by id: what they say.
pub type Messages = BTreeMap<i64, String>;

/// True in the long run, in which nothing may be skipped.
#[expect(clippy::disallowed_methods, reason = "the switch between the short and the long run")]
pub fn full() -> bool {
    std::env::var("RELAY_TEST_FULL").is_ok_and(|full| full == "1")
}

/// Says aloud, past the test harness that keeps what tests print, what cannot be tried here. In
/// the long run that is a failure.
pub fn skip(why: &str) {
    assert!(!full(), "{why}");
    let _ = writeln!(io::stderr(), "skipped: {why}");
}

/// True when a command is there and works.
pub fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Registers the agents `sender-0` and so on.
pub fn register_senders(port: u16, count: u64) {
    let mut connection = Connection::open(port).unwrap();
    for sender in 0..count {
        connection.register(&format!("sender-{sender}"));
    }
}

/// Posts one message after the other, without keys, until the relay is gone, and notes what was
/// acknowledged.
pub fn send_until_killed(port: u16, cycle: u64, sender: u64, told: &Sender<()>) -> Messages {
    let mut acknowledged = Messages::new();
    let Ok(mut connection) = Connection::open(port) else { return acknowledged };
    for number in 0_u64.. {
        let text = format!("{cycle}/{sender}/{number}");
        let message = json!({"from": format!("sender-{sender}"), "to": "human", "body": text});
        let Ok(answer) = connection.post("/api/messages", &message) else { break };
        assert_eq!(answer.status, 201, "{answer:?}");
        acknowledged.insert(answer.body["id"].as_i64().unwrap(), text);
        let _ = told.send(());
    }
    acknowledged
}

/// Opens the file as the relay does and asks the database about itself.
#[track_caller]
pub fn integrity(file: &Path, seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let checks = runtime.block_on(async {
        let store = Store::open(Config::new(file)).await.unwrap();
        let checks = store.checks().await;
        store.close().await;
        checks
    });
    assert!(!checks.is_empty());
    assert!(checks.iter().all(|check| check.ok), "{checks:?}; seed {seed}");
}

/// Numbers by chance that can be had again: splitmix64.
pub struct Chance {
    pub seed: u64,
    state: u64,
}

impl Chance {
    #[expect(
        clippy::disallowed_methods,
        reason = "a new seed for every run, printed when it fails"
    )]
    pub fn new() -> Self {
        let seed = std::env::var("RELAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos().into()
        });
        Self::of(seed)
    }

    /// The numbers of a seed.
    pub fn of(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    pub fn within(&mut self, range: Range<u64>) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }
}
