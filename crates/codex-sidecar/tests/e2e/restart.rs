//! Whatever dies and comes back: each message reaches the model once.

use relay_client::core::agent::Status;
use testkit::{
    World,
    codex::{Codex, Setup, kill},
    until,
};

use crate::delivery::times;

/// Kills the app-server itself, below its wrapper.
fn kill_app_server(codex: &Codex) {
    let servers = codex.processes().into_iter().filter(|(_, line)| line.contains("app-server --"));
    let newest = servers.map(|(pid, _)| pid).max().expect("an app-server");
    kill("KILL", &newest.to_string());
}

async fn app_server_is_back(codex: &Codex) {
    until("another app-server", async || codex.log().contains("listens again").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_server_is_killed_while_idle_and_mail_comes_meanwhile() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    let before = world.send(&agent, "before").await;
    world.handled(before.id).await;
    kill_app_server(&codex);
    let during = world.send(&agent, "while it is away").await;
    app_server_is_back(&codex).await;
    world.handled(during.id).await;
    let after = world.send(&agent, "after").await;
    world.handled(after.id).await;
    for message in [&before, &during, &after] {
        assert_eq!(times(&codex, message), 1, "{}", codex.model.context());
    }
    world.status(&agent, Status::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_server_is_killed_in_the_turn_of_a_message_which_is_brought_to_mind_once() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    let message = world.send(&agent, "hold: it").await;
    codex.model.holds("it").await;
    world.read(message.id).await;
    codex.model.release("it");
    let cut = world.send(&agent, "hold: another").await;
    codex.model.holds("another").await;
    world.read(cut.id).await;
    kill_app_server(&codex);
    codex.model.release("another");
    app_server_is_back(&codex).await;
    until("the reminder", async || codex.model.context().contains("cut off").then_some(())).await;
    world.handled(cut.id).await;
    assert_eq!(times(&codex, &cut), 1, "{}", codex.model.context());
    assert_eq!(times(&codex, &message), 1, "{}", codex.model.context());
    assert_eq!(codex.model.heard().matches("was cut off").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_is_killed_and_comes_back() {
    let Some(setup) = Setup::find() else { return };
    let mut world = World::killable().await;
    let (codex, agent) = world.codex_session(&setup).await;
    let before = world.send(&agent, "hold: it").await;
    codex.model.holds("it").await;
    world.kill_relay();
    codex.model.release("it");
    codex.shows("holding it").await;
    world.start_relay_again();
    world.handled(before.id).await;
    let after = world.send(&agent, "after").await;
    world.handled(after.id).await;
    for message in [&before, &after] {
        assert_eq!(times(&codex, message), 1, "{}", codex.model.context());
    }
    world.status(&agent, Status::Idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_session_is_woken_once_for_what_it_had_without_the_text_twice() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let (codex, agent) = world.codex_session(&setup).await;
    let message = world.send(&agent, "hold: it").await;
    codex.model.holds("it").await;
    world.read(message.id).await;
    let launcher = codex.processes().into_iter().filter(|(_, line)| {
        line.contains("codex-relay") && !line.contains("guardian") && !line.contains("sh -c")
    });
    for (pid, _) in launcher {
        kill("KILL", &pid.to_string());
    }
    codex.nothing_is_left().await;
    codex.model.release("it");
    let waits = world.send(&agent, "for the next session").await;
    codex.close();
    codex.begin(&setup.with(&["resume", "--last"])).await;
    until("the reminder", async || codex.model.context().contains("cut off").then_some(())).await;
    for message in [&message, &waits] {
        world.handled(message.id).await;
        assert_eq!(times(&codex, message), 1, "{}", codex.model.context());
    }
    assert_eq!(codex.model.heard().matches("was cut off").count(), 1);
    assert_eq!(world.agents("codex").await.len(), 1, "the same agent");
}
