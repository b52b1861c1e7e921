//! Whether the plugin's MCP server answers.

use std::{process::Stdio, time::Duration};

use relay_client::core::version::VERSION;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
};

use super::Finding;
use crate::find;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts it as Codex does, and asks for its tools.
pub async fn check() -> Finding {
    let Some(program) = find::on_path("agent-relay") else {
        let hint = "install agent-relay, or put its folder on PATH; Codex starts it by its name";
        return Finding::broken("mcp", "agent-relay is not on PATH", hint);
    };
    let shown = program.display().to_string();
    let mut command = Command::new(&program);
    command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = command.kill_on_drop(true).spawn();
    let asked = async {
        let mut child = started.map_err(|error| error.to_string())?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let (to, from) = streams.ok_or("it has no pipes")?;
        let said = Talk { to, from: BufReader::new(from).lines() }.tools().await;
        drop(child);
        said
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok((version, tools))) if tools > 0 => {
            Finding::ok("mcp", format_args!("{shown} mcp: {version}, {tools} tools"))
        }
        Ok(Ok(_)) => broken(&shown, "it has no tools"),
        Ok(Err(why)) => broken(&shown, &why),
        Err(_) => broken(&shown, "it does not answer"),
    }
}

fn broken(program: &str, why: &str) -> Finding {
    let hint = format!("is {program} of version {VERSION}? `{program} --version` says");
    Finding::broken("mcp", format_args!("`{program} mcp`: {why}"), hint)
}

/// A conversation: one JSON object a line.
struct Talk {
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    /// The server's version, and how many tools it has.
    async fn tools(mut self) -> Result<(String, usize), String> {
        let us = json!({"name": "codex-relay doctor", "version": VERSION});
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": us});
        let server = self.ask(1, "initialize", &hello).await?;
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.say(&initialized).await?;
        let listed = self.ask(2, "tools/list", &json!({})).await?;
        let version = server["serverInfo"]["version"].as_str().unwrap_or("of no version");
        Ok((version.to_owned(), listed["tools"].as_array().map_or(0, Vec::len)))
    }

    async fn say(&mut self, message: &Value) -> Result<(), String> {
        let line = format!("{message}\n");
        self.to.write_all(line.as_bytes()).await.map_err(|error| error.to_string())
    }

    async fn ask(&mut self, id: u64, method: &str, params: &Value) -> Result<Value, String> {
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await?;
        loop {
            let line = self.from.next_line().await.map_err(|error| error.to_string())?;
            let line = line.ok_or("it ends without an answer")?;
            let Ok(mut answer) = serde_json::from_str::<Value>(&line) else { continue };
            if answer["id"] == id {
                if let Some(why) = answer["error"]["message"].as_str() {
                    return Err(format!("{method}: {why}"));
                }
                return Ok(answer["result"].take());
            }
        }
    }
}
