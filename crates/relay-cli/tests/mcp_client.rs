//! The official TypeScript client of MCP against the real program, on stdio and over HTTP.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};
use support::{Home, PATIENCE, Relay, Running, http::Connection, load};

/// The version that is known to work.
const SDK: &str = "1.32.2";
const PROGRAM: &str = env!("CARGO_BIN_EXE_agent-relay");

#[test]
fn the_official_client_works_on_stdio() {
    talk(|_| PROGRAM.to_owned());
}

#[test]
fn the_official_client_works_over_http() {
    talk(|relay| format!("{}/mcp", relay.url));
}

/// Two clients: list, call, errors, cancellation, the end.
fn talk(to: impl Fn(&Relay) -> String) {
    let Some(script) = script() else { return };
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut node = Command::new("node");
    home.furnish(&mut node);
    node.env("AGENT_RELAY_URL", &relay.url).arg(script).arg(to(&relay)).stdin(Stdio::null());
    let node = Running::start(&mut node);
    let step = |name: &str| {
        let step: Value = serde_json::from_str(&node.line()).expect("a line is JSON");
        assert_eq!(step["step"], name, "{step}");
        step
    };

    let hello = step("hello");
    assert_eq!(hello["server"]["name"], "agent-relay");
    assert!(hello["said"].as_str().unwrap().contains("[msg:42]"));
    let list = step("list");
    assert_eq!(list["tools"].as_array().unwrap().len(), 8);
    let harmless = json!({"readOnlyHint": false, "destructiveHint": false, "openWorldHint": false});
    assert_eq!(list["tools"][0], json!({"name": "send", "annotations": harmless}));
    let text = |step: &Value| step["text"].as_str().expect("a text").to_owned();
    assert!(text(&step("sent")).starts_with("sent msg:"));
    assert!(text(&step("read")).ends_with(": Tests pass."));
    let refused = step("refused");
    assert!(refused["error"] == true && text(&refused).starts_with("error not_found: "));
    assert_eq!(step("unknown")["code"], -32_602);
    let cancelled = step("cancelled");
    assert_eq!(cancelled["text"], "cancelled");
    assert!(cancelled["then"].as_str().unwrap().ends_with("Still here?"), "{cancelled}");
    let agent = step("closed")["agent"].as_str().unwrap().to_owned();
    wait_for_offline(&relay, &agent);
    assert_eq!(node.end().0, Some(0));
}

#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
fn wait_for_offline(relay: &Relay, agent: &str) {
    let begun = Instant::now();
    let mut connection = Connection::open(relay.port()).unwrap();
    while connection.get(&format!("/api/agents/{agent}")).unwrap().body["status"] != "offline" {
        assert!(begun.elapsed() < PATIENCE, "`{agent}` stays");
    }
}

/// The script, beside the installed client; `None` where that cannot be had here.
fn script() -> Option<PathBuf> {
    if !load::works("node", &["--version"]) {
        load::skip("the official MCP client: node is not installed");
        return None;
    }
    let built = Path::new(PROGRAM).parent().unwrap().parent().unwrap();
    let script = install(&built.join(format!("mcp-sdk-{SDK}")));
    if script.is_none() {
        load::skip("the official MCP client is not installed: RELAY_TEST_FULL=1 has npm fetch it");
    }
    script
}

/// One process at a time installs; the others find it installed. Node looks for packages in the
/// folders above a script, so that the script is put where they are.
fn install(folder: &Path) -> Option<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let lock = fs::File::create(folder.join("install.lock")).unwrap();
    lock.lock().unwrap();
    let package = folder.join("node_modules/@modelcontextprotocol/sdk/package.json");
    if load::full() && !package.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-fund", "--no-audit", "--prefix"]).arg(folder);
        let _ = npm.arg(format!("@modelcontextprotocol/sdk@{SDK}")).status();
    }
    let (script, source) = (folder.join("client.mjs"), include_str!("mcp_client/client.mjs"));
    if fs::read_to_string(&script).ok().as_deref() != Some(source) {
        fs::write(&script, source).unwrap();
    }
    package.exists().then_some(script)
}
