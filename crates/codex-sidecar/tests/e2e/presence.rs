//! Who is there, and how they are doing.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use relay_client::core::agent::{Agent, Approval, Status};
use serde_json::Value;
use testkit::{
    World,
    codex::{Codex, Setup, kill},
    terminal::Terminal,
    until,
};

use crate::delivery::times;

/// Says something in a session, so that it has a turn, and waits for the answer.
async fn talk(codex: &Codex, text: &str) {
    codex.say(text).await;
    codex.shows(&format!("echo: {text}")).await;
}

async fn is_told(world: &World, codex: &Codex, agent: &Agent, text: &str) {
    let message = world.send(agent, text).await;
    world.handled(message.id).await;
    assert_eq!(times(codex, &message), 1, "{}", codex.model.context());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_thread_is_a_new_agent_and_the_old_one_comes_back_with_its_thread() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, first) = world.codex_session(&setup).await;
    talk(&codex, "the first thread").await;
    world.status(&first, Status::Idle).await;
    let second = world.joins("codex", codex.say("/new")).await;
    world.status(&first, Status::Offline).await;
    let waits = world.send(&first, "for when you are back").await;
    is_told(&world, &codex, &second, "to the new thread").await;
    assert!(world.is_unread(waits.id).await, "nobody sits there");

    codex.say("/resume").await;
    codex.shows("the first thread").await;
    let mut looks = 0;
    until("the first thread is chosen", async || {
        let screen = codex.screen();
        let chosen = screen.lines().find(|line| line.contains("the first thread"))?.to_owned();
        if chosen.trim_start().starts_with(['❯', '›', '>']) {
            return Some(());
        }
        // A key that is not seen yet is not pressed again: two of them would go too far.
        if looks % 20 == 0 {
            codex.key("Down");
        }
        looks += 1;
        None
    })
    .await;
    codex.key("Enter");
    world.status(&first, Status::Idle).await;
    world.handled(waits.id).await;
    assert_eq!(times(&codex, &waits), 1, "{}", codex.model.context());
    world.status(&second, Status::Offline).await;
    assert_eq!(world.agents("codex").await.len(), 2, "the same two");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_busy_in_its_turn_and_offline_when_the_session_is_gone() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    assert_eq!(agent.status, Status::Idle);
    codex.say("hold: it").await;
    codex.model.holds("it").await;
    world.status(&agent, Status::Busy).await;
    codex.model.release("it");
    world.status(&agent, Status::Idle).await;
    codex.say("/quit").await;
    assert_eq!(codex.exit_code().await, 0);
    world.status(&agent, Status::Offline).await;
    let sessions = codex.path("home/.local/state/agent-relay/sessions");
    assert_eq!(std::fs::read_dir(sessions).unwrap().count(), 0, "nobody is written down");
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_thread_is_the_agent_that_it_was() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    talk(&codex, "remember").await;
    codex.say("/quit").await;
    codex.exit_code().await;
    world.status(&agent, Status::Offline).await;
    let waits = world.send(&agent, "for the next session").await;
    codex.close();
    codex.begin(&setup.with(&["resume", "--last"])).await;
    world.status(&agent, Status::Idle).await;
    world.handled(waits.id).await;
    assert_eq!(times(&codex, &waits), 1);
    assert_eq!(world.agents("codex").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_as_strict_as_its_approval_mode() {
    let Some(mut setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    assert_eq!(agent.approval, Approval::Guarded, "as Codex is by itself");
    codex.say("/quit").await;
    codex.exit_code().await;
    setup.env.push(("AGENT_RELAY_APPROVAL", "read-only".into()));
    let (codex, agent) = world.codex_session(&setup).await;
    assert_eq!(agent.approval, Approval::ReadOnly);
    let message = world.send(&agent, "shell: touch written").await;
    world.handled(message.id).await;
    assert!(codex.model.context().contains("Read-only file system"), "{}", codex.model.context());
    assert!(codex.model.context().contains("Approval mode read-only"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_session_of_that_id_gets_a_number() {
    let Some(mut setup) = Setup::find() else { return };
    setup.env.push(("AGENT_RELAY_ID", "worker".into()));
    let world = World::new().await;
    let (codex, first) = world.codex_session(&setup).await;
    assert_eq!(first.id.as_str(), "worker");
    let other = Terminal::new();
    let line = [codex.launcher(), "hello".into()];
    let second = world.joins("codex", codex.run_in(&other, &setup, &line)).await;
    assert_eq!(second.id.as_str(), "worker-2");
    is_told(&world, &codex, &first, "to the first").await;
    let message = world.send(&second, "to the second").await;
    world.handled(message.id).await;
    let warning = "another live session is `worker`, so that this one is `worker-2`";
    let requests = codex.model.requests().into_iter().map(|request| request.to_string());
    let warned: Vec<_> = requests.filter(|request| request.contains(warning)).collect();
    assert!(warned.iter().any(|request| request.contains("to the second")), "{warned:?}");
    assert!(!warned.iter().any(|request| request.contains("to the first")), "{warned:?}");
}

/// A session without a terminal, which must not outlive a test that fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // One that has ended by itself is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_threads_of_one_app_server_are_two_agents_with_mail_of_their_own() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let mut command = codex.command(&setup, &codex.launcher());
    command.args(["--headless", "--json"]).stdout(Stdio::piped());
    let mut session = Killed(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(session.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let printed: Value = serde_json::from_str(&line).unwrap();
    let first = until("the first agent", async || world.agents("codex").await.pop()).await;
    assert_eq!(printed["agent"], first.id.as_str());

    let terminal = Terminal::new();
    let attach = ["sh", "-c", printed["attach"].as_str().unwrap()].map(str::to_owned);
    codex.run_in(&terminal, &setup, &attach).await;
    let ready = async || terminal.screen().contains("Ask Codex").then_some(());
    until("the attached terminal", ready).await;
    let second = world.joins("codex", terminal.say("/new")).await;
    world.status(&first, Status::Idle).await;
    is_told(&world, &codex, &first, "to the first").await;
    is_told(&world, &codex, &second, "to the second").await;
    assert!(
        !codex.model.heard().contains("to the first"),
        "each has its own: {}",
        codex.model.heard()
    );
    kill("TERM", &session.0.id().to_string());
    assert!(session.0.wait().unwrap().success());
    world.status(&first, Status::Offline).await;
    world.status(&second, Status::Offline).await;
    drop(terminal);
    codex.nothing_is_left().await;
}
