//! The settings of clients and providers: the one place that reads the environment.
//!
//! Names and defaults stand in [`relay_core::env`]. A profile gives defaults of its own; explicit
//! variables win over it. Where files lie is in [`crate::place`].

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use relay_core::{
    agent::Approval,
    api::request::{MOST_WORDS, RegisterAgent},
    channel::Subscription,
    context::ContextError,
    env::{self, BadValue, Variable, file::BadLine},
    id::AgentId,
    profile::{Profile, ProfileError, Profiles},
    text::{Label, Word},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

pub use crate::place::{data_dir, operator_token, operator_token_file, state_dir};
use crate::{connection, context::Known, http::Relay, managed::Managed, place};

/// The variables in which AI runtimes tell their tools which session they run in.
pub const SESSION_VARIABLES: &[&str] = &["CODEX_THREAD_ID", "CLAUDE_CODE_SESSION_ID"];

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable has a value that is not allowed.
    #[error(transparent)]
    BadValue(#[from] BadValue),
    /// The relay's address is none.
    #[error("`{url}` is no relay's address: {why}")]
    Url {
        /// What was given, without a password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot stand in a header.
    #[error("the token holds characters that no token has")]
    Token,
    /// The TLS client cannot be set up, for want of trusted roots for one.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// The profile cannot be had.
    #[error("AGENT_RELAY_PROFILE is `{name}`, but {path}: {source}", path = path.display())]
    Profile {
        /// The profile asked for.
        name: String,
        /// The profiles file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ProfileError>,
    },
    /// The managed settings cannot be read.
    #[error("{path}, {source}", path = path.display())]
    Managed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BadLine,
    },
    /// A context cannot be had.
    #[error("{place}: {source}")]
    Context {
        /// The file, or what named the context.
        place: String,
        /// What is wrong with it.
        source: ContextError,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The user has no home folder, so that there is no place for data and settings.
    #[error("there is no home folder; set HOME")]
    NoHome,
}

/// What a client or provider is told by its environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// The relay's address.
    pub url: String,
    /// The relay's token, where it asks for one.
    pub token: Option<SecretString>,
    /// The agent to act as.
    pub agent: Option<AgentId>,
    /// What the agent can do.
    pub capabilities: Vec<Word>,
    /// Tags besides the provider's own.
    pub tags: Vec<Word>,
    /// What people call the agent.
    pub label: Option<Label>,
    /// The channels it subscribes to.
    pub channels: Subscription,
    /// What it may do without asking a person.
    pub approval: Approval,
    /// Whether a message of urgency `interrupt` may stop its turn.
    pub interrupt: bool,
    /// Free facts about the agent.
    pub meta: Option<Map<String, Value>>,
    /// How often a session says that it is alive.
    pub heartbeat: Duration,
}

impl Config {
    /// Reads the environment of this process, and below it the context in use and the managed
    /// settings.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (managed, known) = (Managed::load()?, Known::look(None, &environment)?);
        Self::read(&|name| managed.below(&known, &environment, name))
    }

    /// Reads the variables that `get` knows.
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let profile = profile(get)?;
        let words = |variable: &Variable| variable.read(get, word_list);
        Ok(Self {
            url: url(get)?,
            token: env::CLIENT_TOKEN.read(get, token)?,
            agent: env::ID.read(get, parsed)?,
            capabilities: words(&env::CAPS)?
                .or(profile.capabilities)
                .unwrap_or_else(|| word_list(env::CAPS.default).expect("the default is a word")),
            tags: words(&env::TAGS)?.or(profile.tags).unwrap_or_default(),
            label: env::LABEL.read(get, parsed)?.or(profile.label),
            channels: env::CHANNELS.read(get, channels)?.or(profile.channels).unwrap_or_default(),
            approval: env::APPROVAL.read(get, parsed)?.or(profile.approval).unwrap_or_default(),
            interrupt: profile.interrupt.unwrap_or_default(),
            meta: profile.meta,
            heartbeat: heartbeat(get)?,
        })
    }

    /// The relay that the settings name, spoken to with their token.
    pub fn relay(&self) -> Result<Relay, ConfigError> {
        Relay::new(&self.url, self.token.as_ref().map(ExposeSecret::expose_secret))
    }

    /// Fills in what the settings say about the agent, and its machine. What the request says
    /// already stays; tags are added to it.
    pub fn describe(&self, request: &mut RegisterAgent) {
        request.label = request.label.take().or_else(|| self.label.clone());
        request.machine.get_or_insert_with(place::machine);
        request.capabilities.get_or_insert_with(|| self.capabilities.clone());
        request.channels.get_or_insert_with(|| self.channels.clone());
        request.approval.get_or_insert(self.approval);
        request.meta = request.meta.take().or_else(|| self.meta.clone());
        let tags = request.tags.get_or_insert_default();
        tags.extend(self.tags.iter().cloned());
        tags.truncate(MOST_WORDS);
    }
}

/// Reads one variable of this process. An entry that is not Unicode counts as not set.
#[expect(
    clippy::disallowed_methods,
    reason = "clients read their environment here and nowhere else"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The sessions that the runtimes' variables name; `get` reads the environment.
pub fn session_variables(get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let named = SESSION_VARIABLES.iter().filter_map(|name| get(name));
    named.filter(|session| !session.is_empty()).collect()
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: T::Err| e.to_string())
}

fn word_list(text: &str) -> Result<Vec<Word>, String> {
    let words: Vec<Word> = env::list(text)
        .into_iter()
        .map(|word| word.parse().map_err(|e| format!("`{word}` {e}")))
        .collect::<Result<_, _>>()?;
    if words.len() > MOST_WORDS { Err("has more than 32 entries".into()) } else { Ok(words) }
}

fn channels(text: &str) -> Result<Subscription, String> {
    Subscription::from_list(text).map_err(|e| format!("must be `all` or a list of channels: {e}"))
}

fn token(text: &str) -> Result<SecretString, String> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("must be visible ASCII without white space".into());
    }
    Ok(text.into())
}

/// A bad address is shown as [`connection::parse`] shows it: without the password it may hold.
fn url(get: &dyn Fn(&str) -> Option<String>) -> Result<String, BadValue> {
    let (name, value) = env::URL.find(get).unwrap_or((env::URL.name, env::URL.default.into()));
    match connection::parse(&value) {
        Ok(_) => Ok(value.trim().to_owned()),
        Err(ConfigError::Url { url, why }) => Err(BadValue { name, value: url, allowed: why }),
        Err(other) => Err(BadValue { name, value: "…".into(), allowed: other.to_string() }),
    }
}

/// At most a minute: the relay counts an agent as gone after two.
fn heartbeat(get: &dyn Fn(&str) -> Option<String>) -> Result<Duration, BadValue> {
    let millis = env::HEARTBEAT.read(get, env::number(100, 60_000))?;
    Ok(Duration::from_millis(millis.unwrap_or(30_000)))
}

fn profile(get: &dyn Fn(&str) -> Option<String>) -> Result<Profile, ConfigError> {
    let Some((_, name)) = env::PROFILE.find(get) else { return Ok(Profile::default()) };
    let path = match env::PROFILES_FILE.find(get) {
        Some((_, path)) => PathBuf::from(path),
        None => place::config_dir()?.join("profiles.json"),
    };
    let text = read_text(&path)?;
    let profiles = Profiles::parse(&text);
    profiles.and_then(|profiles| profiles.get(&name)).map_err(|source| ConfigError::Profile {
        name,
        path,
        source: Box::new(source),
    })
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
