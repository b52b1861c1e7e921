//! Which agent a session was, so that it is the same when it is resumed.

use std::{fs, io, path::PathBuf};

use relay_core::id::AgentId;

use crate::{config::ConfigError, place};

/// How many sessions may claim one id at once.
const MOST_CLAIMANTS: u32 = 64;

/// The sessions of one provider on this machine, and which agents they were.
#[derive(Clone, Debug)]
pub struct SessionMap(PathBuf);

impl SessionMap {
    /// That of a provider of this user.
    pub fn of(provider: &str) -> Result<Self, ConfigError> {
        Ok(Self(place::state_dir()?.join(provider).join("session")))
    }

    /// The agent that a session was; none for a new one.
    pub fn agent(&self, session: &str) -> Option<AgentId> {
        fs::read_to_string(self.path(session)).ok()?.trim().parse().ok()
    }

    /// Remembers who a session is.
    pub fn keep(&self, session: &str, agent: &AgentId) -> io::Result<()> {
        place::write_private(&self.path(session), agent.as_str())
    }

    fn path(&self, session: &str) -> PathBuf {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String = session.chars().map(safe).take(128).collect();
        self.0.join(name)
    }
}

/// The id itself, or with a number where another live session is that agent; with what the person
/// should know then.
pub fn free(wanted: &AgentId, is_taken: impl Fn(&AgentId) -> bool) -> (AgentId, Option<String>) {
    if !is_taken(wanted) {
        return (wanted.clone(), None);
    }
    let numbered = (2..MOST_CLAIMANTS).find_map(|number| {
        let id: AgentId = format!("{wanted}-{number}").parse().ok()?;
        (!is_taken(&id)).then_some(id)
    });
    let id = numbered.unwrap_or_else(|| wanted.clone());
    let warning = format!("another live session is `{wanted}`, so that this one is `{id}`");
    (id, Some(warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stays_who_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let map = SessionMap(folder.path().join("codex/session"));
        assert_eq!(map.agent("../a"), None);
        map.keep("../a", &"first".parse().unwrap()).unwrap();
        map.keep("../a", &"second".parse().unwrap()).unwrap();
        assert_eq!(map.agent("../a"), Some("second".parse().unwrap()));
        assert_eq!(map.agent("b"), None);
    }

    #[test]
    fn a_second_claimant_gets_a_number_and_a_warning() {
        let wanted: AgentId = "web".parse().unwrap();
        let taken = |ids: &'static [&'static str]| move |id: &AgentId| ids.contains(&id.as_str());
        assert_eq!(free(&wanted, taken(&[])), (wanted.clone(), None));
        let (id, warning) = free(&wanted, taken(&["web", "web-2"]));
        assert_eq!(id.as_str(), "web-3");
        assert!(warning.unwrap().contains("`web-3`"));
    }
}
