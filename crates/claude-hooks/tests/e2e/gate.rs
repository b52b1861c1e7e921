//! The approval gate in the real program, in the mode in which Claude Code itself asks nothing.

use testkit::{
    World,
    claude::{Claude, Setup},
    program::{self, Version},
};

use crate::setup;

/// Runs one prompt; returns whether the command ran, and what the model was told.
async fn attempt(version: Version, approval: &str, command: &str) -> Option<(bool, String)> {
    let setup = setup(version)?;
    let world = World::new().await;
    let claude = Claude::new(&world.relay.url()).await;
    let env = vec![("AGENT_RELAY_APPROVAL", approval.to_owned())];
    let setup = Setup { env, ..setup };
    let plugin = program::root().join("providers/claude");
    let prompt = format!("RUN: {command}");
    let plugin = plugin.to_string_lossy().into_owned();
    let bypass = "--dangerously-skip-permissions";
    claude.run(&setup, &["--plugin-dir", &plugin, bypass, "-p", &prompt]);
    Some((claude.path("project/made").exists(), claude.model.results()))
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_denies_what_writes_and_open_does_not() {
    for version in [Version::Newest, Version::Older] {
        for command in ["touch made", "bash -c 'touch made'", "echo $(touch made)"] {
            let Some((ran, told)) = attempt(version, "read-only", command).await else { return };
            assert!(!ran && told.contains("Agent Relay (read-only)"), "{command}: {told}");
        }
        let Some((ran, _)) = attempt(version, "open", "touch made").await else { return };
        assert!(ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_denies_what_destroys_where_nobody_can_be_asked() {
    let destroy = "touch made; sudo rm -rf build";
    let Some((ran, told)) = attempt(Version::Newest, "guarded", destroy).await else { return };
    assert!(!ran && told.contains("Agent Relay (guarded)"), "{told}");
    let Some((ran, _)) = attempt(Version::Newest, "guarded", "touch made").await else { return };
    assert!(ran);
}
