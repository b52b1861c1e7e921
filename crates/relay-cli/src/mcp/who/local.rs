//! Who asks on standard input: an agent that a provider hosts on this machine, or a guest.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use relay_client::{
    Member, Session, SessionOptions,
    config::{Config, operator_token},
    error::ClientError,
    http::Relay,
    identity::{self, Found, Identity, Lookup, StateFile, parent, token_file},
    place::machine,
    session::SessionError,
};
use relay_core::{api::request::RegisterAgent, env, error::Code, id::AgentId, version::VERSION};

use super::Sender;
use crate::{
    mcp::{
        Client,
        fault::Fault,
        guest::{Guests, Registration, start},
        voice::Voice,
    },
    settings::Settings,
    speaker::{Speaker, port},
};

/// How often a call is made again before the model is told.
const RETRIES: u32 = 2;
/// How many clients in one place are told apart by number.
const MOST_NAMESAKES: u32 = 9;
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
        let own = (!self.settings.has(&env::URL)).then_some(file.relay_url.as_str());
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
            _ => self.guest(sender, Some(id)).await,
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
        let member = self.guests.get_or_register(&key, register, forget).await?;
        Ok(Voice::guest(member))
    }

    async fn register(
        &self,
        key: &str,
        named: Option<AgentId>,
        client: &Client,
    ) -> Result<Session, Fault> {
        let place = project(client);
        let number = if named.is_some() { 1 } else { MOST_NAMESAKES };
        let first = named.unwrap_or_else(|| AgentId::of_session(&machine(), &place, key));
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

    fn relay(&self, url: &str) -> Result<Relay, ClientError> {
        let mut relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(relay) = relays.get(url) {
            return Ok(relay.clone());
        }
        let config = Config { url: url.to_owned(), ..self.config.clone() };
        let relay = config.relay()?.with_retries(RETRIES);
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

fn forget(id: &AgentId) {
    if let Err(error) = identity::remove(id) {
        tracing::warn!(agent.id = %id, %error, "the session stays written down");
    }
}
