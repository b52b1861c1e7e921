//! Ends: of the client, of the server, of the relay.

use serde_json::json;

use crate::{
    client, server, shown,
    support::{Home, Relay, mcp::Mcp},
    wait_for_status, wait_until,
};

/// The relay at an address that clients know.
fn again(home: &Home, arguments: &[&str]) -> Relay {
    Relay::spawn(home.command(&["serve"]).args(arguments))
}

#[test]
fn an_agent_is_there_from_the_handshake_on_and_gone_with_its_client() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut mcp = client(&home, &relay, "Claude Desktop");
    let agents = || shown(&relay, "/api/agents?provider=mcp");
    wait_until(|| agents() != json!([]));
    let agent = agents()[0].clone();
    assert_eq!((&agent["label"], &agent["status"]), (&json!("Claude Desktop"), &json!("idle")));
    let id = agent["id"].as_str().unwrap().to_owned();
    let waiting = mcp.begin_call("inbox", &json!({"wait": 60}));
    mcp.call("agents", &json!({})).done();
    assert!(!mcp.has_answered(waiting));
    let (code, said) = mcp.close();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    wait_for_status(&relay, &id, "offline");

    let mut again = client(&home, &relay, "Claude Desktop");
    assert_eq!(again.me(), id, "started by the same program, it is the same agent");
    again.server.signal("TERM");
    assert_eq!(again.server.end().0, Some(0));
    wait_for_status(&relay, &id, "offline");
}

#[test]
fn a_client_that_never_says_who_it_is_leaves_nothing_behind() {
    let home = Home::new();
    let relay = Relay::start(&home);
    assert_eq!(Mcp::start(&mut server(&home, &relay)).close().0, Some(0));
    assert_eq!(shown(&relay, "/api/agents?provider=mcp"), json!([]));
}

#[test]
fn a_relay_that_is_down_is_said_and_its_return_is_noticed() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let port = relay.port().to_string();
    let mut mcp = client(&home, &relay, "probe");
    let me = mcp.me();
    relay.kill();
    for (tool, arguments) in [
        ("status", json!({})),
        ("agents", json!({})),
        ("inbox", json!({"wait": 60})),
        ("send", json!({"to": "x", "text": "y"})),
        ("ask", json!({"to": "x", "text": "y"})),
    ] {
        let said = mcp.call(tool, &arguments).failed();
        assert!(said.starts_with("error relay_unreachable: no relay answers at http://"), "{said}");
        assert!(said.contains("hint: start it with `agent-relay serve`"), "{said}");
    }
    assert_eq!(mcp.request("tools/list", &json!({}))["result"]["tools"][0]["name"], "send");

    let relay = again(&home, &["--port", &port]);
    assert_eq!(mcp.me(), me);
    relay.kill();
    let fresh = home.join("fresh.db");
    let fresh = ["--port", &port, "--db-path", fresh.to_str().unwrap()];
    let relay = again(&home, &fresh);
    assert_eq!(mcp.me(), me, "a relay that has forgotten it knows it again");
    wait_for_status(&relay, &me, "idle");
}

#[test]
fn a_client_may_be_there_before_its_relay() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let (port, mut command) = (relay.port().to_string(), server(&home, &relay));
    relay.kill();
    let mut mcp = Mcp::connect(&mut command, "early");
    mcp.call("status", &json!({})).failed();
    let _relay = again(&home, &["--port", &port]);
    assert!(mcp.call("status", &json!({})).done().contains("\"early\""));
}
