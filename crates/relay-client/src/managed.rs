//! What stands below the environment: the context in use, and below it the managed settings, which
//! `agent-relay setup` wrote down for this user's programs.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use relay_core::env::{self, file::parse};

use crate::{config::ConfigError, connection, context::Known, place};

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

    /// What a client goes by: what `set` says, else the context, else the file. A token that is
    /// written down beside an address goes there, and never to another one.
    pub fn below(
        &self,
        known: &Known,
        set: &dyn Fn(&str) -> Option<String>,
        name: &str,
    ) -> Option<String> {
        let said = set(name).filter(|value| !value.is_empty());
        if name == env::URL.name {
            let chosen = known.chosen.as_ref().map(|chosen| chosen.context.url.clone());
            return said.or(chosen).or_else(|| self.get(name));
        }
        if name != env::CLIENT_TOKEN.name {
            return said.or_else(|| self.get(name));
        }
        let url = |url: Option<String>| url.unwrap_or_else(|| env::URL.default.to_owned());
        let to = url(self.below(known, set, env::URL.name));
        let own = || known.at(&to).and_then(|(_, context)| context.token.clone());
        let managed = || {
            let is_there = connection::is_same(&url(self.get(env::URL.name)), &to);
            self.get(name).filter(|_| is_there)
        };
        said.or_else(own).or_else(managed)
    }
}

#[cfg(test)]
mod tests {
    use relay_core::context::Context;

    use super::*;
    use crate::context::{By, Chosen};

    const URL: &str = "AGENT_RELAY_URL";
    const TOKEN: &str = "AGENT_RELAY_TOKEN";

    fn managed() -> Managed {
        let text =
            "AGENT_RELAY_URL=http://127.0.0.1:4850\nAGENT_RELAY_TOKEN=secret\nAGENT_RELAY_TAGS=a";
        Managed { values: parse(text).unwrap() }
    }

    fn work(token: Option<&str>) -> Known {
        let context =
            Context { url: "https://work.example".to_owned(), token: token.map(str::to_owned) };
        let mut known = Known::default();
        known.chosen = Some(Chosen { name: "work".parse().unwrap(), context, by: By::Use });
        known
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let set = |name: &str| (name == "AGENT_RELAY_TAGS").then(|| "b".to_owned());
        assert_eq!(
            managed().below(&Known::default(), &set, "AGENT_RELAY_TAGS").as_deref(),
            Some("b")
        );
        assert_eq!(managed().below(&Known::default(), &set, TOKEN).as_deref(), Some("secret"));
    }

    #[test]
    fn the_files_token_never_goes_to_another_relay() {
        for (url, token) in [
            ("http://127.0.0.1:4850", Some("secret")),
            ("http://127.0.0.1:4850/", Some("secret")),
            ("http://localhost:4850", Some("secret")),
            ("http://localhost:4851", None),
            ("https://localhost:4850", None),
            ("http://elsewhere:4850", None),
        ] {
            let set = |name: &str| (name == URL).then(|| url.to_owned());
            assert_eq!(managed().below(&Known::default(), &set, TOKEN).as_deref(), token, "{url}");
            assert_eq!(managed().below(&Known::default(), &set, URL).as_deref(), Some(url));
        }
    }

    #[test]
    fn a_context_stands_between_the_environment_and_the_file() {
        let (bare, context) = (work(None), work(Some("works")));
        for (set, context, url, token) in [
            (None, &context, "https://work.example", Some("works")),
            (None, &bare, "https://work.example", None),
            (Some("http://localhost:4850"), &context, "http://localhost:4850", Some("secret")),
            (Some("https://work.example"), &context, "https://work.example", Some("works")),
            (Some("http://else:1"), &context, "http://else:1", None),
        ] {
            let get = |name: &str| (name == URL).then(|| set.map(str::to_owned)).flatten();
            let found = |name: &str| managed().below(context, &get, name);
            assert_eq!(found(URL).as_deref(), Some(url));
            assert_eq!(found(TOKEN).as_deref(), token, "{url}");
            assert_eq!(found("AGENT_RELAY_TAGS").as_deref(), Some("a"));
        }
        let token = |name: &str| (name == TOKEN).then(|| "mine".to_owned());
        let found = managed().below(&context, &token, TOKEN);
        assert_eq!(found.as_deref(), Some("mine"), "a variable wins");
    }
}
