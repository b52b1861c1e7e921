//! What the model answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// The content of one block.
pub fn decide(body: &Value, is_turn: bool) -> Value {
    if !is_turn {
        let harmless = "<block>no</block><reason>test</reason>";
        return json!({"type": "text", "text": harmless});
    }
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let last = messages.iter().rposition(|message| message["role"] == "assistant");
    let new = everything(&json!(messages[last.map_or(0, |last| last + 1)..]));
    // What stands behind a tool's result came while the tool ran.
    let (answered, new) = match new.rsplit_once("\"tool_result\"") {
        Some((_, since)) => (true, since),
        None => (false, new.as_str()),
    };
    let id = format!("toolu_{}", number());
    if let Some(prompt) = after(new, "AGENT: ") {
        let offered =
            |name: &&str| body["tools"].to_string().contains(&format!("\"name\":\"{name}\""));
        let name = ["Agent", "Task"].into_iter().find(offered).expect("subagents are offered");
        let input = json!({
            "description": "scripted", "prompt": prompt, "subagent_type": "general-purpose",
            "run_in_background": false,
        });
        return json!({"type": "tool_use", "id": id, "name": name, "input": input});
    }
    let skill = || if answered { None } else { skill(new) };
    if let Some(command) = after(new, "RUN: ").or_else(skill) {
        let input = json!({"command": command, "description": "scripted"});
        return json!({"type": "tool_use", "id": id, "name": "Bash", "input": input});
    }
    json!({"type": "text", "text": "noted"})
}

/// What stands behind a sign, which may itself stand behind a message's header: to the line's end,
/// where the sign is there last.
fn after(text: &str, sign: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once(sign)?;
    rest.lines().next().map(|line| line.trim().to_owned())
}

/// The command that a skill of ours names, with its arguments put in.
fn skill(text: &str) -> Option<String> {
    let (before, line) = text.rsplit_once("\nRun `")?;
    let named: Vec<_> = line.lines().next()?.split('`').step_by(2).collect();
    let first = named.first().filter(|command| command.starts_with("agent-relay "))?;
    if first.contains(['<', '[']) {
        return Some(filled(first, &after(before, "\nArguments: ").unwrap_or_default()));
    }
    let commands: Vec<_> = named.into_iter().filter(|word| word.starts_with("agent-")).collect();
    Some(commands.join(" && "))
}

/// A command with words for its placeholders, `<so>` or `[so]`: one for each, what is left for the
/// last.
fn filled(command: &str, given: &str) -> String {
    let mut pieces = command.split(['<', '[']);
    let mut line = pieces.next().unwrap_or_default().to_owned();
    let mut pieces: Vec<_> = pieces.filter_map(|piece| piece.split_once(['>', ']'])).collect();
    let last = pieces.pop();
    let mut rest = given.trim();
    for (_, between) in pieces {
        let (word, left) = rest.split_once(' ').unwrap_or((rest, ""));
        line.extend([word, between]);
        rest = left;
    }
    line + rest + last.map_or("", |(_, end)| end)
}

/// All text of some messages, and a mark where a tool's result stands.
pub fn everything(messages: &Value) -> String {
    let mut text = String::new();
    for message in messages.as_array().into_iter().flatten() {
        match &message["content"] {
            Value::String(content) => text.push_str(content),
            blocks => {
                for block in blocks.as_array().into_iter().flatten() {
                    match block["type"].as_str() {
                        Some("tool_result") => text.push_str("\"tool_result\""),
                        _ => text.push_str(block["text"].as_str().unwrap_or_default()),
                    }
                    text.push('\n');
                }
            }
        }
        text.push('\n');
    }
    text
}

/// A new number each time: answers of one number would be one answer to Claude Code.
fn number() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// A message with that block.
pub fn message(body: &Value, block: &Value) -> Value {
    let stop = if block["type"] == "tool_use" { "tool_use" } else { "end_turn" };
    json!({
        "id": format!("msg_{}", number()), "type": "message", "role": "assistant", "model": body["model"],
        "content": [block], "stop_reason": stop, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 0,
                  "cache_read_input_tokens": 0},
    })
}

/// The same, in pieces.
pub fn stream(message: &Value, block: &Value) -> String {
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let (empty, delta) = if block["type"] == "text" {
        (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]}))
    } else {
        let mut empty = block.clone();
        empty["input"] = json!({});
        let input = block["input"].to_string();
        (empty, json!({"type": "input_json_delta", "partial_json": input}))
    };
    let stop = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    let events = [
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": empty}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ];
    let event = |event: &Value| {
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
    };
    events.iter().map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_obeyed() {
        let skill = |named: &str, given: &str| {
            skill(&format!("Words.\n\nArguments: {given}\n\nRun {named} with Bash.\n")).unwrap()
        };
        let send = "`agent-relay send <target> \"<text>\"`";
        assert_eq!(skill(send, "bob all is well"), "agent-relay send bob \"all is well\"");
        let label = "`agent-relay label \"<text>\"` with Bash; `agent-relay label` shows it";
        assert_eq!(skill(label, "db person"), "agent-relay label \"db person\"");
        let tags = "`agent-relay tags <tag> <tag>`";
        assert_eq!(skill(tags, "one two"), "agent-relay tags one two");
        assert_eq!(skill("`agent-relay disconnect [pair id]`", ""), "agent-relay disconnect ");
        let both = "`agent-relay status` and `agent-relay agents`";
        assert_eq!(skill(both, ""), "agent-relay status && agent-relay agents");
    }
}
