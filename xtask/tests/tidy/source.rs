//! What no Rust file may hold, and how long it may be.

use crate::{file, none};

const LINES: usize = 450;

/// Files past [`LINES`], each with why it is one file.
const LONG: [(&str, &str); 0] = [];

/// What is finished later is an issue, not a marker in the code; a test that does not run proves nothing.
const UNFINISHED: [&str; 6] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("#[ig", "nore"),
    concat!("dbg", "!("),
];

#[test]
fn no_file_is_longer_than_two_nouns() {
    let breaches = file::ending(".rs")
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(lines, path)| *lines > LINES && !LONG.iter().any(|(long, _)| long == path))
        .map(|(lines, path)| format!("{path}: {lines} lines; split it, or list it with a reason"));
    none(&breaches.collect::<Vec<_>>());
}

#[test]
fn nothing_unfinished_is_left_in_the_code() {
    none(&UNFINISHED.iter().flat_map(|word| holding(word, |_| true)).collect::<Vec<_>>());
}

/// Built SQL is where injections come from: one folder may build it, and is read with that in mind. Besides,
/// what makes databases for tests.
#[test]
fn only_the_dialect_builds_sql() {
    let word = concat!("Assert", "SqlSafe");
    let may = ["crates/relay-store/src/dialect/", "crates/relay-store/src/testing"];
    none(&holding(word, |path| !may.iter().any(|place| path.starts_with(place))));
}

/// Nothing leaves the machine unless the settings say so: callbacks do, and nothing else can.
#[test]
fn only_callbacks_leave_the_server() {
    let elsewhere = |path: &str| {
        let products =
            ["crates/relay-core/src/", "crates/relay-store/src/", "crates/relay-server/src/"];
        products.iter().any(|folder| path.starts_with(folder))
            && !path.starts_with("crates/relay-server/src/callback/")
    };
    let ways = ["reqwest", "TcpStream::connect", "UdpSocket", "client::conn"];
    none(&ways.iter().flat_map(|word| holding(word, elsewhere)).collect::<Vec<_>>());
}

/// One translation from errors to status codes, in `http/error.rs`: handlers return what happened.
#[test]
fn handlers_know_no_status_codes() {
    none(&holding("StatusCode", |path| path.starts_with("crates/relay-server/src/handler/")));
}

/// `path:line: holds word`, for the Rust files that `concerns` picks.
fn holding(word: &str, concerns: impl Fn(&str) -> bool) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in file::ending(".rs").into_iter().filter(|file| concerns(&file.path)) {
        for (number, line) in file.text.lines().enumerate() {
            if line.contains(word) {
                breaches.push(format!("{}:{}: holds `{word}`", file.path, number + 1));
            }
        }
    }
    breaches
}
