//! The one place where an HTTP client is built.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Once,
    time::Duration,
};

use reqwest::{ClientBuilder, Url, redirect::Policy};
use rustls::{ClientConfig, RootCertStore};

use crate::config::ConfigError;

/// Shorter than the relay's own, so that no request meets a connection it is just closing.
const POOL_IDLE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
/// How long a stranger may say nothing.
const SILENCE: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 5;

/// Reads a relay's address: `http` or `https`, a host, perhaps a path under which it is served.
pub(crate) fn parse(text: &str) -> Result<Url, ConfigError> {
    // What stands before an `@` may be a password.
    let shown = text.rsplit('@').next().unwrap_or_default().to_owned();
    let bad = |why: &str| ConfigError::Url { url: shown.clone(), why: why.to_owned() };
    if !["http://", "https://"].iter().any(|scheme| text.trim().starts_with(scheme)) {
        return Err(bad("must begin with http:// or https://"));
    }
    let url = Url::parse(text.trim()).map_err(|e| bad(&e.to_string()))?;
    if url.username() != "" || url.password().is_some() {
        return Err(bad("must not hold a user or password; put the token into AGENT_RELAY_TOKEN"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("must not hold `?` or `#`"));
    }
    Ok(url)
}

/// True for a host that can only be this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// True when two addresses are one relay's: this machine has many names and one port.
pub fn is_same(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (parse(one), parse(other)) else { return one == other };
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let service = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default(), path(url));
    let same_host =
        one.host_str() == other.host_str() || (is_loopback(&one) && is_loopback(&other));
    same_host && service(&one) == service(&other)
}

/// Builds the client for one relay: no redirects (they would carry the token elsewhere), no proxy
/// between a machine and itself, and `localhost` meaning 127.0.0.1 first.
pub(crate) fn client(url: &Url) -> Result<reqwest::Client, ConfigError> {
    let client = builder(url);
    let client = if is_loopback(url) { local(client, url) } else { client };
    client.build().map_err(|e| ConfigError::Tls(e.to_string()))
}

/// The same for a relay that is known to be on this machine, whatever its address.
pub(crate) fn own_client(url: &Url) -> Result<reqwest::Client, ConfigError> {
    local(builder(url), url).build().map_err(|e| ConfigError::Tls(e.to_string()))
}

/// The client for a server that is no relay: it goes on to another address where that is trusted,
/// and carries no secret.
pub fn stranger(is_trusted: fn(&Url) -> bool) -> Result<reqwest::Client, ConfigError> {
    install_crypto();
    let policy = Policy::custom(move |attempt| {
        if attempt.previous().len() > MOST_REDIRECTS || !is_trusted(attempt.url()) {
            return attempt.error("it leads to an address that is not trusted");
        }
        attempt.follow()
    });
    let builder = reqwest::Client::builder()
        .user_agent(concat!("agent-relay/", env!("CARGO_PKG_VERSION")))
        .redirect(policy)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .http1_only();
    builder.build().map_err(|e| ConfigError::Tls(e.to_string()))
}

fn local(client: ClientBuilder, url: &Url) -> ClientBuilder {
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        .map(|address| SocketAddr::new(address, port));
    client.no_proxy().resolve_to_addrs("localhost", &addresses)
}

fn builder(url: &Url) -> ClientBuilder {
    install_crypto();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("agent-relay/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .pool_idle_timeout(POOL_IDLE)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http1_only();
    if url.scheme() == "http" { builder.tls_backend_preconfigured(no_trust()) } else { builder }
}

/// Loading the machine's trust roots takes longer than a whole call over plain HTTP.
fn no_trust() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// rustls asks for one provider per process; a program that has chosen its own keeps it.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_says_why() {
        let why = |text: &str| parse(text).unwrap_err().to_string();
        assert!(why("localhost:4850").contains("http://"), "{}", why("localhost:4850"));
        assert!(why("relay").ends_with("must begin with http:// or https://"), "{}", why("relay"));
        assert!(why("http://").contains("host"), "{}", why("http://"));
        assert!(why("http://x/?token=1").contains('?'));
        for text in ["http://me:hunter2@relay.example", "me:hunter2@relay", "ftp://me:hunter2@x"] {
            assert!(!why(text).contains("hunter2"), "{}", why(text));
        }
        assert!(why("http://me@relay.example").contains("AGENT_RELAY_TOKEN"));
        assert!(parse(" https://relay.example/team ").is_ok());
    }

    #[test]
    fn a_machine_reaches_itself_without_a_proxy() {
        for (text, expected) in [
            ("http://localhost:4850", true),
            ("http://LOCALHOST", true),
            ("http://127.0.0.2:1", true),
            ("http://[::1]:4850", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn both_schemes_build() {
        for text in ["http://localhost:1", "https://localhost:1"] {
            assert!(client(&parse(text).unwrap()).is_ok(), "{text}");
        }
    }
}
