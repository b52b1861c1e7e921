//! Taking the port.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, lookup_host};

use crate::config::Config;

/// The address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: String,
    /// Why not.
    pub source: io::Error,
}

impl BindError {
    /// True when somebody else listens there.
    pub fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Binds to the host and port of the settings. With 127.0.0.1, `[::1]` is bound too, so that
/// `localhost` never reaches a stranger: if one holds it, that is an error.
pub async fn bind(config: &Config) -> Result<Vec<TcpListener>, BindError> {
    let (host, port) = (config.host.as_str(), config.port);
    let failed = |address: String| move |source| BindError { address, source };
    let named = || failed(format!("{host}:{port}"));
    let addresses: Vec<SocketAddr> = lookup_host((host, port)).await.map_err(named())?.collect();
    let mut listeners = Vec::new();
    let first = TcpListener::bind(addresses.as_slice()).await.map_err(named())?;
    let bound = first.local_addr().map_err(named())?;
    listeners.push(first);
    if host == "127.0.0.1" || host.eq_ignore_ascii_case("localhost") {
        let other = if bound.is_ipv4() { "::1" } else { "127.0.0.1" };
        match TcpListener::bind((other, bound.port())).await {
            Ok(second) => listeners.push(second),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(failed(format!("{other} port {}", bound.port()))(error));
            }
            // A machine without IPv6 has nobody there, either.
            Err(error) => tracing::debug!(%error, other, "only one loopback address is there"),
        }
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(host: &str, port: u16) -> Config {
        Config { host: host.to_owned(), port, ..Config::from_env(&|_| None).unwrap() }
    }

    #[tokio::test]
    async fn a_taken_port_is_told_apart() {
        let held = bind(&config("127.0.0.1", 0)).await.unwrap();
        let port = held[0].local_addr().unwrap().port();
        assert!(held.iter().all(|listener| listener.local_addr().unwrap().port() == port));
        let error = bind(&config("127.0.0.1", port)).await.unwrap_err();
        assert!(error.is_taken(), "{error}");
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_stranger_on_the_other_loopback_address_is_refused() {
        let Ok(stranger) = TcpListener::bind("[::1]:0").await else { return };
        let port = stranger.local_addr().unwrap().port();
        let error = bind(&config("127.0.0.1", port)).await.unwrap_err();
        assert!(error.is_taken() && error.to_string().contains("::1"), "{error}");
    }
}
