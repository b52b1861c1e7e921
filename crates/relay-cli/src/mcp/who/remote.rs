//! Who asks over HTTP: the agent whose token it is, or a guest of the session.

use relay_client::{Session, SessionOptions, http::Relay, place::machine};
use relay_core::{
    api::request::RegisterAgent, caller::Caller, id::AgentId, text::Word, version::VERSION,
};
use relay_server::http::mcp::Asker;
use secrecy::{ExposeSecret as _, SecretString};

use super::Sender;
use crate::mcp::{
    Client,
    fault::Fault,
    guest::{Guests, Lobby, Registration, start},
    voice::Voice,
};

/// The relay itself, reached as every client reaches it.
pub struct Remote {
    relay: Relay,
    /// What tells this session from all others.
    session: String,
    guests: Guests,
}

impl Remote {
    /// One session's.
    pub fn new(relay: Relay, session: String, lobby: Lobby) -> Self {
        Self { relay, session, guests: Guests::new(lobby) }
    }

    /// The agent that speaks. A token that is nobody's in particular speaks for a guest.
    pub async fn speaks(&self, sender: &Sender) -> Result<Voice, Fault> {
        let Some(asker) = &sender.asker else {
            return Err(Fault::new("internal", "nobody says who asks"));
        };
        let token = asker.token.as_ref().map(SecretString::expose_secret);
        let relay = match token {
            Some(token) => self.relay.with_token(token)?,
            None => self.relay.clone(),
        };
        match &asker.caller {
            Caller::Agent(id) => Ok(Voice::alive_by_calls(id.clone(), relay)),
            Caller::Operator => Ok(Voice::fetching(AgentId::human(), relay)),
            Caller::Integration(integration) => Ok(Voice::hosted(integration.name.clone(), relay)),
            Caller::Anonymous | Caller::Full | Caller::Scoped { .. } if sender.in_session => {
                let key = token.unwrap_or_default();
                let register = || register(relay, self.describe(asker, &sender.client));
                let member = self.guests.get_or_register(key, register, |_| {}).await?;
                Ok(Voice::guest(member))
            }
            Caller::Anonymous | Caller::Full | Caller::Scoped { .. } => {
                Err(Fault::new("unauthorized", "this call belongs to no session, so nobody speaks")
                    .hint("begin with `initialize`, or send an agent's own token"))
            }
        }
    }

    fn describe(&self, asker: &Asker, client: &Client) -> RegisterAgent {
        let machine = if asker.peer.to_canonical().is_loopback() { machine() } else { remote() };
        let id = AgentId::of_session(&machine, client.place(), &self.session);
        RegisterAgent {
            provider: "mcp".parse().ok(),
            project: client.place().parse().ok(),
            machine: Some(machine),
            label: client.label(),
            capabilities: Some(vec!["chat".parse().expect("a word")]),
            version: VERSION.parse().ok(),
            ..RegisterAgent::new(id)
        }
    }
}

/// A machine of which only its address is known.
fn remote() -> Word {
    "remote".parse().expect("a word")
}

async fn register(relay: Relay, register: RegisterAgent) -> Result<Session, Fault> {
    let options = SessionOptions::default();
    Ok(start(Registration { relay, register, options }).await?)
}
