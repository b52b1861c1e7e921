//! Installing from a clone or a release archive, updating, and going again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{
    World,
    claude::{Claude, Setup},
    program::{self, Version},
};

use crate::setup;

const NAME: &str = "agent-relay@agent-relay";
const VERSION: &str = "\"version\": \"0.1.0\"";

/// A home whose person installs plugins.
struct Desk {
    claude: Claude,
    setup: Setup,
    _world: World,
}

impl Desk {
    async fn new(version: Version) -> Option<Self> {
        let setup = setup(version)?.installed();
        let world = World::new().await;
        let claude = Claude::new(&world.url()).await;
        Some(Self { claude, setup, _world: world })
    }

    fn plugin(&self, arguments: &[&str]) -> String {
        self.claude.run(&self.setup, &[&["plugin"], arguments].concat())
    }

    fn install(&self, marketplace: &Path) {
        self.plugin(&["marketplace", "add", &marketplace.to_string_lossy()]);
        self.plugin(&["install", NAME]);
    }

    /// What a session is told at its start.
    fn primer(&self) -> String {
        let answer = self.claude.ask(&self.setup, "hello");
        assert!(answer.contains("noted"), "{answer}");
        self.claude.model.context()
    }

    /// The clone's marketplace and plugin, in a folder that may be changed.
    fn copy(&self) -> PathBuf {
        let folder = self.claude.path("clone");
        fs::create_dir_all(folder.join("providers")).unwrap();
        for part in [".claude-plugin", "providers/claude"] {
            let from = program::root().join(part);
            let mut copy = Command::new("cp");
            let copied = copy.arg("-a").arg(from).arg(folder.join(part)).status();
            assert!(copied.unwrap().success());
        }
        folder
    }
}

async fn comes_and_goes(version: Version) {
    let Some(desk) = Desk::new(version).await else { return };
    let root = program::root();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    desk.plugin(&["validate", "--strict", &text(root)]);
    desk.plugin(&["validate", "--strict", &text(&root.join("providers/claude"))]);
    desk.install(root);
    assert!(desk.plugin(&["list"]).contains(NAME));
    desk.plugin(&["disable", NAME]);
    assert!(!desk.primer().contains("You are agent `"), "switched off, a session is no agent");
    desk.plugin(&["enable", NAME]);
    let primer = desk.primer();
    assert!(primer.contains("You are agent `"), "installed, a session is an agent: {primer}");
    desk.plugin(&["uninstall", NAME]);
    assert!(!desk.plugin(&["list"]).contains(NAME));
    desk.plugin(&["marketplace", "remove", "agent-relay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_is_valid_and_comes_and_goes_from_a_clone() {
    comes_and_goes(Version::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_comes_and_goes_in_the_older_version() {
    comes_and_goes(Version::Older).await;
}

async fn is_updated(version: Version) {
    let Some(desk) = Desk::new(version).await else { return };
    let clone = desk.copy();
    desk.install(&clone);
    assert!(desk.plugin(&["list"]).contains("0.1.0"));
    for name in [".claude-plugin/marketplace.json", "providers/claude/.claude-plugin/plugin.json"] {
        let file = clone.join(name);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(VERSION), "{name}");
        fs::write(file, text.replace(VERSION, "\"version\": \"0.2.0\"")).unwrap();
    }
    desk.plugin(&["marketplace", "update", "agent-relay"]);
    desk.plugin(&["update", NAME]);
    let list = desk.plugin(&["list"]);
    assert!(list.contains("0.2.0") && !list.contains("0.1.0"), "{list}");
    assert!(desk.primer().contains("You are agent `"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_updated_to() {
    is_updated(Version::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_updated_to_in_the_older_claude() {
    is_updated(Version::Older).await;
}

/// Where nobody finds our programs.
fn nowhere(setup: Setup) -> Setup {
    setup.with_env("PATH", "/usr/bin:/bin")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_archive_carries_its_program_and_without_one_a_session_is_told() {
    let Some(mut desk) = Desk::new(Version::Newest).await else { return };
    desk.setup = nowhere(desk.setup);
    let (clone, unpacked) = (desk.copy(), desk.claude.path("unpacked"));
    desk.install(&clone);
    let told = desk.primer();
    assert!(told.contains("Agent Relay is off in this session"), "{told}");
    assert!(told.contains("cargo install"), "{told}");
    assert!(desk.claude.processes().is_empty());
    desk.plugin(&["marketplace", "remove", "agent-relay"]);

    let program = program::folder().join("agent-relay-claude");
    fs::copy(program, clone.join("providers/claude/bin/agent-relay-claude")).unwrap();
    let archive = desk.claude.path("release.tar");
    fs::create_dir(&unpacked).unwrap();
    for (how, folder) in [("-cf", &clone), ("-xf", &unpacked)] {
        let mut tar = Command::new("tar");
        let packed = tar.arg(how).arg(&archive).arg("-C").arg(folder).arg(".").status();
        assert!(packed.unwrap().success());
    }
    fs::remove_dir_all(&clone).unwrap();
    desk.install(&unpacked);
    let primer = desk.primer();
    assert!(primer.contains("You are agent `"), "{primer}");
}
