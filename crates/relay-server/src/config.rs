//! Settings: read once, from the names in `relay_core::env`, into plain values.
//!
//! The environment comes in as a function, so that tests need none; the command line's flags are
//! written over the fields afterwards, and [`Config::check`] has the last word.

mod integration;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use relay_core::{
    callback,
    env::{self, BadValue},
    identity::Mode,
    token::Digest,
};
use secrecy::{ExposeSecret as _, SecretString};
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
    /// What is not wrong in the settings, and worth a word in the log.
    pub warnings: Vec<String>,
    /// How many events each integration may post in a minute.
    pub events_per_minute: u32,
    /// How long to wait before each attempt of a callback.
    pub callback_timetable: Vec<Duration>,
    /// How long an attempt of a callback may take.
    pub callback_timeout: Duration,
    /// Numbers from 0 to 1 that spread the retries of callbacks.
    pub callback_chance: fn() -> f64,
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
    /// How long the relay serves on once it was asked to stop.
    pub shutdown_delay: Duration,
    /// Where the dashboard's files are read from, in place of those built in.
    pub dashboard_dir: Option<PathBuf>,
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
        let (integrations, warnings) = integration::read(get)?;
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
            integrations,
            warnings,
            events_per_minute: number(&env::INTEGRATION_RATE_LIMIT, 1, 1_000_000, 120)? as u32,
            callback_timetable: env::CALLBACK_RETRY
                .read(get, timetable)?
                .unwrap_or_else(|| callback::TIMETABLE.to_vec()),
            callback_timeout: millis(&env::CALLBACK_TIMEOUT, 1, 10_000)?,
            callback_chance: chance,
            operator: None,
            cors: env::CORS_ORIGINS.read(get, Cors::parse)?.unwrap_or(Cors::Only(Vec::new())),
            allow_unauth: env::ALLOW_UNAUTH.read(get, flag)?.unwrap_or(false),
            allowed_hosts: env::ALLOWED_HOSTS.read(get, hosts)?.unwrap_or_default(),
            identity: env::IDENTITY
                .read(get, |text| text.parse::<Mode>().map_err(|e| e.to_string()))?
                .unwrap_or_default(),
            public_url: env::PUBLIC_URL.read(get, public_url)?,
            shutdown_delay: Duration::from_millis(number(&env::SHUTDOWN_DELAY, 0, 5_000, 0)?),
            dashboard_dir: env::DASHBOARD_DIR.read(get, folder)?,
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
        let digest = |secret: &SecretString| Digest::of(secret.expose_secret());
        let namesake = self.token.as_ref().and_then(|token| self.integrations.find(&digest(token)));
        if let Some(integration) = namesake {
            let why = format!(
                "is also the token of the integration `{}`; give it one of its own",
                integration.name
            );
            return Err(bad(env::TOKEN, "…", &why));
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

fn folder(text: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(text);
    if folder.is_dir() { Ok(folder) } else { Err("must be a folder that is there".into()) }
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

fn timetable(text: &str) -> Result<Vec<Duration>, String> {
    const MOST_ATTEMPTS: usize = 20;
    const THIRTY_DAYS_MS: u64 = 30 * 86_400_000;
    let wait = env::number(0, THIRTY_DAYS_MS);
    let waits: Vec<u64> = text.split(',').map(wait).collect::<Result<_, _>>().map_err(|why| {
        format!("must be numbers of milliseconds, separated by commas; each {why}")
    })?;
    if waits.len() > MOST_ATTEMPTS {
        return Err(format!("must be 1 to {MOST_ATTEMPTS} numbers, one for each attempt"));
    }
    if waits[0] != 0 {
        return Err("must begin with 0: the first attempt is made at once".to_owned());
    }
    Ok(waits.into_iter().map(Duration::from_millis).collect())
}

/// Without a source of random numbers nothing is spread.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

fn flag(text: &str) -> Result<bool, String> {
    match text.trim() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("must be 1 or 0".into()),
    }
}

#[cfg(test)]
mod tests;
