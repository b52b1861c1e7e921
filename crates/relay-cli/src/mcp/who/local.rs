//! Who asks on standard input: an agent that a provider hosts on this machine, or a guest.

mod register;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use relay_client::{
    config::Config,
    error::ClientError,
    http::Relay,
    identity::{self, Found, Identity, Lookup, StateFile, parent},
};
use relay_core::{error::Code, id::AgentId};

use super::Sender;
use crate::{
    mcp::{fault::Fault, guest::Guests, voice::Voice},
    settings::Settings,
    speaker::Speaker,
};

/// How often a call is made again before the model is told.
const RETRIES: u32 = 2;
/// The provider of our guests, as their state files name it.
const PROVIDER: &str = "mcp";

/// What this process knows of itself.
pub struct Local {
    settings: Settings,
    config: Config,
    named: Option<AgentId>,
    guests: Guests,
    /// Relays by address; each keeps its connections.
    relays: Mutex<HashMap<String, Relay>>,
}

impl Local {
    /// Reads the settings.
    pub fn new(settings: Settings, config: Config, named: Option<AgentId>) -> Self {
        let (guests, relays) = (Guests::default(), Mutex::default());
        Self { settings, config, named, guests, relays }
    }

    /// Ends the guests.
    pub async fn close(&self, patience: Duration) {
        self.guests.close(patience).await;
    }

    /// The agent that speaks.
    pub async fn speaks(&self, sender: &Sender) -> Result<Voice, Fault> {
        let thread = sender.thread.as_deref();
        match self.identity(thread)? {
            Some(found) if found.session.as_ref().is_some_and(|file| !is_ours(file)) => {
                self.hosted(found, sender).await
            }
            Some(found) if found.agent.is_human() => Ok(self.human(found)?),
            Some(found) => self.named(found, sender).await,
            None => self.guest(sender, None).await,
        }
    }

    /// By the thread, by name, by variable, by the processes above this one.
    fn identity(&self, thread: Option<&str>) -> Result<Option<Identity>, Fault> {
        let above = parent().map_or_else(std::process::id, |process| process.pid);
        let mut lookup = Lookup { pid: above, ..Lookup::new(self.named.clone(), &self.config)? };
        let Some(thread) = thread else { return Ok(identity::find(&lookup)?) };
        if let Some(found) = identity::of_session(&lookup.folder, thread)? {
            return Ok(Some(found));
        }
        lookup.sessions.clear();
        // One process holds many threads: that one of them is an agent says nothing of another.
        let is_another = |found: &Identity| {
            found.found == Found::Process
                && found.session.as_ref().is_some_and(|file| file.session.is_some())
        };
        match identity::find(&lookup) {
            Err(identity::IdentityError::Ambiguous { .. }) => Ok(None),
            found => Ok(found?.filter(|found| !is_another(found))),
        }
    }

    /// An agent of a session on this machine; of another relay's, nobody is found.
    async fn hosted(&self, found: Identity, sender: &Sender) -> Result<Voice, Fault> {
        let Some(file) = found.session.clone() else { return self.guest(sender, None).await };
        let own = (!self.settings.names_relay()).then_some(file.relay_url.as_str());
        let relay = self.relay(own.unwrap_or(&self.config.url))?;
        let speaker = self.choose(found, &relay)?;
        if speaker.agent.is_human() {
            return self.guest(sender, None).await;
        }
        if let Some(thread) = &sender.thread {
            self.guests.dismiss(thread).await;
        }
        let relay = spoken(&relay, &speaker)?;
        Ok(match file.provider.as_str() {
            "cli" => Voice::alive_by_calls(speaker.agent, relay),
            PROVIDER => Voice::fetching(speaker.agent, relay),
            _ => Voice::hosted(speaker.agent, relay),
        })
    }

    fn human(&self, found: Identity) -> Result<Voice, Fault> {
        let relay = self.relay(&self.config.url)?;
        let speaker = self.choose(found, &relay)?;
        Ok(Voice::fetching(AgentId::human(), spoken(&relay, &speaker)?))
    }

    /// An agent that was named and has no session here: somebody else's, else ours.
    async fn named(&self, found: Identity, sender: &Sender) -> Result<Voice, Fault> {
        let id = found.agent.clone();
        if let Some(member) = self.guests.get(id.as_str()).await {
            return Ok(Voice::guest(member));
        }
        let relay = self.relay(&self.config.url)?;
        let relay = spoken(&relay, &self.choose(found, &relay)?)?;
        match relay.agent(&id).await {
            Ok(agent) if agent.is_live() => Ok(Voice::fetching(id, relay)),
            Err(error @ ClientError::Unreachable { .. }) => Err(error.into()),
            _ => self.taken_on(id, sender).await,
        }
    }

    /// A name of the settings that nobody has yet. Where another process was first, it is shared.
    async fn taken_on(&self, id: AgentId, sender: &Sender) -> Result<Voice, Fault> {
        match self.guest(sender, Some(id)).await {
            Err(fault) if fault.is(Code::AgentIdTaken) => match self.identity(None)? {
                Some(found) if found.session.is_some() => self.hosted(found, sender).await,
                _ => Err(fault),
            },
            other => other,
        }
    }

    fn choose(&self, found: Identity, relay: &Relay) -> Result<Speaker, Fault> {
        let chosen = Speaker::choose(Some(found), relay, &self.settings);
        chosen.map_err(|failure| Fault::new("bad_setting", failure))
    }

    /// A guest: of the thread, of the name, or of the client's process.
    async fn guest(&self, sender: &Sender, named: Option<AgentId>) -> Result<Voice, Fault> {
        let name = named.as_ref().map(|id| id.as_str().to_owned());
        let key = name.or_else(|| sender.thread.clone()).unwrap_or_else(client_process);
        let register = || self.register(&key, named, &sender.client);
        let member = self.guests.get_or_register(&key, register, register::forget).await?;
        Ok(Voice::guest(member))
    }

    fn relay(&self, url: &str) -> Result<Relay, ClientError> {
        let mut relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(relay) = relays.get(url) {
            return Ok(relay.clone());
        }
        let relay = self.settings.client_of(url)?.relay()?.with_retries(RETRIES);
        relays.insert(url.to_owned(), relay.clone());
        Ok(relay)
    }
}

fn is_ours(file: &StateFile) -> bool {
    file.pid == std::process::id()
}

/// The relay with the token that proves who speaks, where there is one.
fn spoken(relay: &Relay, speaker: &Speaker) -> Result<Relay, Fault> {
    match &speaker.token {
        Some(token) => Ok(relay.with_token(token)?),
        None => Ok(relay.clone()),
    }
}

/// What tells this client from the others: the process that started us. A server that is started
/// anew by the same one is the same agent.
fn client_process() -> String {
    match parent() {
        Some(process) => format!("{}-{}", process.pid, process.started_at),
        None => std::process::id().to_string(),
    }
}
