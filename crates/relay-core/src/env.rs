//! The names, defaults and meanings of every environment variable, declared once: each program
//! reads its own from here, and docs/configuration.md is made from this table.

pub mod file;

/// Who reads a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// `agent-relay serve`.
    Server,
    /// Providers and the command line.
    Client,
    /// The Claude Code plugin, besides the client's.
    Claude,
    /// `codex-relay`, besides the client's.
    Codex,
    /// `agent-relay-telegram`, besides the client's.
    Telegram,
    /// `agent-relay upgrade` and the installer.
    Upgrade,
}

/// One variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name; it wins over `short`.
    pub name: &'static str,
    /// An older or shorter name that is read too.
    pub short: Option<&'static str>,
    /// Who reads it.
    pub reader: Reader,
    /// What stands there when it is not set, in words where it is no fixed value.
    pub default: &'static str,
    /// True when its value must never be printed.
    pub secret: bool,
    /// What it does and what is allowed.
    pub purpose: &'static str,
}

macro_rules! variables {
    ($($konst:ident = $reader:ident $name:literal $(or $short:literal)?, $default:literal $(, $secret:ident)?; $purpose:literal)+) => {
        $(#[doc = $purpose] pub const $konst: Variable = Variable {
            name: $name,
            short: variables!(@short $($short)?),
            reader: Reader::$reader,
            default: $default,
            secret: variables!(@secret $($secret)?),
            purpose: $purpose,
        };)+
        /// Every variable, in the order of the documentation.
        pub const ALL: &[Variable] = &[$($konst),+];
    };
    (@short) => { None };
    (@short $short:literal) => { Some($short) };
    (@secret) => { false };
    (@secret secret) => { true };
}

variables! {
    PORT = Server "AGENT_RELAY_PORT" or "PORT", "4850"; "The port to listen on; 0 takes a free one."
    HOST = Server "AGENT_RELAY_HOST" or "HOST", "127.0.0.1"; "The address to bind to. With the default, `[::1]` is bound too. Another than loopback takes a token."
    DB_PATH = Server "AGENT_RELAY_DB_PATH" or "DB_PATH", "relay.db in the user's data directory"; "The database file."
    DATABASE_URL = Server "AGENT_RELAY_DATABASE_URL", "none", secret; "A PostgreSQL database in place of the file, `postgres://user:password@host:port/name`; several relays may share it."
    LOG = Server "AGENT_RELAY_LOG", "info"; "What to log, as a filter of tracing: `info`, `relay_server=debug`. `json` before it (`json,info`) writes JSON lines."
    STALE_TTL = Server "STALE_TTL_MS", "120000"; "An agent not heard of for so many milliseconds is offline."
    OFFLINE_PRUNE = Server "OFFLINE_PRUNE_MS", "86400000"; "An agent offline for so many milliseconds is removed; its mail waits on."
    REAP_INTERVAL = Server "REAP_INTERVAL_MS", "60000"; "How often, in milliseconds, to look for stale agents."
    RETENTION_DAYS = Server "RETENTION_DAYS", "30"; "How many days messages and events are kept."
    TOKEN = Server "AGENT_RELAY_TOKEN", "none", secret; "The token that every request must carry. Without it the relay serves whoever reaches its loopback address."
    CORS_ORIGINS = Server "AGENT_RELAY_CORS_ORIGINS", "none"; "Origins, separated by commas, whose pages may call the API. `*` takes a token."
    ALLOW_UNAUTH = Server "AGENT_RELAY_ALLOW_UNAUTH", "0"; "1 lets a relay without a token bind to another address than loopback."
    ALLOWED_HOSTS = Server "AGENT_RELAY_ALLOWED_HOSTS", "none"; "Names, separated by commas, under which the relay is reached besides its own."
    IDENTITY = Server "AGENT_RELAY_IDENTITY", "mark"; "`mark` shows unproven senders as such; `strict` refuses them, and every takeover of an id."
    PUBLIC_URL = Server "AGENT_RELAY_PUBLIC_URL", "none"; "The address under which browsers reach the relay, behind a proxy for one."
    DASHBOARD_DIR = Server "AGENT_RELAY_DASHBOARD_DIR", "none"; "A folder with the files of the dashboard, as `cargo xtask dashboard` makes it, read at each request in place of those built in."
    SHUTDOWN_DELAY = Server "AGENT_RELAY_SHUTDOWN_DELAY_MS", "0"; "How long, in milliseconds, a relay that was asked to stop serves on, while `/ready` says already that it goes: the time in which a balancer looks. At most 5000."
    MAX_STREAMS = Server "AGENT_RELAY_MAX_STREAMS", "10000"; "The most streams open at once."
    MAX_STREAMS_PER_AGENT = Server "AGENT_RELAY_MAX_STREAMS_PER_AGENT", "8"; "The most streams open at once for one agent."
    INTEGRATIONS = Server "AGENT_RELAY_INTEGRATIONS", "none", secret; "The integrations, as a JSON list of `{name, token, scopes, targets, channels, callbackUrl, callbackSecret}`."
    INTEGRATIONS_FILE = Server "AGENT_RELAY_INTEGRATIONS_FILE", "none"; "A file with the same list, instead of `AGENT_RELAY_INTEGRATIONS`."
    INTEGRATION_RATE_LIMIT = Server "AGENT_RELAY_INTEGRATION_RATE_LIMIT_PER_MINUTE", "120"; "How many events, tasks and messages each integration may post in a minute."
    CALLBACK_RETRY = Server "AGENT_RELAY_CALLBACK_RETRY_MS", "0,5000,300000,1800000,7200000,18000000,36000000,36000000"; "How long to wait before each attempt of a callback, in milliseconds, separated by commas; after the last it is a dead letter."
    CALLBACK_TIMEOUT = Server "AGENT_RELAY_CALLBACK_TIMEOUT_MS", "10000"; "How long an attempt of a callback may take, in milliseconds."

    URL = Client "AGENT_RELAY_URL", "http://localhost:4850"; "The relay's address."
    CLIENT_TOKEN = Client "AGENT_RELAY_TOKEN", "none", secret; "The relay's token, where it asks for one."
    CONTEXT = Client "AGENT_RELAY_CONTEXT", "the one that `agent-relay context use` chose"; "The relay to talk to by its name, as `agent-relay context add` wrote it down; `AGENT_RELAY_URL` wins over it."
    CLIENT_LOG = Client "AGENT_RELAY_LOG", "relay_client=warn"; "What a command says to standard error of its own work, as a filter of tracing: `debug`, `relay_client=debug`, `off`."
    ID = Client "AGENT_RELAY_ID", "from the session or the terminal"; "The agent to act as."
    CAPS = Client "AGENT_RELAY_CAPS", "chat"; "Capabilities, separated by commas."
    TAGS = Client "AGENT_RELAY_TAGS", "none"; "Tags, separated by commas, added to the provider's own."
    LABEL = Client "AGENT_RELAY_LABEL", "none"; "What people call the agent."
    CHANNELS = Client "AGENT_RELAY_CHANNELS", "all"; "`all`, or the channels to subscribe to, separated by commas."
    PROFILE = Client "AGENT_RELAY_PROFILE", "none"; "The profile to take defaults from."
    PROFILES_FILE = Client "AGENT_RELAY_PROFILES_FILE", "profiles.json in the user's configuration directory, ~/.config/agent-relay on Linux"; "Where the profiles are."
    APPROVAL = Client "AGENT_RELAY_APPROVAL", "open"; "What the agent may do without asking: `open`, `guarded` or `read-only`."
    HEARTBEAT = Client "AGENT_RELAY_HEARTBEAT_MS", "30000"; "How often, in milliseconds, a session says that it is alive."

    CLAUDE_PATHS = Claude "AGENT_RELAY_CLAUDE_PATHS", "socket,monitor,file"; "The paths that may wake a Claude Code session, separated by commas."
    CLAUDE_PATIENCE = Claude "AGENT_RELAY_CLAUDE_PATIENCE_MS", "2000"; "How long the socket may take to wake a session, in milliseconds, before the next path is tried; the monitor may take twice as long, the file three times."

    CODEX_BIN = Codex "AGENT_RELAY_CODEX_BIN", "codex on PATH"; "The program of Codex."
    CODEX_DELIVERY = Codex "AGENT_RELAY_CODEX_DELIVERY", "turn"; "How messages reach the model: `turn`, as if somebody had typed them, or `tool-output`, as data that a tool brought, which the terminal does not show."
    CODEX_COALESCE = Codex "AGENT_RELAY_CODEX_COALESCE_MS", "50"; "How long, in milliseconds, a message for an idle session waits for others, to be one turn with them."

    TELEGRAM_TOKEN = Telegram "AGENT_RELAY_TELEGRAM_TOKEN", "none", secret; "The bot's token, as `@BotFather` gave it."
    TELEGRAM_TOKEN_FILE = Telegram "AGENT_RELAY_TELEGRAM_TOKEN_FILE", "none"; "A file that holds the bot's token; read where `AGENT_RELAY_TELEGRAM_TOKEN` is not set."
    TELEGRAM_CHATS = Telegram "AGENT_RELAY_TELEGRAM_CHATS", "none"; "The chats that are allowed, separated by commas, 64 at most: `CHAT=TARGET`, or `CHAT` alone where everything written must be addressed. Mail that fits no chat goes to the first. Every other chat is ignored."
    TELEGRAM_API_URL = Telegram "AGENT_RELAY_TELEGRAM_API_URL", "https://api.telegram.org"; "The Bot API server, where it is your own."
    TELEGRAM_LOG = Telegram "AGENT_RELAY_LOG", "info"; "What to log, as a filter of tracing: `info`, `telegram_channel=debug`. `json` before it (`json,info`) writes JSON lines."

    RELEASES = Upgrade "AGENT_RELAY_RELEASES", "the project's releases on GitHub"; "Where releases are: an address with `https://` or `file://`, or with `http://` on this machine, below which `release.json` and the archives lie."
}

/// A value that is not allowed: names the variable, the value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is `{value}`: {allowed}")]
pub struct BadValue {
    /// The variable, by the name that was set.
    pub name: &'static str,
    /// What it was set to; `…` for a secret.
    pub value: String,
    /// What is wrong or allowed.
    pub allowed: String,
}

impl Variable {
    /// Looks the variable up with `get`, which reads the environment; an empty value counts as not
    /// set. Returns the name under which it was found.
    pub fn find(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
        [Some(self.name), self.short]
            .into_iter()
            .flatten()
            .find_map(|name| get(name).filter(|v| !v.is_empty()).map(|v| (name, v)))
    }

    /// Looks the variable up and reads its value.
    pub fn read<T>(
        &self,
        get: &dyn Fn(&str) -> Option<String>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadValue> {
        let Some((name, value)) = self.find(get) else { return Ok(None) };
        parse(&value).map(Some).map_err(|allowed| {
            let value =
                if self.secret { "…".to_owned() } else { value.chars().take(80).collect() };
            BadValue { name, value, allowed }
        })
    }
}

/// Reads a whole number within bounds.
pub fn number(low: u64, high: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| match text.trim().parse::<u64>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(format!("must be a whole number from {low} to {high}")),
    }
}

/// Splits a list at its commas; empty entries fall away.
pub fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(name: &str) -> Option<String> {
        let set = [
            ("PORT", "80"),
            ("AGENT_RELAY_HOST", "::1"),
            ("HOST", "no"),
            ("AGENT_RELAY_TOKEN", "s3cret"),
        ];
        set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn the_long_name_wins_over_the_short() {
        assert_eq!(PORT.find(&get), Some(("PORT", "80".into())));
        assert_eq!(HOST.find(&get), Some(("AGENT_RELAY_HOST", "::1".into())));
        assert_eq!(DB_PATH.find(&get), None);
    }

    #[test]
    fn a_bad_value_is_named_but_a_secret_is_not_shown() {
        let bad = PORT.read(&get, number(0, 70)).unwrap_err();
        assert_eq!(bad.to_string(), "PORT is `80`: must be a whole number from 0 to 70");
        let secret = TOKEN.read::<()>(&get, |_| Err("is too short".into())).unwrap_err();
        assert_eq!(secret.to_string(), "AGENT_RELAY_TOKEN is `…`: is too short");
    }
}
