//! The handshake, the list, and what is no request.

use serde_json::{Value, json};

use crate::{
    client, server,
    support::{Home, Relay, mcp::Mcp},
};

#[test]
fn a_client_learns_who_it_talks_to_and_what_it_can_do() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut mcp = Mcp::start(&mut server(&home, &relay));
    let hello = mcp.hello("probe")["result"].clone();
    assert_eq!(hello["serverInfo"]["name"], "agent-relay");
    assert_eq!(hello["serverInfo"]["title"], "Agent Relay");
    assert_eq!(hello["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(hello["instructions"].as_str().unwrap().contains("[msg:42]"));

    let listed = mcp.request("tools/list", &json!({}))["result"]["tools"].clone();
    let Value::Array(tools) = listed else { panic!("{listed}") };
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["send", "inbox", "reply", "ask", "agents", "work", "pair", "status"]);
    for tool in &tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
    }
    assert_eq!(mcp.request("ping", &json!({}))["result"], json!({}));
}

/// The newest version of the protocol has no handshake: every request says who asks.
#[test]
fn a_client_may_ask_without_a_handshake() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut mcp = Mcp::start(&mut server(&home, &relay));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let found = mcp.request("server/discover", &json!({"_meta": meta}));
    let server = &found["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(server["name"], "agent-relay", "{found}");
    let status = json!({"name": "status", "arguments": {}, "_meta": meta});
    let answer = mcp.request("tools/call", &status);
    let text = answer["result"]["content"][0]["text"].as_str().expect("a text");
    assert!(text.starts_with("you are ") && text.contains("\"modern\""), "{text}");
}

#[test]
fn what_is_no_request_harms_nobody() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut mcp = client(&home, &relay, "probe");
    for line in ["", "{", "not json", "\u{feff}", "{\"jsonrpc\":\"2.0\",\"id\":", "\u{1b}[2J"] {
        mcp.line(line);
    }
    mcp.line(&"x".repeat(5 << 20));
    for (method, params, code) in [
        ("tools/call", json!({"name": "nope", "arguments": {}}), -32_602),
        ("tools/call", json!({"arguments": {}}), -32_601),
        ("nope/nope", json!({}), -32_601),
        ("resources/read", json!({"uri": "file:///etc/passwd"}), -32_601),
    ] {
        let error = mcp.request(method, &params)["error"].clone();
        assert_eq!(error["code"], code, "{method} {params}: {error}");
    }
    assert!(mcp.call("status", &json!({})).done().contains("0 unread"));
}
