//! The real program: its settings, its end, and what a power cut leaves.
#![cfg(unix)]

mod support;

use std::time::Duration;

use support::{
    ADA, EVE, TOKEN, World, answer,
    program::{Program, command},
    send, soon,
    telegram::Fault,
};

#[tokio::test]
async fn a_bad_setting_is_named_with_exit_code_2() {
    let world = World::new().await;
    for (name, value, expected) in [
        ("AGENT_RELAY_TELEGRAM_CHATS", "@ops=x", "AGENT_RELAY_TELEGRAM_CHATS is `@ops=x`: "),
        ("AGENT_RELAY_TELEGRAM_TOKEN", "hunter2", "AGENT_RELAY_TELEGRAM_TOKEN is `…`: must be"),
        ("AGENT_RELAY_TELEGRAM_TOKEN", "", "AGENT_RELAY_TELEGRAM_TOKEN is not set: "),
        ("AGENT_RELAY_TELEGRAM_API_URL", "x", "AGENT_RELAY_TELEGRAM_API_URL is `x`: "),
        ("AGENT_RELAY_URL", "relay", "AGENT_RELAY_URL is `relay`: "),
    ] {
        let (code, said) = Program::spawn(command(&world).env(name, value)).end().await;
        assert_eq!(code, 2, "{said}");
        assert!(said.starts_with(&format!("error: {expected}")), "{said}");
        assert!(!said.contains("hunter2"));
    }
    let (code, said) = Program::spawn(command(&world).arg("--token=x")).end().await;
    assert_eq!(code, 2, "{said}");
}

#[tokio::test]
async fn help_names_what_can_be_set() {
    let world = World::new().await;
    let output = command(&world).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for variable in relay_client::core::env::ALL {
        if variable.reader == relay_client::core::env::Reader::Telegram {
            assert!(help.contains(variable.name), "{help}");
        }
    }
    assert!(output.status.success());
}

#[tokio::test]
async fn a_cut_between_telegrams_taking_and_our_knowing_repeats_with_a_mark() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let program = Program::start(&world, "12=backend").await;
    world.telegram.fail(ADA, [Fault::Hold]);
    let sent = send(&backend, "backend", "hello").await;
    world.telegram.messages(1).await;
    program.kill();

    let program = Program::start(&world, "12=backend").await;
    world.until_read(&sent).await;
    let id = sent.id;
    let expected =
        [format!("backend #{id}\nhello"), format!("backend #{id} (perhaps sent before)\nhello")];
    assert_eq!(world.telegram.texts(ADA), expected);
    program.kill();
}

#[tokio::test]
async fn a_cut_between_two_parts_goes_on_with_the_next() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let mut program = Program::start(&world, "12=backend").await;
    world.telegram.fail(ADA, [Fault::None, Fault::too_many(3600)]);
    let long = send(&backend, "backend", &"word ".repeat(2000)).await;
    program.line_with("trying again").await;
    program.kill();

    let program = Program::start(&world, "12=backend").await;
    world.until_read(&long).await;
    let texts = world.telegram.texts(ADA);
    assert_eq!(texts.len(), 3, "{texts:?}");
    for (index, text) in texts.iter().enumerate() {
        let head = format!("backend #{} ({}/3)\n", long.id, index + 1);
        assert!(text.starts_with(&head), "its outcome was known: {text}");
    }
    program.kill();
}

#[tokio::test]
async fn a_cut_before_the_relay_knows_sends_nothing_twice() {
    let mut world = World::new().await;
    let backend = world.agent("backend", None).await;
    let mut program = Program::start(&world, "12=backend").await;
    world.telegram.fail(ADA, [Fault::Hold]);
    let sent = send(&backend, "backend", "hello").await;
    world.telegram.messages(1).await;
    world.relay.stop().await;
    world.telegram.release();
    program.line_with("the relay does not answer").await;
    program.kill();

    world.relay.start_again().await;
    let program = Program::start(&world, "12=backend").await;
    world.until_read(&sent).await;
    assert_eq!(world.telegram.texts(ADA), [format!("backend #{}\nhello", sent.id)]);
    program.kill();
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_conversation_loses_and_repeats_nothing() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    for round in 0..3 {
        let program = Program::start(&world, "12=backend").await;
        world.telegram.says(ADA, &format!("in {round}"));
        let asked = world.mail("backend", round + 1).await.pop().unwrap();
        let answered = answer(&backend, "backend", &asked, &format!("out {round}")).await;
        world.until_read(&answered).await;
        program.kill();
    }
    let texts = world.telegram.texts(ADA);
    assert_eq!(texts.len(), 3, "{texts:?}");
    let program = Program::start(&world, "12=backend").await;
    world.telegram.says(ADA, "last");
    world.mail("backend", 4).await;
    program.kill();
}

#[tokio::test]
async fn told_to_end_it_finishes_the_part_under_way_and_is_gone_in_time() {
    let world = World::new().await;
    let backend = world.agent("backend", None).await;
    let program = Program::start(&world, "12=backend").await;
    world.telegram.fail(ADA, [Fault::Hold]);
    let sent = send(&backend, "backend", &"word ".repeat(2000)).await;
    world.telegram.messages(1).await;
    let start = tokio::time::Instant::now();
    program.terminate();
    soon(world.telegram.until(|seen| seen.hung_up == 1)).await;
    world.telegram.release();
    let (code, said) = program.end().await;
    assert_eq!(code, 0, "{said}");
    assert!(start.elapsed() < Duration::from_secs(5));
    let agent = world.client().agent(&"telegram".parse().unwrap()).await.unwrap();
    assert_eq!(agent.status.as_str(), "offline");

    let program = Program::start(&world, "12=backend").await;
    world.until_read(&sent).await;
    let texts = world.telegram.texts(ADA);
    assert_eq!(texts.len(), 3, "{texts:?}");
    for (index, text) in texts.iter().enumerate() {
        assert!(text.starts_with(&format!("backend #{} ({}/3)\n", sent.id, index + 1)), "{text}");
    }
    program.terminate();
    assert_eq!(program.end().await.0, 0);
}

#[tokio::test]
async fn told_to_end_it_does_not_wait_for_who_does_not_answer() {
    let mut world = World::new().await;
    let backend = world.agent("backend", None).await;
    let program = Program::start(&world, "12=backend").await;
    world.telegram.fail(ADA, [Fault::Hold]);
    send(&backend, "backend", "hello").await;
    world.telegram.messages(1).await;
    world.relay.stop().await;
    let start = tokio::time::Instant::now();
    program.terminate();
    assert_eq!(program.end().await.0, 0);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_log_names_strangers_once_and_the_token_never() {
    let mut world = World::new().await;
    let backend = world.agent("backend", None).await;
    let mut command = command(&world);
    command.env("AGENT_RELAY_LOG", "trace").env("AGENT_RELAY_TELEGRAM_CHATS", "12=backend");
    let mut program = Program::spawn(&mut command);
    world.telegram.says(EVE, "let me in");
    world.telegram.says(EVE, "please");
    world.telegram.says(ADA, "hello");
    world.mail("backend", 1).await;
    world.telegram.fail(ADA, [Fault::CutAfter, Fault::refuse(400, &format!("/bot{TOKEN}/x"))]);
    send(&backend, "backend", "hello").await;
    soon(world.telegram.until(|seen| seen.attempts == 2)).await;
    world.telegram.stop().await;
    program.line_with("Telegram cannot be reached").await;
    program.terminate();
    let (code, said) = program.end().await;
    assert_eq!(code, 0);
    assert!(said.contains("TRACE"), "everything is logged");
    assert!(!said.contains("s3cret-token"), "but not the token");
    let strangers: Vec<_> = said.lines().filter(|line| line.contains("not allowed")).collect();
    assert_eq!(strangers.len(), 1, "{strangers:?}");
    assert!(strangers[0].contains("chat=66") && strangers[0].contains("title=\"Ada\""));
}
