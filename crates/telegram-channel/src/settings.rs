//! The settings: the one place that reads them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use relay_client::{Config, ConfigError};
use relay_core::{
    env::{self, BadValue},
    id::AgentId,
    text::Word,
};
use reqwest::Url;
use secrecy::SecretString;

use crate::{backoff::Pace, chat::Chats, log::Log};

/// The agent that the channel is, where `AGENT_RELAY_ID` says nothing else.
const AGENT: &str = "telegram";

/// Everything the channel is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The relay, and what is said of the agent.
    pub relay: Config,
    /// The agent that the channel is.
    pub agent: AgentId,
    /// What it can do, where that was set: a channel is nobody to find by a capability.
    pub capabilities: Vec<Word>,
    /// The bot's token.
    pub token: SecretString,
    /// The bot's number, which is the token's first part.
    pub bot: u64,
    /// The Bot API server.
    pub api: Url,
    /// The chats that are allowed.
    pub chats: Chats,
    /// Where it is written down what was carried.
    pub ledger: PathBuf,
    /// Where the agent's own token is kept.
    pub token_file: PathBuf,
    /// How fast what failed is tried again.
    pub pace: Pace,
    /// What to log.
    pub log: Log,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable has a value that is not allowed.
    #[error(transparent)]
    BadValue(#[from] BadValue),
    /// There is no token.
    #[error(
        "AGENT_RELAY_TELEGRAM_TOKEN is not set: it must be the token that BotFather gave the bot, or AGENT_RELAY_TELEGRAM_TOKEN_FILE a file that holds it"
    )]
    NoToken,
    /// The relay's settings cannot be used.
    #[error(transparent)]
    Relay(#[from] ConfigError),
}

type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Reads the environment of this process.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(&relay_client::config::environment)
    }

    /// Reads the variables that `get` knows.
    pub fn read(get: Get<'_>) -> Result<Self, SettingsError> {
        let relay = Config::read(get)?;
        let agent = relay.agent.clone().unwrap_or_else(|| AGENT.parse().expect("an id"));
        let (bot, token) = token(get)?;
        let capabilities = env::CAPS.find(get).map(|_| relay.capabilities.clone());
        Ok(Self {
            token_file: relay_client::identity::token_file(&agent)?,
            agent,
            capabilities: capabilities.unwrap_or_default(),
            relay,
            bot,
            token,
            api: env::TELEGRAM_API_URL.read(get, url)?.unwrap_or_else(|| {
                env::TELEGRAM_API_URL.default.parse().expect("the default is an address")
            }),
            chats: env::TELEGRAM_CHATS.read(get, str::parse)?.unwrap_or_default(),
            ledger: relay_client::config::state_dir()?
                .join("channels")
                .join(format!("telegram-{bot}.json")),
            pace: Pace::default(),
            log: env::TELEGRAM_LOG.read(get, Log::parse)?.unwrap_or_else(|| {
                Log::parse(env::TELEGRAM_LOG.default).expect("the default is a filter")
            }),
        })
    }
}

fn token(get: Get<'_>) -> Result<(u64, SecretString), SettingsError> {
    if let Some(token) = env::TELEGRAM_TOKEN.read(get, checked)? {
        return Ok(token);
    }
    let from_file = |path: &str| {
        let text =
            fs::read_to_string(Path::new(path)).map_err(|e| format!("cannot be read: {e}"))?;
        checked(&text).map_err(|why| format!("what this file holds {why}"))
    };
    env::TELEGRAM_TOKEN_FILE.read(get, from_file)?.ok_or(SettingsError::NoToken)
}

/// A token and the number that it begins with.
fn checked(text: &str) -> Result<(u64, SecretString), String> {
    let text = text.trim();
    let fits = |secret: &str| {
        secret.len() >= 8 && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let bot = text.split_once(':').filter(|(_, secret)| fits(secret));
    match bot.and_then(|(bot, _)| bot.parse().ok()) {
        Some(bot) => Ok((bot, text.into())),
        None => Err("must be a bot's token, as in 123456:ABC-DEF".into()),
    }
}

fn url(text: &str) -> Result<Url, String> {
    let url: Url = text.trim().parse().map_err(|e| format!("is no address: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must begin with http:// or https://".into());
    }
    if url.query().is_some() || url.fragment().is_some() || url.password().is_some() {
        return Err("must be an address without a password, `?` and `#`".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: (&str, &str) = ("AGENT_RELAY_TELEGRAM_TOKEN", "123456:ABC-def_789");

    fn read(set: &[(&str, &str)]) -> Result<Settings, String> {
        let get =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&get).map_err(|e| e.to_string())
    }

    #[test]
    fn a_token_is_enough() {
        let settings = read(&[TOKEN]).unwrap();
        assert_eq!((settings.agent.as_str(), settings.bot), ("telegram", 123_456));
        assert_eq!(settings.api.as_str(), "https://api.telegram.org/");
        assert!(settings.chats.is_empty() && settings.capabilities.is_empty());
        assert!(settings.ledger.ends_with("channels/telegram-123456.json"));
        assert!(!format!("{settings:?}").contains("ABC-def"), "a secret is not shown");
    }

    #[test]
    fn everything_can_be_set() {
        let settings = read(&[
            TOKEN,
            ("AGENT_RELAY_TELEGRAM_CHATS", "1=backend,2"),
            ("AGENT_RELAY_TELEGRAM_API_URL", "http://localhost:8081/bots"),
            ("AGENT_RELAY_ID", "support"),
            ("AGENT_RELAY_CAPS", "people"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.agent.as_str(), "support");
        assert_eq!(settings.api.as_str(), "http://localhost:8081/bots");
        assert_eq!(settings.capabilities.len(), 1);
        assert!(settings.chats.get(2).is_some());
    }

    #[test]
    fn the_token_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let name = "AGENT_RELAY_TELEGRAM_TOKEN_FILE";
        let set = [(name, path.to_str().unwrap())];
        assert!(read(&set).unwrap_err().contains("cannot be read"));
        fs::write(&path, "12:ABCDEFGH\n").unwrap();
        assert_eq!(read(&set).unwrap().bot, 12);
        fs::write(&path, "hunter2").unwrap();
        let why = read(&set).unwrap_err();
        assert!(why.contains("must be a bot's token") && !why.contains("hunter2"), "{why}");
    }

    #[test]
    fn a_bad_value_names_the_variable_the_value_and_what_is_allowed() {
        let why = |name, value| read(&[TOKEN, (name, value)]).unwrap_err();
        assert_eq!(
            why("AGENT_RELAY_TELEGRAM_CHATS", "ops=backend"),
            "AGENT_RELAY_TELEGRAM_CHATS is `ops=backend`: `ops` is no chat's number; it must be as \
             in 123456=tag:backend"
        );
        assert_eq!(
            why("AGENT_RELAY_TELEGRAM_API_URL", "ftp://x"),
            "AGENT_RELAY_TELEGRAM_API_URL is `ftp://x`: must begin with http:// or https://"
        );
        let secret = read(&[("AGENT_RELAY_TELEGRAM_TOKEN", "hunter2")]).unwrap_err();
        assert_eq!(
            secret,
            "AGENT_RELAY_TELEGRAM_TOKEN is `…`: must be a bot's token, as in 123456:ABC-DEF"
        );
        assert!(read(&[]).unwrap_err().contains("BotFather"));
    }
}
