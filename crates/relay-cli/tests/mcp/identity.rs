//! For whom a call speaks.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    client, operator, server, shown,
    support::{
        Home, Relay,
        http::Connection,
        mcp::{Mcp, me},
    },
    wait_for_status,
};

/// Registers an agent and writes its session down as a provider does; the process that holds it is
/// this test's, from which the server descends.
fn host(home: &Home, relay: &Relay, agent: &str, session: Option<&str>) {
    let mut connection = Connection::open(relay.port()).unwrap();
    let registered = connection.post("/api/agents", &json!({"id": agent, "provider": "codex"}));
    let token = registered.unwrap().body["token"].clone();
    let file = json!({
        "agentId": agent, "token": token, "relayUrl": relay.url, "provider": "codex",
        "session": session, "pid": std::process::id(),
    });
    let folder = home.join("state/agent-relay/sessions");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{agent}.json")), file.to_string()).unwrap();
}

/// What Codex starts: nothing of its environment says where the relay is.
fn bare(home: &Home) -> Command {
    home.command(&["mcp"])
}

#[test]
fn each_thread_of_codex_speaks_for_its_own_agent() {
    let home = Home::new();
    let relay = Relay::start(&home);
    host(&home, &relay, "alpha", Some("thread-1"));
    host(&home, &relay, "beta", Some("thread-2"));
    let mut mcp = Mcp::connect(&mut bare(&home), "codex-mcp-client");
    for (thread, agent) in [("thread-1", "alpha"), ("thread-2", "beta"), ("thread-1", "alpha")] {
        assert_eq!(me(&mcp.call_from(thread, "status", &json!({})).done()), agent);
    }
    mcp.call_from("thread-1", "send", &json!({"to": "beta", "text": "hi"})).done();
    let mail: Value = shown(&relay, "/api/messages?for=beta");
    assert_eq!((&mail[0]["from"], &mail[0]["verified"]), (&json!("alpha"), &json!(true)));
    let told = mcp.call_from("thread-2", "agents", &json!({})).done();
    assert!(!told.contains("unread"), "its provider hands mail over: {told}");
    assert_eq!(shown(&relay, "/api/agents?provider=mcp"), json!([]), "nobody else was registered");
}

#[test]
fn a_thread_that_nobody_hosts_is_an_agent_of_its_own_until_it_is_hosted() {
    let home = Home::new();
    let relay = Relay::start(&home);
    host(&home, &relay, "alpha", Some("thread-1"));
    let mut mcp = Mcp::connect(&mut server(&home, &relay), "codex-mcp-client");
    let status = |mcp: &mut Mcp, thread| me(&mcp.call_from(thread, "status", &json!({})).done());
    let (own, other) = (status(&mut mcp, "thread-8"), status(&mut mcp, "thread-9"));
    assert!(own != "alpha" && own != other, "{own} {other}");
    assert_eq!(status(&mut mcp, "thread-8"), own);
    host(&home, &relay, "late", Some("thread-8"));
    assert_eq!(status(&mut mcp, "thread-8"), "late");
    wait_for_status(&relay, &own, "offline");
    wait_for_status(&relay, &other, "idle");
}

#[test]
fn the_session_above_the_server_speaks() {
    let home = Home::new();
    let relay = Relay::start(&home);
    host(&home, &relay, "hosted", None);
    assert_eq!(client(&home, &relay, "any").me(), "hosted");
}

#[test]
fn the_agent_that_joined_the_terminal_speaks_and_hears_of_its_mail() {
    let home = Home::new();
    let relay = Relay::start(&home);
    operator(&home, &relay, &["join", "alice"]);
    let mut mcp = client(&home, &relay, "any");
    assert_eq!(mcp.me(), "alice");
    Connection::open(relay.port()).unwrap().register("bob");
    let sent = json!({"from": "bob", "to": "alice", "body": "hi"});
    Connection::open(relay.port()).unwrap().post("/api/messages", &sent).unwrap();
    assert!(mcp.call("agents", &json!({})).done().ends_with("1 unread: use inbox"));
    assert!(mcp.call("inbox", &json!({})).done().contains("from bob (unverified): hi"));
}

#[test]
fn a_name_in_the_settings_is_taken_on_and_shared() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let named = || {
        let mut command = server(&home, &relay);
        command.env("AGENT_RELAY_ID", "reviewer");
        Mcp::connect(&mut command, "any")
    };
    let (mut first, mut second) = (named(), named());
    assert_eq!((first.me(), second.me()), ("reviewer".to_owned(), "reviewer".to_owned()));
    second.call("send", &json!({"to": "human", "text": "hi"})).done();
    let mail: Value = shown(&relay, "/api/messages?for=human");
    assert_eq!((&mail[0]["from"], &mail[0]["verified"]), (&json!("reviewer"), &json!(true)));
    first.close();
    assert_eq!(second.me(), "reviewer", "the other one takes its place");
    wait_for_status(&relay, "reviewer", "idle");
    second.close();
    wait_for_status(&relay, "reviewer", "offline");
}

#[test]
fn on_the_relays_own_machine_its_user_needs_no_token() {
    let home = Home::new();
    let mut serve = home.command(&["serve", "--port", "0"]);
    let relay = Relay::spawn(serve.env("AGENT_RELAY_TOKEN", "s3cret-s3cret"));
    assert!(client(&home, &relay, "any").call("status", &json!({})).done().starts_with("you are"));
    let stranger = Home::new();
    let said = client(&stranger, &relay, "any").call("status", &json!({})).failed();
    assert!(said.starts_with("error unauthorized: "), "{said}");
    let mut command = server(&stranger, &relay);
    let mut known = Mcp::connect(command.env("AGENT_RELAY_TOKEN", "s3cret-s3cret"), "any");
    assert!(known.call("status", &json!({})).done().starts_with("you are"));
}

#[test]
fn servers_that_start_at_once_are_different_agents() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut all: Vec<Mcp> = (0..6).map(|_| Mcp::start(&mut server(&home, &relay))).collect();
    let hellos: Vec<i64> = all.iter_mut().map(|mcp| mcp.begin_hello("Editor")).collect();
    let calls: Vec<i64> = all
        .iter_mut()
        .zip(hellos)
        .map(|(mcp, hello)| {
            mcp.answer(hello);
            mcp.initialized();
            mcp.begin_call("status", &json!({}))
        })
        .collect();
    let said = all.iter_mut().zip(calls).map(|(mcp, call)| mcp.said(call).done());
    let mut agents: Vec<String> = said.map(|status| me(&status)).collect();
    agents.sort();
    agents.dedup();
    assert_eq!(agents.len(), 6, "{agents:?}");
}
