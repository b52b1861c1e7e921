//! A session of Claude Code and a session of Codex, who talk with each other by themselves.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use relay_client::core::{
    agent::{Agent, Status},
    message::Message,
    pair::{EndReason, Status as PairStatus},
};
use serde_json::Value;
use testkit::{
    World,
    claude::{self, Claude},
    codex::Setup,
    program::{self, Version},
    until,
};

/// How often each speaks.
const ROUNDS: usize = 10;
/// Says the n-th thing, once, which asks the other side to ask for the next one; at the end hangs up.
const NEXT: &str = r#"#!/bin/sh
mkdir "said-$1" || exit
[ "$1" -gt 10 ] && exec agent-relay disconnect
exec agent-relay pair send --body "mcp: agent_relay pair {\"action\": \"say\", \"text\": \"RUN: ./next $(($1 + 1))\"}"
"#;

fn teach(claude: &Claude) {
    let script = claude.path("project/next");
    fs::write(&script, NEXT).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What was said to an agent in the pair, oldest first, by how it begins.
async fn said(world: &World, to: &Agent, begins: &str) -> Vec<Message> {
    let mut mail = world.all_mail(to).await;
    mail.retain(|message| message.body.starts_with(begins));
    mail
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_and_codex_pair_up_talk_ten_times_each_and_hang_up() {
    let (Some(setup), Some(program)) = (Setup::find(), program::claude(Version::Newest)) else {
        return;
    };
    let world = World::new().await;
    let (codex, agent_x) = world.codex_session(&setup).await;
    let claude = claude::Setup { claude: program, ..claude::Setup::default() }.bypassing();
    let (claude, agent_c) = world.session(&claude).await;
    teach(&claude);

    let accept = r#"mcp: agent_relay pair {"action": "accept"}"#;
    claude.say(&format!("RUN: agent-relay pair {} '{accept}'", agent_x.id)).await;
    let invitation = world.mail(&agent_x).await;
    let id = invitation.pair_id.expect("an invitation names its pair");
    let accepted = world.mail(&agent_c).await;
    assert_eq!((&accepted.from, accepted.pair_id), (&agent_x.id, Some(id.clone())));
    assert_eq!(world.plain.pair(&id).await.unwrap().status, PairStatus::Active);
    world.handled(accepted.id).await;
    claude.say("RUN: ./next 1").await;
    let pair = until("the pair is over", async || {
        let pair = world.plain.pair(&id).await.unwrap();
        pair.ended_at.is_some().then_some(pair)
    })
    .await;
    assert_eq!(pair.end_reason, Some(EndReason::Hangup));

    let to_codex = said(&world, &agent_x, "mcp: agent_relay pair {\"action\": \"say\"").await;
    let to_claude = said(&world, &agent_c, "RUN: ./next ").await;
    let numbers = |mail: &[Message]| -> Vec<usize> {
        let number = |message: &Message| {
            let (_, rest) = message.body.rsplit_once("./next ").unwrap();
            rest.trim_end_matches(['"', '}']).parse().unwrap()
        };
        mail.iter().map(number).collect()
    };
    let expected: Vec<usize> = (2..=ROUNDS + 1).collect();
    assert_eq!((numbers(&to_codex), numbers(&to_claude)), (expected.clone(), expected), "in order");
    for (question, answer) in to_codex.iter().zip(&to_claude) {
        assert!(question.id < answer.id && question.verified && answer.verified);
        assert_eq!((&question.from, &answer.from), (&agent_c.id, &agent_x.id));
    }
    for (message, context) in to_codex
        .iter()
        .map(|message| (message, codex.model.context()))
        .chain(to_claude.iter().map(|message| (message, claude.model.context())))
    {
        world.read(message.id).await;
        world.handled(message.id).await;
        let header = format!("[msg:{}] from {} (", message.id, message.from);
        assert_eq!(context.matches(&header).count(), 1, "{header} in {context}");
    }
    for agent in [&agent_c, &agent_x] {
        world.status(agent, Status::Idle).await;
    }
}

/// What `agent-relay doctor --deliver` found of the sessions: the state and the words of each.
async fn doctor(url: String) -> Vec<(String, String)> {
    let looked = tokio::task::spawn_blocking(move || {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(program::folder().join("agent-relay"));
        command.env_clear().env("HOME", home.path()).env("AGENT_RELAY_URL", url);
        command.args(["doctor", "--deliver", "--timeout", "60s", "--json"]).output().unwrap()
    });
    let looked = looked.await.unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&looked.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&looked.stderr)));
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let delivered = findings.iter().filter(|finding| finding["check"] == "deliver");
    delivered.map(|finding| (text(finding, "state"), text(finding, "found"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctors_test_message_comes_to_the_end_of_its_way_in_sessions_of_both() {
    let (Some(setup), Some(program)) = (Setup::find(), program::claude(Version::Newest)) else {
        return;
    };
    let world = World::new().await;
    let (_codex, agent_x) = world.codex_session(&setup).await;
    let claude = claude::Setup { claude: program, ..claude::Setup::default() };
    let (_claude, agent_c) = world.session(&claude).await;
    for agent in [&agent_x, &agent_c] {
        world.status(agent, Status::Idle).await;
    }
    let found = doctor(world.url()).await;
    for agent in [&agent_x, &agent_c] {
        let its = |(_, words): &&(String, String)| words.starts_with(agent.id.as_str());
        let (state, words) = found.iter().find(its).unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(state, "ok", "{words}");
        assert!(words.contains("read after") && words.contains(" by "), "{words}");
        assert!(words.contains("handled after"), "{words}");
        println!("{words}");
    }
}
