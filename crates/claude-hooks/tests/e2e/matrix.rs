//! Versions, permission modes and paths, pairwise: each path alone, with the others switched off.

use testkit::{
    World,
    claude::Setup,
    program::Version::{self, Newest, Older},
};

use crate::setup;

/// A version, a permission mode, the only path that is allowed.
type Row = (Version, &'static str, &'static str);

/// Every pair of values that can be; the older version has no socket.
const ROWS: [Row; 12] = [
    (Newest, "default", "socket"),
    (Newest, "auto", "socket"),
    (Newest, "acceptEdits", "socket"),
    (Newest, "bypassPermissions", "socket"),
    (Older, "default", "monitor"),
    (Newest, "auto", "monitor"),
    (Older, "acceptEdits", "monitor"),
    (Newest, "bypassPermissions", "monitor"),
    (Newest, "default", "file"),
    (Older, "auto", "file"),
    (Newest, "acceptEdits", "file"),
    (Older, "bypassPermissions", "file"),
];

/// The modes in which hardly anybody waits for mail, once each.
const RARE: [Row; 2] = [(Newest, "plan", "socket"), (Newest, "dontAsk", "socket")];

/// The path delivers to an idle session, each message once, and the receipt names it.
async fn delivers(world: &World, row: Row, setup: Setup) {
    let (_, mode, path) = row;
    let setup = setup.with_env("AGENT_RELAY_CLAUDE_PATHS", path);
    let (claude, agent) = world.session(&setup.with_arguments(&["--permission-mode", mode])).await;
    for text in ["first <b>&amp;", "second\nline"] {
        let sent = world.send(&agent, text).await;
        let receipt = world.read(sent.id).await;
        assert_eq!(receipt.via.unwrap().as_str(), format!("claude-{path}"), "{row:?}");
        world.handled(sent.id).await;
        assert_eq!(claude.times(sent.id), 1, "{row:?}: {}", claude.model.context());
    }
}

/// Two at a time: starting a session takes longer than what is tested.
async fn all_deliver(rows: &[Row]) {
    let (Some(newest), Some(older)) = (setup(Newest), setup(Older)) else { return };
    let world = World::new().await;
    let setup = |row: &Row| if row.0 == Newest { newest.clone() } else { older.clone() };
    for pair in rows.chunks(2) {
        match pair {
            [a, b] => {
                tokio::join!(delivers(&world, *a, setup(a)), delivers(&world, *b, setup(b)));
            }
            rest => delivers(&world, rest[0], setup(&rest[0])).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_alone_delivers_in_every_mode() {
    all_deliver(&ROWS[..4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_alone_delivers_in_every_mode() {
    all_deliver(&ROWS[4..8]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_alone_delivers_in_every_mode() {
    all_deliver(&ROWS[8..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_delivers_in_the_rare_modes() {
    all_deliver(&RARE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_telemetry_the_older_version_has_no_monitor_and_the_file_delivers() {
    let Some(setup) = setup(Older) else { return };
    let world = World::new().await;
    let setup = setup.with_env("DISABLE_TELEMETRY", "1");
    let (claude, agent) = world.session(&setup).await;
    let sent = world.send(&agent, "by the only way left").await;
    assert_eq!(world.read(sent.id).await.via.unwrap().as_str(), "claude-file");
    world.handled(sent.id).await;
    assert_eq!(claude.times(sent.id), 1);
    assert!(claude.processes().iter().all(|(_, line)| !line.contains(" monitor")));
}

#[test]
fn every_pair_that_can_be_is_in_the_table() {
    let versions = [Newest, Older];
    let modes = ["default", "auto", "acceptEdits", "bypassPermissions"];
    let paths = ["socket", "monitor", "file"];
    let has = |fits: &dyn Fn(&Row) -> bool| ROWS.iter().any(fits);
    for mode in modes {
        for version in versions {
            assert!(has(&|row| (row.0, row.1) == (version, mode)), "{version:?} {mode}");
        }
        for path in paths {
            assert!(has(&|row| (row.1, row.2) == (mode, path)), "{mode} {path}");
        }
    }
    for path in paths {
        for version in versions {
            let is_there = has(&|row| (row.0, row.2) == (version, path));
            assert_eq!(is_there, (version, path) != (Older, "socket"), "{version:?} {path}");
        }
    }
}
