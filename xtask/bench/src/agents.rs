//! Registering the bench's agents, and the tokens they get.

use std::io;
use std::net::SocketAddr;

use futures_util::future::try_join_all;
use serde_json::Value;

use crate::connection::Connection;
use crate::reply::{Framing, find};
use crate::request;

/// A registered agent.
#[derive(Clone)]
pub struct Agent {
    pub id: String,
    pub token: String,
}

/// Registers `{prefix}-0` and so on, over a few connections at once.
pub async fn register(address: SocketAddr, prefix: &str, count: usize) -> io::Result<Vec<Agent>> {
    const CONNECTIONS: usize = 32;
    let ids: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
    let shares = ids.chunks(count.div_ceil(CONNECTIONS).max(1));
    let agents = try_join_all(shares.map(|share| register_share(address, share))).await?;
    Ok(agents.into_iter().flatten().collect())
}

async fn register_share(address: SocketAddr, ids: &[String]) -> io::Result<Vec<Agent>> {
    let mut connection = Connection::open(address, Framing::Http).await?;
    let mut agents = Vec::with_capacity(ids.len());
    for id in ids {
        let reply = connection.exchange(&request::register(id)).await?;
        let body = find(reply, b"\r\n\r\n").map_or(reply, |head| &reply[head + 4..]);
        let body: Value = serde_json::from_slice(body)?;
        let token = body["token"].as_str().ok_or_else(|| io::Error::other("no token came"))?;
        agents.push(Agent { id: id.clone(), token: token.to_owned() });
    }
    Ok(agents)
}
