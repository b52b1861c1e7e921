//! What the model does: the last line of the newest input that holds one of these words.
//!
//! - `shell: COMMAND` runs it, `escalate: COMMAND` asks to run it outside the sandbox;
//! - `mcp: SERVER TOOL {…}` calls a tool of an MCP server;
//! - `hold: NAME` streams an answer that goes on until the test lets it end;
//! - `fail: CODE` is an HTTP error.
//!
//! Anything else is answered with `echo:` and the input, and a tool's result with `ran:` and it.

use serde_json::{Value, json};

/// What the model answers.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Words.
    Say(String),
    /// Words that end when the test says so.
    Hold(String),
    /// A call of a tool.
    Call { namespace: Option<String>, name: String, arguments: Value },
    /// An HTTP error.
    Fail(u16),
}

/// Reads what a request asks for.
pub fn step(body: &Value) -> Step {
    let items = body["input"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut newest = String::new();
    let mut result = None;
    for item in items {
        if let Some(text) = input(item, items) {
            newest = text;
            result = None;
        } else if is_result(item) {
            result = Some(text(item));
        }
    }
    let rule = newest.lines().rev().find_map(|line| rule(line, body));
    match (rule, result) {
        (Some(step @ (Step::Fail(_) | Step::Hold(_))), _) | (Some(step), None) => step,
        (_, Some(result)) => Step::Say(format!("ran: {result}")),
        (None, None) => Step::Say(format!("echo: {newest}")),
    }
}

/// What somebody said: a user's message that is none of Codex's own, or the output of a tool that
/// the model never called.
fn input(item: &Value, items: &[Value]) -> Option<String> {
    if item["type"] == "message" && item["role"] == "user" {
        return Some(text(item)).filter(|text| !text.trim_start().starts_with('<'));
    }
    let called =
        |call: &Value| call.get("arguments").is_some() && call["call_id"] == item["call_id"];
    (is_result(item) && !items.iter().any(called)).then(|| text(item))
}

fn is_result(item: &Value) -> bool {
    item["type"] == "function_call_output" || item["type"] == "custom_tool_call_output"
}

fn rule(line: &str, body: &Value) -> Option<Step> {
    let words = ["shell: ", "escalate: ", "mcp: ", "hold: ", "fail: "];
    let (at, word) = words.iter().filter_map(|word| Some((line.find(word)?, *word))).min()?;
    let rest = line[at + word.len()..].trim();
    Some(match word {
        "shell: " => shell(json!({"cmd": rest})),
        "escalate: " => shell(json!({
            "cmd": rest, "sandbox_permissions": "require_escalated", "justification": "scripted",
        })),
        "hold: " => Step::Hold(rest.to_owned()),
        "fail: " => Step::Fail(rest.parse().ok()?),
        _ => tool(rest, body)?,
    })
}

fn shell(arguments: Value) -> Step {
    Step::Call { namespace: None, name: "exec_command".into(), arguments }
}

fn tool(call: &str, body: &Value) -> Option<Step> {
    let (server, call) = call.split_once(' ')?;
    let (name, arguments) = call.split_once(' ').unwrap_or((call, "{}"));
    let namespace = format!("mcp__{server}");
    if !body["tools"].to_string().contains(&namespace) {
        return Some(Step::Say(format!("there is no {namespace}")));
    }
    let arguments = serde_json::from_str(arguments.trim()).ok()?;
    Some(Step::Call { namespace: Some(namespace), name: name.to_owned(), arguments })
}

/// All text of an item.
pub fn text(item: &Value) -> String {
    let content = if is_result(item) { &item["output"] } else { &item["content"] };
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Value {
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    }

    fn asked(items: &[Value]) -> Step {
        step(&json!({"input": items, "tools": [{"name": "mcp__agent_relay"}]}))
    }

    #[test]
    fn a_rule_may_stand_behind_a_header_and_is_followed_once() {
        let said = said("[msg:1] from a: hello\n[msg:2] from a: shell: ls");
        let run = shell(json!({"cmd": "ls"}));
        assert_eq!(asked(std::slice::from_ref(&said)), run);
        let call = json!({"type": "function_call", "call_id": "c", "arguments": "{}"});
        let result = json!({"type": "function_call_output", "call_id": "c", "output": "x"});
        assert_eq!(asked(&[said, call, result]), Step::Say("ran: x".into()));
    }

    #[test]
    fn what_no_tool_brought_is_input() {
        let mail = json!({"type": "function_call_output", "call_id": "z", "output": "hold: it"});
        assert_eq!(asked(&[said("before"), mail]), Step::Hold("it".into()));
        assert_eq!(asked(&[said("<environment_context>")]), Step::Say("echo: ".into()));
    }

    #[test]
    fn a_tool_is_called_by_its_servers_name() {
        let Step::Call { namespace, name, arguments } =
            asked(&[said(r#"mcp: agent_relay reply {"id": 4}"#)])
        else {
            panic!("a call");
        };
        assert_eq!((namespace.as_deref(), name.as_str()), (Some("mcp__agent_relay"), "reply"));
        assert_eq!(arguments["id"], 4);
        let missing = asked(&[said("mcp: other reply")]);
        assert_eq!(missing, Step::Say("there is no mcp__other".into()));
    }
}
