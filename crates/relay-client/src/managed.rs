//! The managed settings: what `agent-relay setup` wrote down for this user's programs, below
//! whatever the environment says.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use relay_core::env::{self, Variable, file::parse};

use crate::{config::ConfigError, place};

/// The file with the managed settings.
pub fn file() -> Result<PathBuf, ConfigError> {
    Ok(place::config_dir()?.join("relay.env"))
}

/// What the file says.
#[derive(Clone, Debug, Default)]
pub struct Managed {
    values: BTreeMap<String, String>,
}

impl Managed {
    /// Reads the file; one that is not there says nothing. Without a home folder there is none.
    pub fn load() -> Result<Self, ConfigError> {
        let Ok(path) = file() else { return Ok(Self::default()) };
        match fs::read_to_string(&path) {
            Ok(text) => {
                let values =
                    parse(&text).map_err(|source| ConfigError::Managed { path, source })?;
                Ok(Self { values })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    /// The value under a variable's name.
    pub fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// What a client goes by: what `set` says, else the file. The file's token is for the relay
    /// that the file speaks of, and never goes to another one that `set` names.
    pub fn below(&self, set: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
        let said = |variable: &Variable| set(variable.name).filter(|value| !value.is_empty());
        if let Some(value) = set(name).filter(|value| !value.is_empty()) {
            return Some(value);
        }
        let elsewhere = said(&env::URL).is_some_and(|url| self.get(env::URL.name) != Some(url));
        if elsewhere && name == env::CLIENT_TOKEN.name {
            return None;
        }
        self.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed() -> Managed {
        let text =
            "AGENT_RELAY_URL=http://127.0.0.1:4850\nAGENT_RELAY_TOKEN=secret\nAGENT_RELAY_TAGS=a";
        Managed { values: parse(text).unwrap() }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let set = |name: &str| (name == "AGENT_RELAY_TAGS").then(|| "b".to_owned());
        assert_eq!(managed().below(&set, "AGENT_RELAY_TAGS").as_deref(), Some("b"));
        assert_eq!(managed().below(&set, "AGENT_RELAY_TOKEN").as_deref(), Some("secret"));
    }

    #[test]
    fn the_files_token_never_goes_to_another_relay() {
        for (url, token) in
            [("http://127.0.0.1:4850", Some("secret")), ("http://elsewhere:1", None)]
        {
            let set = |name: &str| (name == "AGENT_RELAY_URL").then(|| url.to_owned());
            assert_eq!(managed().below(&set, "AGENT_RELAY_TOKEN").as_deref(), token, "{url}");
            assert_eq!(managed().below(&set, "AGENT_RELAY_URL").as_deref(), Some(url));
        }
    }
}
