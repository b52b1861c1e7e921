//! Where things lie: `claude/` in the user's state folder, for this user only.

use std::path::{Path, PathBuf};

use relay_client::{config::ConfigError, place};
use relay_core::id::AgentId;

/// The provider's folder.
#[derive(Clone, Debug)]
pub struct Place(PathBuf);

impl Place {
    /// That of this user.
    pub fn of_user() -> Result<Self, ConfigError> {
        Ok(Self(place::state_dir()?.join("claude")))
    }

    /// A place elsewhere, for tests.
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Which agents there are, by their Claude processes.
    pub fn seats(&self) -> PathBuf {
        self.0.join("process")
    }

    /// Which agent a Claude process is.
    pub fn seat(&self, pid: u32) -> PathBuf {
        self.seats().join(format!("{pid}.json"))
    }

    /// Which agents there were, by their sessions.
    pub fn sessions(&self) -> PathBuf {
        self.0.join("session")
    }

    /// Which agent a session was, so that it is the same when it is resumed.
    pub fn session(&self, session: &str) -> PathBuf {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String = session.chars().map(safe).take(128).collect();
        self.sessions().join(name)
    }

    /// The mailboxes.
    pub fn mailboxes(&self) -> PathBuf {
        self.0.join("agent")
    }

    /// An agent's mailbox.
    pub fn mailbox(&self, agent: &AgentId) -> PathBuf {
        self.mailboxes().join(agent.folded())
    }

    /// Locked while a session finds out who it is.
    pub fn start_lock(&self) -> PathBuf {
        self.0.join("start.lock")
    }
}
