//! Agents' own tokens, kept from session to session.
//!
//! A session that is resumed proves with it that the id is still its own. The token goes to the
//! relay that gave it and to no other.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use relay_core::id::AgentId;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::{
    config::ConfigError,
    connection,
    http::Relay,
    place::{state_dir, write_private},
};

/// The file for an agent's token on this machine.
pub fn token_file(agent: &AgentId) -> Result<PathBuf, ConfigError> {
    Ok(state_dir()?.join("agents").join(name(agent)))
}

/// The token that this user keeps for an agent of that relay.
pub fn kept_token(agent: &AgentId, relay: &Relay) -> Result<Option<String>, ConfigError> {
    Ok(TokenFile::new(token_file(agent)?, relay, agent).read())
}

fn name(agent: &AgentId) -> String {
    format!("{}.json", agent.folded())
}

/// The token of an agent, from the folder beside that of the sessions.
pub(super) fn beside(sessions: &Path, agent: &AgentId) -> Option<String> {
    let path = sessions.parent()?.join("agents").join(name(agent));
    let kept: Kept = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    (kept.agent_id == *agent).then_some(kept.token)
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    agent_id: AgentId,
    relay_url: String,
    token: String,
}

/// Where one agent's token at one relay is kept.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
    relay_url: String,
    agent: AgentId,
}

impl TokenFile {
    /// A file for the token of `agent` at `relay`.
    pub fn new(path: PathBuf, relay: &Relay, agent: &AgentId) -> Self {
        Self { path, relay_url: relay.url().to_owned(), agent: agent.clone() }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token, where the file has one of this agent at this relay.
    pub fn read(&self) -> Option<String> {
        let kept: Kept = serde_json::from_str(&fs::read_to_string(&self.path).ok()?).ok()?;
        let same = kept.agent_id == self.agent && is_same_relay(&kept.relay_url, &self.relay_url);
        same.then_some(kept.token)
    }

    /// Keeps the token, for its user only.
    pub fn write(&self, token: &str) -> io::Result<()> {
        let kept = Kept {
            agent_id: self.agent.clone(),
            relay_url: self.relay_url.clone(),
            token: token.to_owned(),
        };
        let text = serde_json::to_string_pretty(&kept).map_err(io::Error::other)?;
        write_private(&self.path, &text)
    }
}

/// `localhost` and `127.0.0.1` are one place.
fn is_same_relay(a: &str, b: &str) -> bool {
    let place = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        if connection::is_loopback(&url) {
            url.set_host(Some("localhost")).ok()?;
        }
        Some(url)
    };
    place(a).is_some_and(|a| Some(a) == place(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_agent_at_its_relay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents/a.json");
        let file = |url: &str, agent: &str| {
            let relay = Relay::new(url, None).unwrap();
            TokenFile::new(path.clone(), &relay, &agent.parse().unwrap())
        };
        assert_eq!(file("http://localhost:4850", "a").read(), None);
        file("http://localhost:4850", "a").write("arl_agent_x").unwrap();
        for (url, agent, expected) in [
            ("http://localhost:4850", "a", Some("arl_agent_x")),
            ("http://127.0.0.1:4850/", "A", Some("arl_agent_x")),
            ("http://localhost:4850", "b", None),
            ("http://localhost:4851", "a", None),
            ("https://relay.example", "a", None),
        ] {
            assert_eq!(file(url, agent).read().as_deref(), expected, "{agent} at {url}");
        }
        let sessions = folder.path().join("sessions");
        assert_eq!(beside(&sessions, &"a".parse().unwrap()).as_deref(), Some("arl_agent_x"));
    }
}
