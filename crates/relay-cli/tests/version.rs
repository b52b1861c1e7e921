//! A program and a relay of other versions: they work together, and it is said once.
#![cfg(unix)]

mod support;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use support::{
    Home, Relay, Running, assert_ok, finish,
    release::{executable, program, rebuilt},
};

const OLD: &str = env!("CARGO_PKG_VERSION");

#[test]
fn versions_that_differ_in_more_than_the_patch_are_told_once() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (old, newer, patched) = (program(), home.join("newer"), home.join("patched"));
    executable(&newer, &rebuilt(&old, "0.9.0"));
    executable(&patched, &rebuilt(&old, "0.1.9"));
    let command = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).args(["--url", &relay.url]).stdin(Stdio::null());
        home.furnish(&mut command);
        command
    };
    let told =
        format!("version 0.9.0 talks to a relay of version {OLD}; upgrade the older of the two");
    for arguments in [&["status"][..], &["join", "x"], &["leave"]] {
        let done = finish(&mut command(&newer, arguments));
        assert_ok(&done);
        let times = usize::from(arguments != ["leave"]);
        assert_eq!(done.stderr.matches(&told).count(), times, "{done:?}");
        let done = finish(&mut command(&patched, arguments));
        assert!(!done.stderr.contains("talks to a relay"), "{done:?}");
    }
    let watch = Running::start(&mut command(&newer, &["watch"]));
    assert!(watch.talk_with("talks to a relay").contains(&told));
}
