//! The relays that this user knows by name: where they are written down, and which one is meant.

use std::{fs, io, path::PathBuf};

use relay_core::{
    context::{Context, Contexts},
    env,
    text::Slug,
};

use crate::{config::ConfigError, connection, place};

/// The file with the contexts. Tokens stand in it, so that only its user may read it.
pub fn file() -> Result<PathBuf, ConfigError> {
    Ok(place::config_dir()?.join("contexts.json"))
}

/// Reads the file; one that is not there has none.
pub fn load() -> Result<Contexts, ConfigError> {
    let path = file()?;
    match fs::read_to_string(&path) {
        Ok(text) => Contexts::parse(&text)
            .map_err(|source| ConfigError::Context { place: path.display().to_string(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contexts::default()),
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

/// Writes the file, for its user only.
pub fn save(contexts: &Contexts) -> Result<(), ConfigError> {
    let path = file()?;
    place::write_private(&path, &contexts.to_text())
        .map_err(|source| ConfigError::Unwritable { path, source })
}

/// Who chose a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// This command's own option.
    Flag,
    /// `AGENT_RELAY_CONTEXT`.
    Variable,
    /// `agent-relay context use`.
    Use,
}

/// The context that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its name.
    pub name: Slug,
    /// What it is.
    pub context: Context,
    /// Who chose it.
    pub by: By,
}

/// The relays that are known, and the one that was chosen.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The one that is meant where no address is given.
    pub chosen: Option<Chosen>,
    contexts: Contexts,
}

impl Known {
    /// Reads the file, and finds the one that is meant: by the option, by the variable, by what was
    /// last used. Without a home folder there is none.
    pub fn look(
        flag: Option<&str>,
        get: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let variable = env::CONTEXT.find(get).map(|(_, name)| (name, By::Variable));
        let named = flag.map(|name| (name.to_owned(), By::Flag)).or(variable);
        if named.is_none() && file().is_err() {
            return Ok(Self::default());
        }
        let contexts = load()?;
        let chosen = match named {
            Some((name, by)) => Some(named_by(&contexts, &name, by)?),
            None => contexts.current().map(|(name, context)| Chosen {
                name: name.clone(),
                context: context.clone(),
                by: By::Use,
            }),
        };
        Ok(Self { chosen, contexts })
    }

    /// The context of the relay at this address; of several the one that was chosen, else one with a
    /// token.
    pub fn at(&self, url: &str) -> Option<(&Slug, &Context)> {
        let is_there = |context: &Context| connection::is_same(&context.url, url);
        let chosen = self.chosen.as_ref().map(|chosen| (&chosen.name, &chosen.context));
        chosen.filter(|(_, context)| is_there(context)).or_else(|| {
            let there = self.contexts.iter().filter(|(_, context)| is_there(context));
            there.max_by_key(|(_, context)| context.token.is_some())
        })
    }
}

fn named_by(contexts: &Contexts, name: &str, by: By) -> Result<Chosen, ConfigError> {
    let place = if by == By::Flag { "--context" } else { env::CONTEXT.name };
    let (name, context) = contexts
        .find(name)
        .map_err(|source| ConfigError::Context { place: place.to_owned(), source })?;
    Ok(Chosen { name, context: context.clone(), by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_known_by_its_address_whichever_was_chosen() {
        let context = |url: &str, token: Option<&str>| Context {
            url: url.to_owned(),
            token: token.map(str::to_owned),
        };
        let mut contexts = Contexts::default();
        for (name, url, token) in [
            ("a", "http://localhost:1", None),
            ("b", "http://127.0.0.1:1/", Some("b")),
            ("c", "https://relay.example", None),
        ] {
            contexts.add(name.parse().unwrap(), context(url, token));
        }
        let chosen = |name: &str| Known {
            chosen: Some(named_by(&contexts, name, By::Use).unwrap()),
            contexts: contexts.clone(),
        };
        let at = |known: &Known, url: &str| known.at(url).map(|(name, _)| name.to_string());
        assert_eq!(at(&chosen("c"), "http://localhost:1").as_deref(), Some("b"));
        assert_eq!(at(&chosen("a"), "http://[::1]:1").as_deref(), Some("a"));
        assert_eq!(at(&chosen("a"), "https://relay.example/").as_deref(), Some("c"));
        assert_eq!(at(&chosen("a"), "https://relay.example/team"), None);
    }
}
