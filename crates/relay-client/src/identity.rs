//! Who am I: which agent a command speaks for.
//!
//! Providers, and `agent-relay join`, write a state file for each session they hold. A command that
//! runs inside such a session finds it, in this order: by the id it was given, by
//! `AGENT_RELAY_ID`, by the session that the runtime's own variables name, by the processes it
//! descends from. A file whose process is gone counts for nothing and is removed.

mod process;
mod session_map;
mod state_file;
mod token_file;

use std::path::{Path, PathBuf};

use relay_core::id::AgentId;

pub use self::{
    process::{Process, parent},
    session_map::{SessionMap, free},
    state_file::{StateFile, holder, remove, save, sessions_dir},
    token_file::{TokenFile, kept_token, token_file},
};
use crate::config::{self, Config, ConfigError};

/// How an identity was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was named on the command line.
    Named,
    /// `AGENT_RELAY_ID` names it.
    Variable,
    /// The runtime's variables name its session.
    Session,
    /// Its process is an ancestor of this one.
    Process,
}

/// The agent to speak for.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its id.
    pub agent: AgentId,
    /// How it was found.
    pub found: Found,
    /// Its session on this machine; none for an id that was merely named.
    pub session: Option<StateFile>,
    /// Its own token, where this user has it.
    pub token: Option<String>,
}

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Several agents fit equally well.
    #[error(
        "this may be any of {}; say which with --agent",
        candidates.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
    )]
    Ambiguous {
        /// Their ids.
        candidates: Vec<AgentId>,
    },
    /// A state file, or their folder, cannot be read or written.
    #[error("cannot use {path}: {source}", path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What is known about the one who asks.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The folder of the state files.
    pub folder: PathBuf,
    /// The id given on the command line.
    pub named: Option<AgentId>,
    /// The id in `AGENT_RELAY_ID`.
    pub variable: Option<AgentId>,
    /// The values of the runtimes' session variables.
    pub sessions: Vec<String>,
    /// The process whose ancestors are looked through.
    pub pid: u32,
}

impl Lookup {
    /// What this process knows: the id it was given, its settings, its environment, its ancestors.
    pub fn new(named: Option<AgentId>, config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            folder: sessions_dir()?,
            named,
            variable: config.agent.clone(),
            sessions: config::session_variables(&config::environment),
            pid: std::process::id(),
        })
    }
}

/// Finds the agent to speak for; `None` where there is no sign of one.
///
/// Fails when several fit equally well: speaking for the wrong one is worse than not speaking.
pub fn find(lookup: &Lookup) -> Result<Option<Identity>, IdentityError> {
    let files = state_file::live(&lookup.folder)?;
    let named = lookup.named.as_ref().map(|id| (id, Found::Named));
    let variable = lookup.variable.as_ref().map(|id| (id, Found::Variable));
    if let Some((id, found)) = named.or(variable) {
        return Ok(Some(by_id(id, found, files, &lookup.folder)));
    }
    let of_session: Vec<_> =
        files.iter().filter(|file| file.is_of_session(&lookup.sessions)).cloned().collect();
    if let Some(file) = only(of_session)? {
        return Ok(Some(identity(file, Found::Session)));
    }
    Ok(nearest(&files, lookup.pid)?.map(|file| identity(file, Found::Process)))
}

/// The agent of the session that a runtime calls so, where its provider has written it down.
///
/// Fails when several providers claim the session.
pub fn of_session(folder: &Path, session: &str) -> Result<Option<Identity>, IdentityError> {
    let mut files = state_file::live(folder)?;
    files.retain(|file| file.session.as_deref() == Some(session));
    Ok(only(files)?.map(|file| identity(file, Found::Session)))
}

fn by_id(id: &AgentId, found: Found, files: Vec<StateFile>, folder: &Path) -> Identity {
    match files.into_iter().find(|file| file.agent_id == *id) {
        Some(file) => identity(file, found),
        None => Identity {
            agent: id.clone(),
            found,
            session: None,
            token: token_file::beside(folder, id),
        },
    }
}

fn identity(file: StateFile, found: Found) -> Identity {
    Identity { agent: file.agent_id.clone(), found, token: file.token.clone(), session: Some(file) }
}

/// The session of the nearest ancestor that has one.
fn nearest(files: &[StateFile], pid: u32) -> Result<Option<StateFile>, IdentityError> {
    if files.is_empty() {
        return Ok(None);
    }
    for ancestor in process::ancestors(pid) {
        let fitting = files.iter().filter(|file| file.is_held_by(&ancestor)).cloned().collect();
        if let Some(file) = only(fitting)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn only(mut files: Vec<StateFile>) -> Result<Option<StateFile>, IdentityError> {
    if files.len() > 1 {
        let mut candidates: Vec<_> = files.into_iter().map(|file| file.agent_id).collect();
        candidates.sort();
        return Err(IdentityError::Ambiguous { candidates });
    }
    Ok(files.pop())
}

#[cfg(test)]
mod tests;
