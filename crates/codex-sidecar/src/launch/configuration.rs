//! The configuration that every thread of our app-server has.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use relay_client::Config;
use serde_json::json;

use super::folder;
use crate::{failure::Failure, find, permission};

/// What an MCP server of Codex's may see of our environment; nothing is passed on that is not named.
const VISIBLE: [&str; 19] = [
    "AGENT_RELAY_URL",
    "AGENT_RELAY_TOKEN",
    "AGENT_RELAY_LOG",
    "AGENT_RELAY_ID",
    "AGENT_RELAY_CAPS",
    "AGENT_RELAY_TAGS",
    "AGENT_RELAY_LABEL",
    "AGENT_RELAY_CHANNELS",
    "AGENT_RELAY_PROFILE",
    "AGENT_RELAY_PROFILES_FILE",
    "AGENT_RELAY_APPROVAL",
    "AGENT_RELAY_HEARTBEAT_MS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
];
/// A tool may wait for an answer.
const TOOLS_PATIENCE_SEC: u32 = 90;

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

/// What the approval mode asks, after the user's own, so that nothing on the command line loosens it.
pub fn imposed(config: &Config) -> Vec<OsString> {
    permission::overrides(config.approval).iter().flat_map(|value| pair(value)).collect()
}

fn pair(value: &str) -> [OsString; 2] {
    ["-c".into(), value.into()]
}

/// The MCP server of the plugin, which then need not be installed.
fn server(program: &Path) -> String {
    let command = json!(program.to_string_lossy());
    let visible = json!(VISIBLE);
    format!(
        "{{command={command},args=[\"mcp\"],env_vars={visible},\
         tool_timeout_sec={TOOLS_PATIENCE_SEC}}}"
    )
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
    fn the_server_is_told_as_toml() {
        let text = server(Path::new("/srv/a \"b\"/agent-relay"));
        assert!(text.starts_with(r#"{command="/srv/a \"b\"/agent-relay",args=["mcp"],env_vars=["#));
        assert!(text.ends_with(r#""SSL_CERT_FILE"],tool_timeout_sec=90}"#), "{text}");
    }
}
