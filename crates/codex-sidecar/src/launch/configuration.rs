//! The configuration that every thread of our app-server has.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use relay_client::Config;
use serde_json::{Value, json};

use super::folder;
use crate::{args::Session, failure::Failure, find, install::bundle::FILES, permission};

/// What is ours, before the user's own on the command line, which wins.
pub fn ours() -> Vec<OsString> {
    let Some(program) = program() else {
        tracing::warn!("agent-relay is not found; without it the model cannot answer");
        return Vec::new();
    };
    pair(&format!("mcp_servers.agent_relay={}", server(&program))).to_vec()
}

/// More folders that may be written, in the place of those that the user's file names.
pub fn roots(folders: &[PathBuf]) -> Result<Vec<OsString>, Failure> {
    if folders.is_empty() {
        return Ok(Vec::new());
    }
    let roots: Vec<_> = folders.iter().map(|named| folder(named)).collect::<Result<_, _>>()?;
    Ok(pair(&format!("sandbox_workspace_write.writable_roots={}", json!(roots))).to_vec())
}

/// Refuses options of the terminal that would loosen what [`imposed`] asks: the terminal tells them
/// to each thread, where they win.
pub fn refuse_looser(config: &Config, session: &Session) -> Result<(), Failure> {
    if permission::overrides(config.approval).is_empty() {
        return Ok(());
    }
    let looser = session.options.iter().find(|(name, value)| match name.as_str() {
        "--sandbox" => value != "read-only",
        "--ask-for-approval" => value != "never",
        "--approve-for-me" => true,
        _ => name.starts_with("--dangerously-bypass-approvals"),
    });
    looser.map_or(Ok(()), |(name, _)| {
        let mode = config.approval;
        Err(Failure::usage(format_args!("`{name}` would loosen the approval mode `{mode}`"))
            .hint("leave it out, or set AGENT_RELAY_APPROVAL=open"))
    })
}

/// What the approval mode asks, after the user's own, so that nothing on the command line loosens it.
pub fn imposed(config: &Config) -> Vec<OsString> {
    permission::overrides(config.approval).iter().flat_map(|value| pair(value)).collect()
}

fn pair(value: &str) -> [OsString; 2] {
    ["-c".into(), value.into()]
}

/// The MCP server of the plugin, which then need not be installed: where it is, Codex takes this one
/// in its place.
fn server(program: &Path) -> String {
    let file = FILES.iter().find(|(name, _)| name.ends_with(".mcp.json"));
    let file: Value =
        file.and_then(|(_, text)| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut server = file["mcpServers"]["agent_relay"].clone();
    server["command"] = json!(program.to_string_lossy());
    toml(&server)
}

/// A value as TOML, on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}={}", toml(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(toml).collect::<Vec<_>>().join(","))
        }
        // Texts, numbers and truths look the same.
        other => other.to_string(),
    }
}

/// `agent-relay`: beside this program, else on `PATH`.
fn program() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name("agent-relay");
    let beside = beside.with_extension(std::env::consts::EXE_EXTENSION);
    Some(beside).filter(|file| file.is_file()).or_else(|| find::on_path("agent-relay"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugins_server_is_told_as_toml_with_our_program() {
        let text = server(Path::new("/srv/a \"b\"/agent-relay"));
        for part in [
            r#""/srv/a \"b\"/agent-relay""#,
            r#"args=["mcp"]"#,
            r#"env_vars=["AGENT_RELAY_URL","#,
            "tool_timeout_sec=",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.starts_with('{') && text.ends_with('}') && !text.contains("\":"), "{text}");
    }
}
