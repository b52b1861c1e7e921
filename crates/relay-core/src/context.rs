//! Contexts: relays by name, each with the token that it asks for, from one file of this user.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::text::Slug;

/// One relay: where it is, and what it asks for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Its address.
    pub url: String,
    /// The token that is sent there, and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The token is nobody's to see.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Context").field("url", &self.url).field("token", &token).finish()
    }
}

/// The contexts file: relays by name, and which of them is used where nothing else says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<Slug>,
    #[serde(default)]
    contexts: BTreeMap<Slug, Context>,
}

/// Why a context cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The file is not what it should be.
    #[error("not a contexts file: {0}")]
    Invalid(#[from] serde_json::Error),
    /// The name cannot be one.
    #[error("`{name}` is no context's name: {why}")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The name is not in the file.
    #[error("there is no context `{name}`; there {}", list(known))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that are there.
        known: Vec<String>,
    },
}

fn list(known: &[String]) -> String {
    match known {
        [] => "are none".into(),
        [one] => format!("is {one}"),
        many => format!("are {}", many.join(", ")),
    }
}

impl Contexts {
    /// Reads the file's text. The one in use must be among them.
    pub fn parse(text: &str) -> Result<Self, ContextError> {
        let contexts: Self = serde_json::from_str(text)?;
        if let Some(current) = &contexts.current {
            contexts.get(current)?;
        }
        Ok(contexts)
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("names and texts are JSON") + "\n"
    }

    /// A name as somebody wrote it, which must be in the file.
    pub fn find(&self, name: &str) -> Result<(Slug, &Context), ContextError> {
        let slug: Slug = name
            .parse()
            .map_err(|why| ContextError::Name { name: name.to_owned(), why: format!("{why}") })?;
        let context = self.get(&slug)?;
        Ok((slug, context))
    }

    /// The context of that name.
    pub fn get(&self, name: &Slug) -> Result<&Context, ContextError> {
        self.contexts.get(name).ok_or_else(|| self.unknown(name))
    }

    /// The one that is used where nothing else says.
    pub fn current(&self) -> Option<(&Slug, &Context)> {
        let name = self.current.as_ref()?;
        Some((name, self.contexts.get(name)?))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Slug, &Context)> {
        self.contexts.iter()
    }

    /// Adds one; what had the name before is returned.
    pub fn add(&mut self, name: Slug, context: Context) -> Option<Context> {
        self.contexts.insert(name, context)
    }

    /// Makes it the one that is used; none makes no context be.
    pub fn choose(&mut self, name: Option<Slug>) -> Result<(), ContextError> {
        if let Some(name) = &name {
            self.get(name)?;
        }
        self.current = name;
        Ok(())
    }

    /// Takes one away. Where it was in use, none is any more.
    pub fn remove(&mut self, name: &Slug) -> Result<Context, ContextError> {
        let removed = self.contexts.remove(name).ok_or_else(|| self.unknown(name))?;
        self.current = self.current.take().filter(|current| current != name);
        Ok(removed)
    }

    fn unknown(&self, name: &Slug) -> ContextError {
        let known = self.contexts.keys().map(ToString::to_string).collect();
        ContextError::Unknown { name: name.to_string(), known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(name: &str) -> Slug {
        name.parse().unwrap()
    }

    fn two() -> Contexts {
        let mut contexts = Contexts::default();
        let context = |url: &str, token: Option<&str>| Context {
            url: url.to_owned(),
            token: token.map(str::to_owned),
        };
        assert_eq!(contexts.add(slug("home"), context("http://localhost:4850", None)), None);
        contexts.add(slug("work"), context("https://relay.example", Some("s3cret")));
        contexts
    }

    #[test]
    fn what_is_written_is_read_and_the_token_is_never_shown() {
        let mut contexts = two();
        contexts.choose(Some(slug("work"))).unwrap();
        assert_eq!(Contexts::parse(&contexts.to_text()).unwrap(), contexts);
        assert!(!format!("{contexts:?}").contains("s3cret"));
        assert_eq!(contexts.current().unwrap().0, &slug("work"));
        assert_eq!(Contexts::parse("{}").unwrap(), Contexts::default());
    }

    #[test]
    fn one_that_is_taken_away_is_in_use_no_more() {
        let mut contexts = two();
        contexts.choose(Some(slug("work"))).unwrap();
        contexts.remove(&slug("home")).unwrap();
        assert!(contexts.current().is_some());
        contexts.remove(&slug("work")).unwrap();
        assert!(contexts.current().is_none() && contexts.iter().next().is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_what_there_is() {
        let mut contexts = two();
        let why = |result: Result<(), ContextError>| result.unwrap_err().to_string();
        let unknown = "there is no context `office`; there are home, work";
        assert_eq!(why(contexts.choose(Some(slug("office")))), unknown);
        assert_eq!(why(contexts.find("office").map(drop)), unknown);
        assert_eq!(why(contexts.remove(&slug("office")).map(drop)), unknown);
        assert!(why(contexts.find("My Work").map(drop)).starts_with("`My Work` is no context's"));
        let none = "there is no context `a`; there are none";
        assert_eq!(why(Contexts::default().find("a").map(drop)), none);
        for (text, expected) in [
            ("{", "not a contexts file"),
            (r#"{"contexts": {"a": {"uri": "x"}}}"#, "unknown field `uri`"),
            (r#"{"contexts": {"A b": {"url": "x"}}}"#, "not a contexts file"),
            (r#"{"current": "gone"}"#, "there is no context `gone`"),
        ] {
            let error = why(Contexts::parse(text).map(drop));
            assert!(error.contains(expected), "{error}");
        }
    }
}
