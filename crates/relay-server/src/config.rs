//! Settings: read once, from the names in `relay_core::env`, into plain values.
//!
//! The environment comes in as a function, so that tests need none; the command line's flags are
//! written over the fields afterwards, and [`Config::check`] has the last word.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use relay_core::{
    callback,
    env::{self, BadValue},
    identity::Mode,
};
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use crate::integration::Integrations;

/// How the environment is read.
pub type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What `agent-relay serve` can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address or name to bind to.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The database file; where none is named, the program that serves knows the place.
    pub db_path: Option<PathBuf>,
    /// What to log.
    pub log: Log,
    /// After this an agent not heard of is offline.
    pub stale_ttl: Duration,
    /// After this an offline agent is removed.
    pub offline_prune: Duration,
    /// How often to look for stale agents.
    pub reap_interval: Duration,
    /// How long messages and events are kept.
    pub retention: Duration,
    /// The token that every request must carry.
    pub token: Option<SecretString>,
    /// Who may report events.
    pub integrations: Integrations,
    /// How many events each integration may post in a minute.
    pub events_per_minute: u32,
    /// How long to wait before each attempt of a callback.
    pub callback_timetable: Vec<Duration>,
    /// How long an attempt of a callback may take.
    pub callback_timeout: Duration,
    /// The operator's token, which makes its bearer `human`.
    pub operator: Option<SecretString>,
    /// Whose pages may call the API.
    pub cors: Cors,
    /// True where a relay without a token may listen beyond loopback.
    pub allow_unauth: bool,
    /// Names under which the relay is reached besides its own.
    pub allowed_hosts: Vec<String>,
    /// What an unproven sender is worth.
    pub identity: Mode,
    /// The origin under which browsers reach the relay.
    pub public_url: Option<Origin>,
    /// Bounds and time-outs.
    pub limits: Limits,
}

/// Connections that may be open besides those of streams.
const CONNECTIONS_BESIDES: usize = 2_000;

/// Bounds and time-outs. Only the numbers of streams are settings; the rest is here so that tests
/// need not wait.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Streams open at once.
    pub streams: usize,
    /// Streams open at once for one agent.
    pub streams_per_agent: usize,
    /// Connections open at once.
    pub connections: usize,
    /// Until a request's head must have arrived, and how long a connection may idle.
    pub header_timeout: Duration,
    /// Until a request's body must have arrived.
    pub body_timeout: Duration,
    /// How long a socket may refuse what is written to it.
    pub stall_timeout: Duration,
    /// How often a quiet stream says that it lives.
    pub keep_alive: Duration,
    /// Events waiting for one stream before it goes back to the log.
    pub mailbox_events: usize,
    /// Bytes waiting for one stream before it goes back to the log.
    pub mailbox_bytes: usize,
    /// Wrong tokens that one peer may try in a minute.
    pub wrong_tokens: u32,
    /// How long requests under way may take once the relay stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 10_000,
            streams_per_agent: 8,
            connections: 10_000 + CONNECTIONS_BESIDES,
            header_timeout: Duration::from_secs(8),
            body_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            mailbox_events: 256,
            mailbox_bytes: 1 << 20,
            wrong_tokens: 30,
            drain: Duration::from_millis(3_500),
        }
    }
}

/// What to log, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// JSON lines instead of text.
    pub json: bool,
    /// A filter of tracing.
    pub filter: String,
}

/// Whose pages may call the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// These origins'.
    Only(Vec<Origin>),
    /// Everybody's; takes a token.
    Any,
}

/// A scheme and an authority, as browsers write them in `Origin`; the scheme's own port left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads `http://host[:port]`, a trailing slash allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://")?;
        let own_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let foreign = |c: char| !c.is_ascii_graphic() || "/?#@\\".contains(c);
        if authority.is_empty() || authority.contains(foreign) {
            return None;
        }
        let authority = authority.strip_suffix(own_port).unwrap_or(authority);
        Some(Self(format!("{scheme}://{authority}")))
    }

    /// The origin as browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host, with the port where it is not the scheme's own.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }
}

impl Config {
    /// Reads the environment.
    pub fn from_env(get: Get<'_>) -> Result<Self, BadValue> {
        let number = |variable: &env::Variable, low, high, default| {
            variable.read(get, env::number(low, high)).map(|read| read.unwrap_or(default))
        };
        let millis = |variable: &env::Variable, low, default| {
            number(variable, low, 10 * 365 * 86_400_000, default).map(Duration::from_millis)
        };
        let streams = number(&env::MAX_STREAMS, 1, 1_000_000, 10_000)? as usize;
        let limits = Limits {
            streams,
            connections: streams + CONNECTIONS_BESIDES,
            streams_per_agent: number(&env::MAX_STREAMS_PER_AGENT, 1, 1_000_000, 8)? as usize,
            ..Limits::default()
        };
        let days = number(&env::RETENTION_DAYS, 1, 36_500, 30)?;
        Ok(Self {
            host: env::HOST.read(get, host)?.unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: number(&env::PORT, 0, 65_535, 4850)? as u16,
            db_path: env::DB_PATH.read(get, |path| Ok(PathBuf::from(path)))?,
            log: env::LOG.read(get, Log::parse)?.unwrap_or_else(Log::info),
            stale_ttl: millis(&env::STALE_TTL, 1_000, 120_000)?,
            offline_prune: millis(&env::OFFLINE_PRUNE, 1_000, 86_400_000)?,
            reap_interval: millis(&env::REAP_INTERVAL, 100, 60_000)?,
            retention: Duration::from_hours(24 * days),
            token: env::TOKEN.read(get, token)?,
            integrations: Integrations::default(),
            events_per_minute: number(&env::INTEGRATION_RATE_LIMIT, 1, 1_000_000, 120)? as u32,
            callback_timetable: callback::TIMETABLE.to_vec(),
            callback_timeout: millis(&env::CALLBACK_TIMEOUT, 1, 10_000)?,
            operator: None,
            cors: env::CORS_ORIGINS.read(get, Cors::parse)?.unwrap_or(Cors::Only(Vec::new())),
            allow_unauth: env::ALLOW_UNAUTH.read(get, flag)?.unwrap_or(false),
            allowed_hosts: env::ALLOWED_HOSTS.read(get, hosts)?.unwrap_or_default(),
            identity: env::IDENTITY
                .read(get, |text| text.parse::<Mode>().map_err(|e| e.to_string()))?
                .unwrap_or_default(),
            public_url: env::PUBLIC_URL.read(get, public_url)?,
            limits,
        })
    }

    /// Refuses settings that would let strangers in. To be called once the flags are applied.
    pub fn check(&self) -> Result<(), BadValue> {
        let bad = |variable: env::Variable, value: &str, allowed: &str| BadValue {
            name: variable.name,
            value: value.to_owned(),
            allowed: allowed.to_owned(),
        };
        if self.is_exposed() && !self.allow_unauth {
            return Err(bad(
                env::HOST,
                &self.host,
                "an address beyond loopback takes a token in AGENT_RELAY_TOKEN; without one, \
                 AGENT_RELAY_ALLOW_UNAUTH=1 lets everybody who can reach it in",
            ));
        }
        if self.cors == Cors::Any && self.token.is_none() {
            return Err(bad(
                env::CORS_ORIGINS,
                "*",
                "every origin may call only a relay with a token in AGENT_RELAY_TOKEN",
            ));
        }
        Ok(())
    }

    /// True when others than this machine's own processes can reach a relay that asks for nothing.
    pub fn is_exposed(&self) -> bool {
        self.token.is_none() && !is_loopback(&self.host)
    }
}

/// True for `localhost` and for loopback addresses.
pub fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>()
        .map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

impl Log {
    fn info() -> Self {
        Self { json: false, filter: "info".to_owned() }
    }

    /// Reads `info`, `relay_server=debug`, `json`, `json,info`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (json, filter) = match text.trim() {
            "json" => (true, "info"),
            text => text.strip_prefix("json,").map_or((false, text), |rest| (true, rest)),
        };
        EnvFilter::builder()
            .parse(filter)
            .map_err(|_| "must be a filter such as `info`, `relay_server=debug` or `json,info`")?;
        Ok(Self { json, filter: filter.to_owned() })
    }
}

impl Cors {
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let origin = |part| Origin::parse(part).ok_or_else(|| not_an_origin(part));
        env::list(text).into_iter().map(origin).collect::<Result<_, _>>().map(Self::Only)
    }
}

fn not_an_origin(part: &str) -> String {
    let part: String = part.chars().take(80).collect();
    format!("`{part}` is no origin; write http://host:port or https://host:port")
}

fn public_url(text: &str) -> Result<Origin, String> {
    Origin::parse(text.trim())
        .ok_or_else(|| "must be http://host[:port] or https://host[:port]".into())
}

fn host(text: &str) -> Result<String, String> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if !text.is_empty() && text.chars().all(name) {
        Ok(text.to_owned())
    } else {
        Err("must be an address such as 127.0.0.1, ::1 or 0.0.0.0, or a host's name".into())
    }
}

fn hosts(text: &str) -> Result<Vec<String>, String> {
    env::list(text)
        .into_iter()
        .map(|name| {
            if name.contains(['/', '*', ' ']) {
                Err("must be names of hosts, separated by commas, without scheme and path".into())
            } else {
                Ok(name.to_ascii_lowercase())
            }
        })
        .collect()
}

fn token(text: &str) -> Result<SecretString, String> {
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(SecretString::from(text))
    } else {
        Err("must be visible ASCII characters, because it travels in a header".into())
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text.trim() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("must be 1 or 0".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, String> {
        let get =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let config = Config::from_env(&get).map_err(|e| e.to_string())?;
        config.check().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn nothing_set_is_a_loopback_relay_without_a_token() {
        let config = read(&[]).unwrap();
        assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 4850));
        assert!(config.token.is_none() && !config.is_exposed());
        assert_eq!(config.stale_ttl, Duration::from_mins(2));
        assert_eq!(config.limits.streams_per_agent, 8);
    }

    #[test]
    fn a_bad_value_names_the_variable_the_value_and_what_is_allowed() {
        let refused = |name: &str, value: &str, allowed: &str| {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{name} is `{value}`: ")), "{error}");
            assert!(error.contains(allowed), "{error}");
        };
        refused("PORT", "65536", "0 to 65535");
        refused("PORT", "http", "0 to 65535");
        refused("AGENT_RELAY_HOST", "a b", "127.0.0.1");
        refused("STALE_TTL_MS", "0", "1000");
        refused("AGENT_RELAY_IDENTITY", "loose", "mark or strict");
        refused("AGENT_RELAY_PUBLIC_URL", "relay.example", "https://");
        refused("AGENT_RELAY_CORS_ORIGINS", "ftp://x", "http://host:port");
        refused("AGENT_RELAY_ALLOWED_HOSTS", "http://x", "without scheme");
        refused("AGENT_RELAY_ALLOW_UNAUTH", "yes", "1 or 0");
        refused("AGENT_RELAY_LOG", "relay_server=loud", "json,info");
        refused("AGENT_RELAY_MAX_STREAMS", "-1", "1 to");
        let secret = read(&[("AGENT_RELAY_TOKEN", "päss")]).unwrap_err();
        assert_eq!(secret.split(": ").next(), Some("AGENT_RELAY_TOKEN is `…`"));
    }

    #[test]
    fn an_open_relay_beyond_loopback_must_be_asked_for() {
        for host in ["0.0.0.0", "::", "192.168.1.5", "relay.lan"] {
            let error = read(&[("HOST", host)]).unwrap_err();
            assert!(error.contains("AGENT_RELAY_ALLOW_UNAUTH=1"), "{error}");
            assert!(
                read(&[("HOST", host), ("AGENT_RELAY_ALLOW_UNAUTH", "1")]).unwrap().is_exposed()
            );
            assert!(!read(&[("HOST", host), ("AGENT_RELAY_TOKEN", "t")]).unwrap().is_exposed());
        }
        for host in ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"] {
            assert!(read(&[("HOST", host)]).is_ok(), "{host}");
        }
    }

    #[test]
    fn every_origin_is_welcome_only_where_a_token_is_asked_for() {
        assert!(read(&[("AGENT_RELAY_CORS_ORIGINS", "*")]).is_err());
        let config =
            read(&[("AGENT_RELAY_CORS_ORIGINS", "*"), ("AGENT_RELAY_TOKEN", "t")]).unwrap();
        assert_eq!(config.cors, Cors::Any);
    }

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        let same = |a: &str, b: &str| assert_eq!(Origin::parse(a), Origin::parse(b), "{a} {b}");
        same("HTTP://Relay.Example:80/", "http://relay.example");
        same("https://relay.example:443", "https://relay.example");
        assert_ne!(Origin::parse("http://a"), Origin::parse("https://a"));
        for bad in ["null", "", "a", "file://", "http://", "http://a/b", "http://u@a", "http://a b"]
        {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_log_filter_may_ask_for_json() {
        let log = |text: &str| Log::parse(text).map(|log| (log.json, log.filter));
        assert_eq!(log("json"), Ok((true, "info".into())));
        assert_eq!(log("json,relay_server=debug"), Ok((true, "relay_server=debug".into())));
        assert_eq!(log("debug"), Ok((false, "debug".into())));
    }

    #[test]
    fn secrets_do_not_print() {
        let config = read(&[("AGENT_RELAY_TOKEN", "s3cret-canary")]).unwrap();
        assert!(!format!("{config:?}").contains("canary"));
    }
}
