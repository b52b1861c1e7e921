//! Who asks: the agent for which a call speaks, found out with every call.

mod local;
mod remote;

use relay_server::http::mcp::Asker;

pub use self::{local::Local, remote::Remote};
use super::{Client, fault::Fault, voice::Voice};

/// What is known about one call's sender.
#[derive(Debug, Default)]
pub struct Sender {
    /// The program.
    pub client: Client,
    /// The thread of it that calls, as Codex says with each call.
    pub thread: Option<String>,
    /// What the relay found out, over HTTP.
    pub asker: Option<Asker>,
    /// True when the call belongs to a session that lasts, so that a guest can be as long.
    pub in_session: bool,
}

/// How it is found out.
pub enum Who {
    /// By what runs on this machine, for a client that started us.
    Local(Box<Local>),
    /// By the token, over HTTP.
    Remote(Remote),
}

impl Who {
    /// The agent that speaks; one is registered where nobody is found.
    pub async fn speaks(&self, sender: &Sender) -> Result<Voice, Fault> {
        match self {
            Self::Local(local) => local.speaks(sender).await,
            Self::Remote(remote) => remote.speaks(sender).await,
        }
    }
}
