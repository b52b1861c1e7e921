//! One registration: what the relay answered, and how to speak as that agent.

use std::time::Duration;

use relay_core::{agent::Agent, api::request::RegisterAgent};
use tokio::time::sleep;

use crate::{error::ClientError, http::Relay, retry::Backoff};

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// An agent as it was registered.
pub(super) struct Registration {
    pub(super) agent: Agent,
    /// Its own token; none where a relay's full token registered an agent that has another one.
    pub(super) token: Option<String>,
    /// The relay, spoken to as the agent.
    pub(super) relay: Relay,
}

impl Registration {
    /// Registers with the agent's own token, which proves that the id is ours, or with the relay's
    /// when there is none or the relay has forgotten it.
    pub(super) async fn make(
        base: &Relay,
        register: &RegisterAgent,
        token: Option<&str>,
    ) -> Result<Self, ClientError> {
        if let Some(token) = token {
            let relay = base.with_token(token)?;
            match relay.register_agent(register).await {
                Err(error) if error.status() == Some(401) => {}
                other => {
                    let agent = other?.agent;
                    return Ok(Self { agent, token: Some(token.to_owned()), relay });
                }
            }
        }
        let registered = base.register_agent(register).await?;
        let relay = match &registered.token {
            Some(token) => base.with_token(token)?,
            None => base.clone(),
        };
        Ok(Self { agent: registered.agent, token: registered.token, relay })
    }

    /// The same, once there is a relay.
    pub(super) async fn wait(
        base: &Relay,
        register: &RegisterAgent,
        token: Option<&str>,
    ) -> Result<Self, ClientError> {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            match Self::make(base, register, token).await {
                Err(ClientError::Unreachable { url, source, sent: false }) => {
                    tracing::debug!(url, error = %source, "waiting for the relay");
                    sleep(backoff.next()).await;
                }
                other => return other,
            }
        }
    }
}
