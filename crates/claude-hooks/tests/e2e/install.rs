//! Installing from a clone, and going again.

use testkit::{
    World,
    claude::Claude,
    program::{self, Version},
};

use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_is_valid_and_comes_and_goes_from_a_clone() {
    for version in [Version::Newest, Version::Older] {
        let Some(setup) = setup(version) else { return };
        let world = World::new().await;
        let claude = Claude::new(&world.relay.url()).await;
        let root = program::root();
        let root = root.to_string_lossy().into_owned();
        let run = |arguments: &[&str]| claude.run(&setup, &[&["plugin"], arguments].concat());
        let name = "agent-relay@agent-relay";
        run(&["validate", "--strict", &root]);
        run(&["validate", "--strict", &format!("{root}/providers/claude")]);
        run(&["marketplace", "add", &root]);
        run(&["install", name]);
        assert!(run(&["list"]).contains(name));
        run(&["marketplace", "update", "agent-relay"]);
        run(&["disable", name]);
        run(&["enable", name]);
        let answer = claude.run(&setup, &["-p", "hello"]);
        assert!(answer.contains("noted"), "{answer}");
        let context = claude.model.context();
        assert!(context.contains("You are agent `"), "installed, a session is an agent: {context}");
        run(&["uninstall", name]);
        assert!(!run(&["list"]).contains(name));
        run(&["marketplace", "remove", "agent-relay"]);
    }
}
