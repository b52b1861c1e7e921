//! The end of sessions, good and bad: whichever process ends first, nothing is left.

use std::fs;

use testkit::{
    World,
    codex::{Codex, Setup, kill},
    until,
};

/// The parts of a session, by what stands on their command lines.
const TERMINAL: &str = "--remote ws://";
const SERVER: &str = "bin/codex app-server";
const GUARDIAN: &str = "codex-relay guardian /";

/// The process of a part that was started last: the native one, where npm's program started it.
fn newest(codex: &Codex, words: &str) -> String {
    let found = codex.processes();
    let fits = |line: &str| {
        line.contains(words) && !line.contains("guardian ")
            || words == GUARDIAN && line.contains(words)
    };
    let pids = found.iter().filter(|(_, line)| fits(line)).map(|(pid, _)| *pid);
    pids.max().expect("it runs").to_string()
}

/// A session with a command of the model's under way, which its sandbox does not end.
async fn busy(setup: &Setup) -> (World, Codex) {
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let bypass = ["--dangerously-bypass-approvals-and-sandbox"];
    codex.start(&setup.with(&bypass)).await;
    codex.say("shell: sleep 86399 & touch begun; wait").await;
    until("the tool runs", async || codex.path("project/begun").exists().then_some(())).await;
    codex.process("sleep 86399").await;
    (world, codex)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_told_to_end_ends_with_its_tools() {
    let Some(setup) = Setup::find() else { return };
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let (_world, codex) = busy(&setup).await;
        kill(signal, &codex.launcher_pid().to_string());
        assert_eq!(codex.exit_code().await, code);
        codex.nothing_is_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_that_is_killed_leaves_nothing() {
    let Some(setup) = Setup::find() else { return };
    let (_world, codex) = busy(&setup).await;
    kill("KILL", &codex.launcher_pid().to_string());
    assert_eq!(codex.exit_code().await, 137);
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_killed_together_with_the_app_server_leaves_nothing() {
    let Some(setup) = Setup::find() else { return };
    let (_world, codex) = busy(&setup).await;
    kill("KILL", &newest(&codex, SERVER));
    kill("KILL", &codex.launcher_pid().to_string());
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_killed_ends_the_session() {
    let Some(setup) = Setup::find() else { return };
    let (_world, codex) = busy(&setup).await;
    kill("KILL", &newest(&codex, TERMINAL));
    assert_ne!(codex.exit_code().await, 0);
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_closed_ends_the_session() {
    let Some(setup) = Setup::find() else { return };
    let (_world, codex) = busy(&setup).await;
    codex.close();
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_runs_when_the_session_ends_is_interrupted() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    codex.start(&setup).await;
    codex.say("hold: it").await;
    codex.model.holds("it").await;
    kill("KILL", &newest(&codex, TERMINAL));
    codex.nothing_is_left().await;
    let written = rollouts(&codex);
    assert!(written.contains("turn_aborted"), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_server_that_dies_comes_back_and_the_terminal_goes_on() {
    let Some(setup) = Setup::find() else { return };
    for part in [SERVER, GUARDIAN] {
        let (_world, codex) = busy(&setup).await;
        kill("KILL", &newest(&codex, part));
        until("another app-server", async || codex.log().contains("listens again").then_some(()))
            .await;
        until("the tool is ended", async || {
            let found = codex.processes();
            (!found.iter().any(|(_, line)| line.contains("sleep 86399"))).then_some(())
        })
        .await;
        codex.shows("Ask Codex").await;
        codex.say("once again").await;
        codex.shows("echo: once again").await;
        let context = codex.model.context();
        assert!(context.contains("touch begun"), "the same thread: {context}");
        codex.say("/quit").await;
        assert_eq!(codex.exit_code().await, 0);
        codex.nothing_is_left().await;
    }
}

/// What Codex has written down of its threads.
fn rollouts(codex: &Codex) -> String {
    let mut folders = vec![codex.path("home/.codex/sessions")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
        {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                text.push_str(&fs::read_to_string(entry).unwrap_or_default());
            }
        }
    }
    text
}
