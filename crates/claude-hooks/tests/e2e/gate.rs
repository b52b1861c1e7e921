//! The approval gate in the real program: without anybody to ask, in the mode in which Claude Code
//! itself asks nothing; and with a person, who is asked.

use relay_client::core::agent::{Agent, Status};
use testkit::{
    World,
    claude::Claude,
    program::Version::{self, Newest, Older},
};

use crate::setup;

/// Claude Code asks its person.
const DIALOG: &str = "Do you want to proceed?";

/// Runs one prompt; returns whether the command ran, and what the model was told.
async fn attempt(version: Version, approval: &str, command: &str) -> Option<(bool, String)> {
    let setup = setup(version)?.bypassing().with_env("AGENT_RELAY_APPROVAL", approval);
    let world = World::new().await;
    let claude = Claude::new(&world.url()).await;
    claude.ask(&setup, &format!("RUN: {command}"));
    Some((claude.path("project/made").exists(), claude.model.results()))
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_denies_what_writes_and_open_does_not() {
    let commands = [
        (Newest, "touch made"),
        (Newest, "ls | tee made"),
        (Older, "bash -c 'touch made'"),
        (Newest, "echo $(touch made)"),
        (Older, "env x=1 touch made"),
    ];
    for (version, command) in commands {
        let Some((ran, told)) = attempt(version, "read-only", command).await else { return };
        assert!(!ran && told.contains("Agent Relay (read-only)"), "{command}: {told}");
    }
    for version in [Newest, Older] {
        let Some((ran, _)) = attempt(version, "open", "touch made").await else { return };
        assert!(ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_denies_what_destroys_where_nobody_can_be_asked() {
    let destroy = "touch made; sudo rm -rf build";
    let Some((ran, told)) = attempt(Newest, "guarded", destroy).await else { return };
    assert!(!ran && told.contains("Agent Relay (guarded)"), "{told}");
    let Some((ran, _)) = attempt(Newest, "guarded", "touch made").await else { return };
    assert!(ran);
}

/// The person is asked whether a folder may be deleted; says for what the agent waits then.
async fn is_asked(world: &World, claude: &Claude, agent: &Agent) -> String {
    claude.say("RUN: rm -rf kept").await;
    claude.shows("Agent Relay (guarded)").await;
    world.status(agent, Status::Waiting).await;
    let agent = world.plain.agent(&agent.id).await.unwrap();
    agent.status_detail.map(|detail| detail.as_str().to_owned()).unwrap_or_default()
}

async fn guarded_asks(version: Version) {
    let Some(setup) = setup(version) else { return };
    let setup = setup.with_env("AGENT_RELAY_APPROVAL", "guarded");
    // Claude Code itself would not ask.
    let setup = setup.with_arguments(&["--allowedTools", "Bash"]);
    let world = World::new().await;
    let (claude, agent) = world.session(&setup).await;
    let kept = claude.path("project/kept");
    std::fs::create_dir(&kept).unwrap();

    let detail = is_asked(&world, &claude, &agent).await;
    assert!(detail.contains("permission"), "{detail}");
    claude.answer(DIALOG, "Escape").await;
    world.status(&agent, Status::Idle).await;
    assert!(kept.exists(), "it was denied");

    is_asked(&world, &claude, &agent).await;
    let sent = world.send(&agent, "while a person is asked").await;
    claude.answer(DIALOG, "Enter").await;
    world.handled(sent.id).await;
    world.status(&agent, Status::Idle).await;
    assert!(!kept.exists(), "it was allowed");
    assert_eq!(claude.times(sent.id), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_asks_the_person_who_says_no_and_then_yes() {
    guarded_asks(Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_asks_the_person_in_the_older_version() {
    guarded_asks(Older).await;
}
