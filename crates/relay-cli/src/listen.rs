//! Taking the port, and saying who has it when somebody else does.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use relay_core::env::{self, BadValue};
use relay_server::{BindError, Config, bind};
use tokio::net::TcpListener;

use crate::{failure::Failure, port, settings::Settings};

/// How often a free port is looked for that is free on both loopback addresses.
const ATTEMPTS: u32 = 16;

/// Binds to the host and port of the settings.
pub async fn listen(config: &Config, settings: &Settings) -> Result<Vec<TcpListener>, Failure> {
    let mut attempts = if config.port == 0 { ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match bind(config).await {
            Err(error) if error.is_taken() && attempts > 0 => {}
            Err(error) => return Err(explain(&error, config, settings)),
            Ok(listeners) => return Ok(listeners),
        }
    }
}

/// The address at which the relay listens first.
pub fn local(listeners: &[TcpListener]) -> Result<SocketAddr, Failure> {
    let first = listeners.first().map(TcpListener::local_addr);
    first
        .unwrap_or_else(|| Err(io::ErrorKind::AddrNotAvailable.into()))
        .map_err(|error| Failure::refused(format_args!("the socket has no address: {error}")))
}

fn explain(error: &BindError, config: &Config, settings: &Settings) -> Failure {
    let host = |allowed: &str| {
        let (name, value) = (env::HOST.name, config.host.clone());
        settings.explain(BadValue { name, value, allowed: allowed.to_owned() })
    };
    match error.source.kind() {
        io::ErrorKind::AddrInUse => taken(error, config.port),
        io::ErrorKind::PermissionDenied => {
            Failure::refused(format_args!("this user may not listen on port {}", config.port))
                .hint("choose a port above 1023: agent-relay serve --port 4850")
        }
        io::ErrorKind::AddrNotAvailable => host("this machine does not have that address"),
        // What a resolver says differs from system to system.
        _ if config.host.parse::<IpAddr>().is_err() => {
            host("no such host is known; use an address such as 127.0.0.1")
        }
        _ => Failure::refused(error),
    }
}

fn taken(error: &BindError, port: u16) -> Failure {
    let address = &error.address;
    let other =
        format!("or choose another port: agent-relay serve --port {}", port.saturating_add(1));
    match port::holder(port) {
        Some(holder) if holder.name.starts_with("agent-relay") => Failure::refused(format_args!(
            "{address} is taken by {holder}: a relay runs there already"
        ))
        .hint(format_args!("use it (`agent-relay status`), {other}")),
        Some(holder) => Failure::refused(format_args!("{address} is taken by {holder}"))
            .hint(format_args!("stop it, {other}")),
        None => Failure::refused(format_args!("{address} is taken by another program"))
            .hint(format_args!("find it with `{}`, {other}", tool(port))),
    }
}

/// What tells who listens, on this system.
fn tool(port: u16) -> String {
    match std::env::consts::OS {
        "linux" => format!("sudo ss -ltnp 'sport = :{port}'"),
        "windows" => format!("netstat -ano | findstr :{port}"),
        _ => format!("sudo lsof -nP -iTCP:{port} -sTCP:LISTEN"),
    }
}
