//! Sessions without a terminal, and terminals that are attached to them.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ExitStatus, Stdio},
};

use serde_json::Value;
use testkit::{
    World, a_while,
    codex::{Codex, Setup, kill, say},
    terminal::Terminal,
    until,
};

/// A headless session, and the first line that it printed. Whoever runs the tests may ignore a
/// terminal's end, and what they start would, too.
fn begin(codex: &Codex, setup: &Setup, program: &str, arguments: &[&str]) -> (Child, String) {
    let mut command = codex.command(setup, "env");
    let log = std::fs::File::create(codex.path("tmp/stderr")).unwrap();
    command.args(["--default-signal=HUP", program]);
    let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim_end().to_owned())
}

/// Waits for its end.
async fn end(session: &mut Child) -> ExitStatus {
    until("the session's end", async || session.try_wait().unwrap()).await
}

async fn attach(codex: &Codex, setup: &Setup, command: &str) -> Terminal {
    let terminal = Terminal::new();
    codex.run_in(&terminal, setup, &["sh".into(), "-c".into(), command.to_owned()]).await;
    terminal
}

async fn shows(terminal: &Terminal, text: &str) {
    until(&format!("the attached terminal shows {text}"), async || {
        terminal.screen().contains(text).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_attaches_with_the_very_command_that_was_printed_and_comes_and_goes() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let (mut session, line) =
        begin(&codex, &setup, &codex.launcher(), &["--headless", "begin with this"]);
    until("the prompt's answer", async || {
        codex.model.context().contains("begin with this").then_some(())
    })
    .await;
    let token = std::fs::read_to_string(token_file(&codex)).unwrap();
    for visit in ["one", "two"] {
        let terminal = attach(&codex, &setup, &line).await;
        shows(&terminal, "echo: begin with this").await;
        for (pid, line) in codex.processes() {
            assert!(!line.contains(&token), "{pid}: {line}");
        }
        say(&terminal, &format!("visit {visit}")).await;
        shows(&terminal, &format!("echo: visit {visit}")).await;
        say(&terminal, "/quit").await;
        shows(&terminal, "CODE=0").await;
    }
    assert!(codex.model.context().contains("visit one"), "one thread");
    assert!(session.try_wait().unwrap().is_none(), "it stays");
    kill("TERM", &session.id().to_string());
    assert!(end(&mut session).await.success());
    codex.nothing_is_left().await;
    assert!(!token_file(&codex).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_headless_thread_outlives_its_app_server_and_can_be_resumed_later() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let (mut session, line) =
        begin(&codex, &setup, &codex.launcher(), &["--headless", "--json", "first words"]);
    let printed: Value = serde_json::from_str(&line).unwrap();
    let thread = printed["thread"].as_str().unwrap().to_owned();
    assert!(printed["url"].as_str().unwrap().starts_with("ws://127.0.0.1:"), "{printed}");
    until("the agent that was printed is registered", async || {
        let agents = world.agents("codex").await;
        agents.iter().any(|agent| printed["agent"] == agent.id.as_str()).then_some(())
    })
    .await;
    until("an answer", async || codex.model.context().contains("first words").then_some(())).await;
    let server = codex.processes().into_iter().filter(|(_, line)| line.contains("app-server"));
    kill("KILL", &server.map(|(pid, _)| pid).max().unwrap().to_string());
    until("another app-server", async || codex.log().contains("listens again").then_some(())).await;
    let attached = attach(&codex, &setup, printed["attach"].as_str().unwrap()).await;
    shows(&attached, "first words").await;
    say(&attached, "second words").await;
    shows(&attached, "echo: second words").await;
    kill("INT", &session.id().to_string());
    assert!(end(&mut session).await.success());
    drop(attached);
    codex.nothing_is_left().await;

    let arguments = ["--headless", "resume", &thread, "third words"];
    let (mut session, line) = begin(&codex, &setup, &codex.launcher(), &arguments);
    assert!(line.ends_with(&thread), "{line}");
    until("an answer", async || codex.model.context().contains("third words").then_some(())).await;
    assert!(codex.model.context().contains("first words"), "the same thread");
    kill("HUP", &session.id().to_string());
    assert!(end(&mut session).await.success());
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_headless_session_outlives_its_terminal_where_nohup_asks_for_that() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let (mut session, _) = begin(&codex, &setup, "nohup", &[&codex.launcher(), "--headless"]);
    kill("HUP", &session.id().to_string());
    a_while().await;
    assert!(session.try_wait().unwrap().is_none(), "it stays");
    kill("TERM", &session.id().to_string());
    assert!(end(&mut session).await.success());
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_headless_session_leaves_nothing() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let (mut session, _) = begin(&codex, &setup, &codex.launcher(), &["--headless", "hold: it"]);
    codex.model.holds("it").await;
    session.kill().unwrap();
    end(&mut session).await;
    codex.nothing_is_left().await;
}

fn token_file(codex: &Codex) -> std::path::PathBuf {
    codex.path("home/.local/state/agent-relay/codex/launch/1/token")
}
