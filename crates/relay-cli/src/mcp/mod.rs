//! The MCP server: the tools with which every MCP client is a citizen of the relay.
//!
//! One implementation on `relay_client`, reached in two ways: `stdio` (`agent-relay mcp`, one
//! client, started by it) and `http` (`/mcp` on the relay's own port, many clients). A call finds
//! out `who` asks, reads its `arguments`, does what the `tool` says (`call`) through that agent's
//! `voice`, and answers in text: the words in which messages read everywhere, or a `fault` that the
//! model can mend. Who is hosted by nobody becomes a `guest` for as long as its connection lasts.
//!
//! What is the library's (rmcp) stays in `server`, `stdio` and `http`.
//!
//! To add a tool: its row in `tool`, its file in `call/`, its arm in `call::run`, and see that the
//! test of the budget still passes.

mod arguments;
mod call;
mod fault;
mod guest;
pub mod http;
mod server;
pub mod stdio;
pub mod tool;
mod voice;
pub mod who;

use relay_core::text::{Label, printable};

/// What a client says of itself when it connects.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The program's name: `codex-mcp-client`, `claude-ai`.
    pub name: Option<String>,
    /// The same for people.
    pub title: Option<String>,
}

impl Client {
    /// What people may call its agent; none where the name is no label.
    fn label(&self) -> Option<Label> {
        let name = self.title.as_ref().or(self.name.as_ref())?;
        printable(name).trim().parse().ok()
    }

    /// Codex runs one server for several threads, each of which says with every call which it is.
    fn is_codex(&self) -> bool {
        self.name.as_ref().is_some_and(|name| name.to_ascii_lowercase().contains("codex"))
    }

    /// What stands for a project where there is none.
    fn place(&self) -> &str {
        self.name.as_deref().unwrap_or("mcp")
    }
}
