//! The gate before a tool.

use std::path::Path;

use serde_json::json;

use crate::Session;

#[test]
fn the_gate_holds_with_and_without_a_session() {
    let home = tempfile::tempdir().unwrap();
    let write = json!({"tool_name": "Bash", "tool_input": {"command": "rm -rf x"}});
    let open = Session::new(home.path(), "http://127.0.0.1:9");
    assert_eq!(open.hook("PreToolUse", &write), (0, String::new(), String::new()));
    for started in [false, true] {
        let strict = Session::new(home.path(), "http://127.0.0.1:9");
        let strict = strict.with("AGENT_RELAY_APPROVAL", "read-only");
        if started {
            assert!(strict.start().contains("read-only"));
        }
        let (code, stdout, _) = strict.hook("PreToolUse", &write);
        assert!(code == 0 && stdout.contains("\"permissionDecision\":\"deny\""), "{stdout}");
        let program = Path::new(env!("CARGO_BIN_EXE_agent-relay-claude"));
        let broken = strict.run(program, &["hook", "pre-tool-use"], "{");
        assert_eq!(broken.status.code(), Some(2));
    }
}

#[test]
fn without_the_program_a_session_is_told_how_to_install_it_and_a_gate_stays_shut() {
    let home = tempfile::tempdir().unwrap();
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers/claude/bin/run");
    let session = Session::new(home.path(), "http://127.0.0.1:9");
    let start = session.run(&run, &["hook", "session-start"], "{}");
    assert!(start.status.success());
    assert!(String::from_utf8_lossy(&start.stdout).contains("cargo install"));
    for arguments in [&["hook", "stop"][..], &["monitor"], &["hook", "pre-tool-use"]] {
        let output = session.run(&run, arguments, "{}");
        assert!(output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    }
    let strict = session.with("AGENT_RELAY_APPROVAL", "read-only");
    assert_eq!(strict.run(&run, &["hook", "pre-tool-use"], "{}").status.code(), Some(2));
}
