//! Registering a guest on this machine: under which id, with what proof, known to whom.

use std::{fs::File, path::PathBuf, time::Duration};

use relay_client::{
    Member, Session, SessionOptions,
    config::operator_token,
    error::ClientError,
    http::Relay,
    identity::{self, Lookup, StateFile, token_file},
    place::{create_private_dir, machine, state_dir},
    session::SessionError,
};
use relay_core::{api::request::RegisterAgent, error::Code, id::AgentId, version::VERSION};

use super::{Local, PROVIDER, is_ours};
use crate::{
    mcp::{
        Client,
        fault::Fault,
        guest::{Registration, start},
    },
    speaker::port,
};

/// How many clients in one place are told apart.
const MOST_NAMESAKES: u32 = 9;
/// How often, and how many times, it is looked whether another process has chosen.
const AGAIN: Duration = Duration::from_millis(20);
const LOOKS: u32 = 250;

impl Local {
    /// Registers the guest of that key, or of the name. Clients of one place are told apart by number.
    pub(super) async fn register(
        &self,
        key: &str,
        named: Option<AgentId>,
        client: &Client,
    ) -> Result<Session, Fault> {
        let place = project(client);
        let number = if named.is_some() { 1 } else { MOST_NAMESAKES };
        let first = named.unwrap_or_else(|| AgentId::of_session(&machine(), &place, key));
        // Until it is written down who we are, another process of this place must not choose.
        let _alone = alone().await;
        let mut refused = None;
        for number in 1..=number {
            let id = namesake(&first, number)?;
            if self.is_held_elsewhere(&id)? {
                continue;
            }
            match self.start(self.describe(id, &place, client)).await {
                Err(SessionError::Relay(error)) if error.is(Code::AgentIdTaken) => {
                    refused = Some(error);
                }
                started => {
                    let session = started?;
                    remember(&session);
                    return Ok(session);
                }
            }
        }
        let taken = || Fault::new("agent_id_taken", format_args!("`{first}` is taken"));
        Err(refused.map_or_else(taken, Fault::from))
    }

    /// Registers with the relay's token; the user whose relay it is needs none.
    async fn start(&self, register: RegisterAgent) -> Result<Session, SessionError> {
        let relay = self.relay(&self.config.url)?;
        let started = start(self.registration(relay.clone(), register.clone())).await;
        let operator = match &started {
            Err(SessionError::Relay(error))
                if error.status() == Some(401) && self.config.token.is_none() =>
            {
                port(relay.url()).filter(|_| relay.is_local()).map(operator_token)
            }
            _ => None,
        };
        match operator.transpose().map_err(ClientError::from)?.flatten() {
            Some(token) => {
                let relay = relay.with_token(&token).map_err(ClientError::from)?;
                start(self.registration(relay, register)).await
            }
            None => started,
        }
    }

    fn registration(&self, relay: Relay, register: RegisterAgent) -> Registration {
        let options = SessionOptions {
            heartbeat: self.config.heartbeat,
            token_file: token_file(&register.id).ok(),
            ..SessionOptions::default()
        };
        Registration { relay, register, options }
    }

    fn describe(&self, id: AgentId, place: &str, client: &Client) -> RegisterAgent {
        let mut request = RegisterAgent {
            provider: PROVIDER.parse().ok(),
            project: place.parse().ok(),
            cwd: folder().and_then(|folder| folder.to_str()?.parse().ok()),
            label: self.config.label.clone().or_else(|| client.label()),
            version: VERSION.parse().ok(),
            ..RegisterAgent::new(id)
        };
        self.config.describe(&mut request);
        request
    }

    /// True when another process on this machine is that agent: its token must not be taken.
    fn is_held_elsewhere(&self, id: &AgentId) -> Result<bool, Fault> {
        let lookup = Lookup::new(Some(id.clone()), &self.config)?;
        let found = identity::find(&lookup)?;
        Ok(found.and_then(|found| found.session).is_some_and(|file| !is_ours(&file)))
    }
}

/// The second and further agents of one place have a number.
fn namesake(first: &AgentId, number: u32) -> Result<AgentId, Fault> {
    if number == 1 {
        return Ok(first.clone());
    }
    let id = format!("{first}-{number}");
    id.parse().map_err(|error| Fault::new("bad_setting", format_args!("`{id}` {error}")))
}

/// A project is called as its folder. Programs with windows are started nowhere in particular.
fn project(client: &Client) -> String {
    let name = folder()
        .filter(|folder| std::env::home_dir().is_none_or(|home| *folder != home))
        .and_then(|folder| Some(folder.file_name()?.to_str()?.to_owned()));
    name.unwrap_or_else(|| client.place().to_owned())
}

fn folder() -> Option<PathBuf> {
    std::env::current_dir().ok()
}

/// Writes the session down, so that another process of this place does not take it over.
fn remember(member: &Member) {
    let id = member.id().clone();
    let file = StateFile {
        token: member.token(),
        cwd: folder(),
        ..StateFile::new(id.clone(), member.relay().url(), PROVIDER, std::process::id())
    };
    if let Err(error) = identity::save(&file) {
        tracing::warn!(agent.id = %id, %error, "the session is not written down");
    }
}

pub(super) fn forget(id: &AgentId) {
    if let Err(error) = identity::remove(id) {
        tracing::warn!(agent.id = %id, %error, "the session stays written down");
    }
}

/// Leave to choose an id, for as long as it is held. Who does not get it in time goes on without:
/// that another one hangs is no reason to be nobody.
async fn alone() -> Option<File> {
    let folder = state_dir().ok()?;
    create_private_dir(&folder).ok()?;
    let lock = File::create(folder.join("mcp.lock")).ok()?;
    for _ in 0..LOOKS {
        if lock.try_lock().is_ok() {
            return Some(lock);
        }
        tokio::time::sleep(AGAIN).await;
    }
    None
}
