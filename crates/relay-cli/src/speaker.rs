//! Who speaks: the agent of this terminal or session, or the person at the keyboard.

use relay_client::{
    config::{Config, operator_token},
    http::Relay,
    identity::{self, Found, Identity, Lookup, StateFile, kept_token},
};
use relay_core::{env, id::AgentId};

use crate::{failure::Failure, settings::Settings};

/// What makes the relay believe who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The agent's own token.
    Own,
    /// The operator's token, which speaks for `human`.
    Operator,
    /// None: what we send is marked as unverified.
    None,
}

/// Who speaks, and with which token.
#[derive(Debug)]
pub struct Speaker {
    /// The agent's id; `human` where nobody has joined.
    pub agent: AgentId,
    /// The token to speak with, where it is not the one of the settings.
    pub token: Option<String>,
    /// What makes the relay believe it.
    pub proof: Proof,
    /// The session on this machine, where one was joined.
    pub session: Option<StateFile>,
}

impl Speaker {
    /// Looks for an agent: by name, by variable, by the session, by the processes above this one.
    pub fn look(named: Option<AgentId>, config: &Config) -> Result<Option<Identity>, Failure> {
        let lookup = Lookup::new(named, config).map_err(Failure::usage)?;
        Ok(identity::find(&lookup)?)
    }

    /// Chooses who speaks to this relay. A token never goes to another relay than the one that gave
    /// it, and an agent that joined another relay does not speak here.
    pub fn choose(
        identity: Option<Identity>,
        relay: &Relay,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let chosen = settings.is_flag(&env::TOKEN);
        let here = identity.filter(|identity| is_here(identity, relay));
        let Some(identity) = here.filter(|identity| !identity.agent.is_human()) else {
            return Self::human(relay, chosen);
        };
        let token = if chosen { None } else { own_token(&identity, relay)? };
        let proof = token.as_ref().map_or(Proof::None, |_| Proof::Own);
        let session = identity.session.filter(|session| is_of(session, relay));
        Ok(Self { agent: identity.agent, token, proof, session })
    }

    /// The person: proven on the relay's own machine, by the file that `serve` wrote.
    fn human(relay: &Relay, chosen: bool) -> Result<Self, Failure> {
        let token = match port(relay.url()).filter(|_| relay.is_local() && !chosen) {
            Some(port) => operator_token(port).map_err(Failure::usage)?,
            None => None,
        };
        let proof = token.as_ref().map_or(Proof::None, |_| Proof::Operator);
        Ok(Self { agent: AgentId::human(), token, proof, session: None })
    }

    /// Says where a token came from that the relay did not accept, when it was not the settings' own.
    pub fn advise(&self, failure: Failure) -> Failure {
        if !failure.is_unauthorized() || self.proof != Proof::Operator {
            return failure;
        }
        failure.hint(
            "the operator's token of this port is another relay's; give this one's with --token-file",
        )
    }

    /// True when this is the agent of a session on this machine.
    pub fn is_joined(&self) -> bool {
        self.session.is_some()
    }
}

/// The agent's own token for this relay: as it is kept, else as its session was written down.
fn own_token(identity: &Identity, relay: &Relay) -> Result<Option<String>, Failure> {
    let kept = kept_token(&identity.agent, relay).map_err(Failure::usage)?;
    let session = identity.session.as_ref().filter(|session| is_of(session, relay));
    Ok(kept.or_else(|| session?.token.clone()))
}

/// An agent that was named speaks wherever it is told to; one that was found speaks to its relay.
fn is_here(identity: &Identity, relay: &Relay) -> bool {
    let named = matches!(identity.found, Found::Named | Found::Variable);
    named || identity.session.as_ref().is_none_or(|session| is_of(session, relay))
}

/// True when the session is one of this relay; this machine has many names and one port.
fn is_of(session: &StateFile, relay: &Relay) -> bool {
    let Ok(own) = Relay::new(&session.relay_url, None) else { return false };
    let same_machine = own.is_local() && relay.is_local();
    own.url() == relay.url() || (same_machine && port(own.url()) == port(relay.url()))
}

/// The port in a relay's address; the scheme's own where none stands there.
pub fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    match authority.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => port.parse().ok(),
        _ if scheme == "https" => Some(443),
        _ => Some(80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for (url, expected) in [
            ("http://localhost:4850", 4850),
            ("http://[::1]:9/api", 9),
            ("http://[::1]", 80),
            ("https://relay.example/team:1", 443),
        ] {
            assert_eq!(port(url), Some(expected), "{url}");
        }
    }
}
