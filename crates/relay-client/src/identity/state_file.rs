//! State files: which sessions run on this machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use relay_core::id::AgentId;
use serde::{Deserialize, Serialize};

use super::{IdentityError, process::Process};
use crate::{
    config::ConfigError,
    place::{state_dir, write_private},
};

/// A session on this machine, as its provider wrote it down. It holds a secret: the file is for
/// its user only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateFile {
    /// The agent.
    pub agent_id: AgentId,
    /// Its own token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The relay at which it is registered.
    pub relay_url: String,
    /// What hosts it.
    pub provider: String,
    /// The runtime's name for the session: the value of its session variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The process that holds the session; it is over when that is gone.
    pub pid: u32,
    /// When that process started, because numbers are used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_started_at: Option<u64>,
    /// The folder it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
}

impl std::fmt::Debug for StateFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateFile")
            .field("agent_id", &self.agent_id)
            .field("relay_url", &self.relay_url)
            .field("session", &self.session)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl StateFile {
    /// A session of this agent, held by the process of that number.
    pub fn new(agent_id: AgentId, relay_url: &str, provider: &str, pid: u32) -> Self {
        Self {
            agent_id,
            token: None,
            relay_url: relay_url.to_owned(),
            provider: provider.to_owned(),
            session: None,
            pid,
            pid_started_at: Process::find(pid).map(|process| process.started_at),
            cwd: None,
        }
    }

    pub(super) fn is_of_session(&self, sessions: &[String]) -> bool {
        self.session.as_ref().is_some_and(|session| sessions.contains(session))
    }

    pub(super) fn is_held_by(&self, process: &Process) -> bool {
        self.pid == process.pid && self.pid_started_at.is_none_or(|at| at == process.started_at)
    }

    fn is_live(&self) -> bool {
        Process::find(self.pid).is_some_and(|process| self.is_held_by(&process))
    }
}

/// The folder in which the sessions of this user on this machine are written down.
pub fn sessions_dir() -> Result<PathBuf, ConfigError> {
    Ok(state_dir()?.join("sessions"))
}

/// Writes a session down, for commands that run inside it.
pub fn save(file: &StateFile) -> Result<(), IdentityError> {
    save_in(&sessions_dir()?, file)
}

/// Removes what was written down about an agent's session. That there was nothing is no error.
pub fn remove(agent: &AgentId) -> Result<(), IdentityError> {
    let path = path(&sessions_dir()?, agent);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(IdentityError::Unreadable { path, source })
        }
        _ => Ok(()),
    }
}

/// The session that is this agent and runs, as far as this user's machine knows.
pub fn holder(agent: &AgentId) -> Result<Option<StateFile>, IdentityError> {
    let text = fs::read_to_string(path(&sessions_dir()?, agent)).unwrap_or_default();
    let file = serde_json::from_str::<StateFile>(&text).ok();
    Ok(file.filter(|file| file.agent_id == *agent && file.is_live()))
}

pub(super) fn save_in(folder: &Path, file: &StateFile) -> Result<(), IdentityError> {
    let path = path(folder, &file.agent_id);
    let text = serde_json::to_string_pretty(file).expect("a state file is plain JSON");
    write_private(&path, &text).map_err(|source| IdentityError::Unreadable { path, source })
}

fn path(folder: &Path, agent: &AgentId) -> PathBuf {
    folder.join(format!("{}.json", agent.folded()))
}

/// The sessions that run. Files of those that do not are removed; what is no state file is left
/// alone.
pub(super) fn live(folder: &Path) -> Result<Vec<StateFile>, IdentityError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(IdentityError::Unreadable { path: folder.to_owned(), source }),
    };
    let mut files = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_one = path.extension().is_some_and(|extension| extension == "json");
        let text = fs::read_to_string(&path).unwrap_or_default();
        match serde_json::from_str::<StateFile>(&text) {
            Ok(file) if is_one && file.is_live() => files.push(file),
            Ok(_) if is_one => drop(fs::remove_file(&path)),
            _ => {}
        }
    }
    Ok(files)
}
