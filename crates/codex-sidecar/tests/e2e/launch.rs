//! Sessions that begin, and what they are given.

use std::fs;

use testkit::{
    World,
    codex::{Codex, Setup, kill, say},
    terminal::Terminal,
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_gets_what_stands_on_the_command_line_and_ends_clean() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let line = [
        "-m",
        "gpt-5-codex",
        "-s",
        "read-only",
        "-c",
        "developer_instructions=\"Speak in rhyme.\"",
        "first words",
    ];
    codex.begin(&setup.with(&line)).await;
    codex.shows("echo: first words").await;
    let request = codex.model.requests().pop().unwrap();
    assert_eq!(request["model"], "gpt-5-codex");
    assert!(codex.model.context().contains("Speak in rhyme."), "{}", codex.model.context());
    codex.say("shell: touch written && echo yes").await;
    codex.shows("ran: ").await;
    assert!(!codex.path("project/written").exists(), "read-only: {}", codex.model.context());
    codex.say("/quit").await;
    assert_eq!(codex.exit_code().await, 0);
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_project_may_be_another_folder() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    let folder = codex.path("project");
    let line =
        ["sh", "-c", "cd /; exec \"$@\"", "sh", &codex.launcher(), "-C", &folder.to_string_lossy()];
    let line = [&line[..], &["shell: pwd"]].concat();
    let terminal = Terminal::new();
    codex
        .run_in(&terminal, &setup, &line.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
        .await;
    until("the tool's output", async || codex.model.context().contains("Output:").then_some(()))
        .await;
    let context = codex.model.context();
    assert!(context.contains(&format!("\n{}\n", folder.display())), "{context}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_stands_on_no_command_line_in_no_file_and_in_no_tools_environment() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    codex.start(&setup).await;
    let terminal = codex.process("--remote ws://").await;
    let environment = fs::read_to_string(format!("/proc/{terminal}/environ")).unwrap();
    let token =
        environment.split('\0').find_map(|line| line.strip_prefix("AGENT_RELAY_CODEX_TOKEN="));
    let token = token.expect("the terminal has the token");
    assert_eq!(token.len(), 64, "256 bits in hex");
    for (pid, line) in codex.processes() {
        assert!(!line.contains(token), "{pid}: {line}");
    }
    codex.say("shell: env").await;
    codex.shows("ran: ").await;
    let context = codex.model.context();
    assert!(context.contains("CODEX_THREAD_ID="), "the environment is there: {context}");
    assert!(!context.contains(token));
    let folder = codex.path("home/.local/state/agent-relay/codex/launch/1");
    for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        assert!(!fs::read_to_string(&file).unwrap().contains(token), "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_added_may_be_written_and_its_neighbour_not() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    for name in ["added", "other"] {
        fs::create_dir(codex.path(name)).unwrap();
    }
    let without_tmp = ["slash_tmp", "tmpdir_env_var"]
        .map(|name| format!("sandbox_workspace_write.exclude_{name}=true"));
    let [slash, variable] = &without_tmp;
    codex.start(&setup.with(&["--add-dir", "../added", "-c", slash, "-c", variable])).await;
    codex.say("shell: touch ../added/a; touch ../other/b; touch c").await;
    codex.shows("ran: ").await;
    let written = ["added/a", "other/b", "project/c"].map(|name| codex.path(name).exists());
    assert_eq!(written, [true, false, true], "{}", codex.model.context());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_at_once_do_not_disturb_each_other() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    codex.start(&setup).await;
    let other = Terminal::new();
    codex.run_in(&other, &setup, &[codex.launcher(), "in the other".into()]).await;
    until("the other's answer", async || {
        other.screen().contains("echo: in the other").then_some(())
    })
    .await;
    codex.say("/quit").await;
    assert_eq!(codex.exit_code().await, 0);
    say(&other, "still there").await;
    until("the other's second answer", async || {
        other.screen().contains("echo: still there").then_some(())
    })
    .await;
    say(&other, "/quit").await;
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_and_works_without_a_relay() {
    let Some(setup) = Setup::find() else { return };
    let codex = Codex::new("http://127.0.0.1:9").await;
    codex.start(&setup).await;
    codex.say("alone").await;
    codex.shows("echo: alone").await;
    codex.say("/quit").await;
    assert_eq!(codex.exit_code().await, 0);
    codex.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_resumed_by_the_launcher_and_ctrl_c_does_not_end_it() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let codex = Codex::new(&world.url()).await;
    codex.start(&setup).await;
    codex.say("remember this").await;
    codex.shows("echo: remember this").await;
    kill("INT", &codex.launcher_pid().to_string());
    codex.say("/quit").await;
    assert_eq!(codex.exit_code().await, 0, "Ctrl-C is for the terminal, not for the launcher");
    codex.close();
    codex.begin(&setup.with(&["resume", "--last"])).await;
    codex.shows("echo: remember this").await;
    codex.say("go on").await;
    codex.shows("echo: go on").await;
    assert!(codex.model.context().contains("remember this"));
    codex.say("/quit").await;
    codex.nothing_is_left().await;
}
