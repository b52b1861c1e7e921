//! Tool calls as agents' programs announce them, and the verdict on the tools that are no shell.

use serde_json::Value;

use super::{Checked, Gate, Reason, place::Place, script::Reader, unreadable, word::Word};

/// A tool call, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Text for a shell.
    Shell {
        /// The command line.
        text: String,
    },
    /// A patch in the format of `apply_patch`.
    Patch {
        /// The patch.
        text: String,
    },
    /// Any other tool.
    Tool {
        /// Its name.
        name: String,
        /// Its input.
        input: Value,
    },
}

/// Tools that read, or that change nothing but the session itself. Whatever they start (a subagent,
/// a skill) calls its own tools, which are judged on their own.
const READING: &[&str] = &[
    "Read",
    "Glob",
    "Grep",
    "LS",
    "NotebookRead",
    "WebFetch",
    "WebSearch",
    "Task",
    "Agent",
    "TodoWrite",
    "TodoRead",
    "Skill",
    "ToolSearch",
    "BashOutput",
    "KillShell",
    "KillBash",
    "TaskOutput",
    "TaskStop",
    "ExitPlanMode",
    "EnterPlanMode",
    "AskUserQuestion",
    "SendMessage",
    "TaskCreate",
    "TaskUpdate",
    "TaskList",
    "TaskGet",
    "LSP",
    "ListMcpResourcesTool",
    "ReadMcpResourceTool",
    "SlashCommand",
    "update_plan",
    "view_image",
    "web_search",
    "read_file",
];

/// Tools that write a file, with the field that names it.
const WRITING: &[(&str, &str)] = &[
    ("Write", "file_path"),
    ("Edit", "file_path"),
    ("MultiEdit", "file_path"),
    ("NotebookEdit", "notebook_path"),
    ("write_file", "path"),
];

/// Names that shells go by, as tools.
const SHELLS: &[&str] = &[
    "Bash",
    "Monitor",
    "shell",
    "local_shell",
    "shell_command",
    "exec_command",
    "unified_exec",
    "container.exec",
    "bash",
];

impl Call {
    /// A command line, as one text.
    pub fn line(text: impl Into<String>) -> Self {
        Self::Shell { text: text.into() }
    }

    /// A command given as its arguments, none of which a shell has to read.
    pub fn argv<S: AsRef<str>>(args: &[S]) -> Self {
        if let [name, patch] = args
            && matches!(name.as_ref(), "apply_patch" | "applypatch")
        {
            return Self::Patch { text: patch.as_ref().to_owned() };
        }
        let quoted = |arg: &S| format!("'{}'", arg.as_ref().replace('\'', r"'\''"));
        Self::line(args.iter().map(quoted).collect::<Vec<_>>().join(" "))
    }

    /// A call as a hook announces it: the tool's name and its input. Shell tools carry a `command`
    /// (or `cmd`), a text or a list of arguments; one without is kept as it is, and not trusted.
    pub fn tool(name: &str, input: &Value) -> Self {
        let field = |names: &[&str]| names.iter().find_map(|name| input.get(name)).or(Some(input));
        if SHELLS.contains(&name) {
            match field(&["command", "cmd"]) {
                Some(Value::String(text)) => return Self::line(text),
                Some(Value::Array(items)) => {
                    let args: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                    if let Some(args) = args.filter(|args| !args.is_empty()) {
                        return Self::argv(&args);
                    }
                }
                _ => {}
            }
        }
        if matches!(name, "apply_patch" | "applypatch")
            && let Some(text) = field(&["input", "patch", "command"]).and_then(Value::as_str)
        {
            return Self::Patch { text: text.to_owned() };
        }
        Self::Tool { name: name.to_owned(), input: input.clone() }
    }
}

/// Judges every call but a shell's.
pub(crate) fn examine(gate: Gate, call: &Call, place: &Place) -> Checked {
    let mut reader = Reader::new(gate, place);
    match call {
        Call::Shell { text } => reader.script(text),
        Call::Patch { text } => patch(&mut reader, text),
        Call::Tool { name, input } => tool(&reader, name, input),
    }
}

fn tool(reader: &Reader, name: &str, input: &Value) -> Checked {
    if READING.contains(&name) {
        return Ok(());
    }
    if let Some((_, field)) = WRITING.iter().find(|(tool, _)| *tool == name) {
        let path = input.get(field).or(input.get("file_path")).and_then(Value::as_str);
        return match path {
            Some(path) => reader.writes(&Word::plain(path), "writes"),
            None => Err(Reason::about("writes where it cannot be known", name)),
        };
    }
    if is_own(name) {
        return Ok(());
    }
    match reader.gate {
        Gate::ReadOnly => Err(Reason::about("is not known to read only", name)),
        Gate::Guarded if SHELLS.contains(&name) || name.starts_with("apply") => {
            Err(unreadable(name))
        }
        Gate::Guarded if destroys(name) => {
            Err(Reason::about("destroys or reaches outward by its name", name))
        }
        Gate::Guarded => Ok(()),
    }
}

/// True for the tools of our own MCP server, under the names that plugins give it.
fn is_own(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("mcp__") else { return false };
    let server = rest.rsplit_once("__").map_or(rest, |(server, _)| server);
    matches!(
        server,
        "relay"
            | "agent-relay"
            | "agent_relay"
            | "plugin_agent-relay_relay"
            | "plugin_agent-relay_agent-relay"
    )
}

/// True where the last part of a tool's name holds a word that destroys or publishes.
fn destroys(name: &str) -> bool {
    let last = name.rsplit("__").next().unwrap_or(name);
    let mut words = Vec::new();
    for c in last.chars() {
        if c.is_ascii_uppercase() || !c.is_alphanumeric() || words.is_empty() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    let telling = [
        "delete",
        "remove",
        "destroy",
        "drop",
        "purge",
        "truncate",
        "wipe",
        "kill",
        "publish",
        "deploy",
        "release",
        "push",
        "merge",
        "send",
        "transfer",
        "pay",
        "revoke",
        "terminate",
        "uninstall",
        "rm",
        "exec",
        "execute",
        "shell",
    ];
    words.iter().any(|word| telling.contains(&word.as_str()))
}

/// Judges a patch by the files it names.
pub(crate) fn patch(reader: &mut Reader, text: &str) -> Checked {
    let mut named = 0;
    for line in text.lines() {
        let line = line.trim();
        let file = |header: &str| line.strip_prefix(header).map(str::trim);
        if let Some(path) = file("*** Delete File:") {
            return Err(Reason::about("deletes files", path));
        }
        let headers = ["*** Add File:", "*** Update File:", "*** Move to:"];
        if let Some(path) = headers.iter().find_map(|header| file(header)) {
            named += 1;
            reader.writes(&Word::plain(path), "writes")?;
        }
    }
    if named == 0 { Err(unreadable("a patch that names no file")) } else { Ok(()) }
}
