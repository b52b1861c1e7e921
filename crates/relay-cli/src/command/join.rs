//! `agent-relay join` and `leave`: this terminal is an agent, and is none any more.

use std::path::Path;

use relay_client::{
    error::ClientError,
    http::Relay,
    identity::{self, Process, StateFile, TokenFile, kept_token, parent, token_file},
};
use relay_core::{
    agent::Status,
    api::{reply::Registered, request::RegisterAgent},
    env,
    id::AgentId,
    version::{VERSION, warning},
};

use crate::{
    context::Context,
    failure::Failure,
    settings::Settings,
    speaker::{Proof, Speaker},
};

/// Make this terminal an agent
///
/// Its commands, `inbox --wait` and `watch` keep it alive; after two minutes of silence it counts as offline,
/// and its next command brings it back.
#[derive(Debug, clap::Args)]
pub struct Join {
    /// Its id [default: AGENT_RELAY_ID, else made from the machine, the folder and the terminal]
    name: Option<AgentId>,
    /// What people call it [env: AGENT_RELAY_LABEL]
    #[arg(long)]
    label: Option<String>,
    /// A group it belongs to; several times for several [env: AGENT_RELAY_TAGS]
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// What it can do; several times for several [env: AGENT_RELAY_CAPS]
    #[arg(long = "cap", value_name = "CAP")]
    caps: Vec<String>,
    /// A channel it subscribes to; several times for several [env: AGENT_RELAY_CHANNELS]
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// What it may do without asking: open, guarded or read-only [env: AGENT_RELAY_APPROVAL]
    #[arg(long, value_name = "MODE")]
    approval: Option<String>,
    /// The profile to take defaults from [env: AGENT_RELAY_PROFILE]
    #[arg(long)]
    profile: Option<String>,
}

impl Join {
    /// Puts the options in the place of the variables that say the same.
    pub fn settings(&self, settings: Settings) -> Settings {
        let list = |words: &[String]| (!words.is_empty()).then(|| words.join(","));
        settings
            .flag("--label", &env::LABEL, self.label.as_ref())
            .flag("--tag", &env::TAGS, list(&self.tags))
            .flag("--cap", &env::CAPS, list(&self.caps))
            .flag("--channel", &env::CHANNELS, list(&self.channels))
            .flag("--approval", &env::APPROVAL, self.approval.as_ref())
            .flag("--profile", &env::PROFILE, self.profile.as_ref())
    }

    /// Registers, and writes down for the next commands of this terminal who they are.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let terminal = parent()
            .ok_or_else(|| Failure::refused("the process that holds this terminal is not seen"))?;
        let id = self.id(context, terminal)?;
        id.check_unreserved().map_err(|error| Failure::usage(format_args!("the name {error}")))?;
        check_free(context, &id, terminal)?;
        let registered = register(context, &describe(&id, context)).await?;
        remember(context, &registered, terminal)?;
        let agent = &registered.agent;
        context.output.show(agent, || format!("joined {} as {}", context.relay.url(), agent.id))?;
        context.output.note(&format!(
            "next: `agent-relay inbox --wait` here; in another terminal `agent-relay send {} \"hello\"`",
            agent.id
        ));
        warn_of_version(context).await;
        Ok(())
    }

    fn id(&self, context: &Context, terminal: Process) -> Result<AgentId, Failure> {
        let told = [&self.name, &context.named, &context.config.agent];
        if let Some(id) = told.into_iter().flatten().next() {
            return Ok(id.clone());
        }
        // A shell within the terminal that joined may be an agent of its own.
        let held = context.speaker.session.as_ref().filter(|session| session.pid == terminal.pid);
        if let Some(session) = held {
            return Ok(session.agent_id.clone());
        }
        let session = format!("{}-{}", terminal.pid, terminal.started_at);
        let folder = folder()?;
        Ok(AgentId::of_session(&hostname(), project(&folder), &session))
    }
}

/// Once for a terminal; a relay that does not say its version is none to warn of.
async fn warn_of_version(context: &Context) {
    if let Ok(stats) = context.relay.stats().await
        && let Some(warning) = warning(VERSION, &stats.version)
    {
        context.output.warn(&warning);
    }
}

/// A terminal is one agent, and an agent is one terminal: refuses where either is taken.
fn check_free(context: &Context, id: &AgentId, terminal: Process) -> Result<(), Failure> {
    let own = context.speaker.session.as_ref().filter(|session| session.pid == terminal.pid);
    if let Some(session) = own.filter(|session| session.agent_id != *id) {
        let is = format_args!("this terminal is `{}` already", session.agent_id);
        return Err(Failure::refused(is).hint("leave first: agent-relay leave"));
    }
    let identity = Speaker::look(Some(id.clone()), &context.config)?;
    match identity.and_then(|identity| identity.session) {
        Some(session) if session.pid != terminal.pid => Err(Failure::refused(format_args!(
            "`{id}` is another session on this machine (process {})",
            session.pid
        ))
        .hint("choose another name, or leave there: agent-relay leave")),
        _ => Ok(()),
    }
}

fn describe(id: &AgentId, context: &Context) -> RegisterAgent {
    let folder = folder().ok();
    let text = folder.as_ref().map(|folder| folder.to_string_lossy().into_owned());
    let mut request = RegisterAgent {
        provider: "cli".parse().ok(),
        machine: hostname().parse().ok(),
        project: folder.as_ref().and_then(|folder| project(folder).parse().ok()),
        cwd: text.and_then(|text| text.parse().ok()),
        version: VERSION.parse().ok(),
        ..RegisterAgent::new(id.clone())
    };
    context.config.describe(&mut request);
    request
}

/// Registers with the agent's own token where this user has it from before. The tokens that may
/// do everything are asked to take only an id that nobody has.
async fn register(context: &Context, request: &RegisterAgent) -> Result<Registered, Failure> {
    let plain = context.config.relay().map_err(Failure::usage)?.with_retries(1);
    if let Some(own) = kept_token(&request.id, &plain).map_err(Failure::usage)? {
        let relay = plain.with_token(&own).map_err(Failure::usage)?;
        match relay.register_agent(request).await {
            // A relay that begins anew does not know its old tokens.
            Err(error) if error.status() == Some(401) => {}
            answer => return Ok(answer?),
        }
    }
    if context.config.token.is_some() {
        return register_with_all_rights(&plain, request).await;
    }
    match plain.register_agent(request).await {
        Err(error) if error.status() == Some(401) && context.speaker.proof == Proof::Operator => {
            register_with_all_rights(&context.relay, request).await
        }
        answer => Ok(answer?),
    }
}

async fn register_with_all_rights(
    relay: &Relay,
    request: &RegisterAgent,
) -> Result<Registered, Failure> {
    match relay.agent(&request.id).await {
        Ok(agent) if agent.is_live() => {
            Err(Failure::refused(format_args!("`{}` is registered and live", agent.id))
                .hint("choose another name, or let the other one leave first"))
        }
        Ok(_) => Ok(relay.register_agent(request).await?),
        Err(ClientError::Refused(refusal)) if refusal.status == 404 => {
            Ok(relay.register_agent(request).await?)
        }
        Err(error) => Err(error.into()),
    }
}

fn remember(context: &Context, registered: &Registered, terminal: Process) -> Result<(), Failure> {
    let id = &registered.agent.id;
    let kept = TokenFile::new(token_file(id).map_err(Failure::usage)?, &context.relay, id);
    if let Some(token) = &registered.token {
        kept.write(token).map_err(|error| {
            Failure::refused(format_args!("cannot write {}: {error}", kept.path().display()))
        })?;
    }
    let session = StateFile {
        token: registered.token.clone().or_else(|| kept.read()),
        cwd: folder().ok(),
        ..StateFile::new(id.clone(), context.relay.url(), "cli", terminal.pid)
    };
    Ok(identity::save(&session)?)
}

/// Make this terminal nobody's again; its agent is offline
#[derive(Debug, clap::Args)]
pub struct Leave {}

impl Leave {
    /// The session ends here even where the relay cannot be told: there it ends by silence.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Some(session) = &context.speaker.session else {
            return Err(Failure::refused("this terminal has not joined")
                .hint("`agent-relay join NAME` makes it an agent"));
        };
        let id = &session.agent_id;
        let told = context.relay.set_status(id, Status::Offline, None).await;
        identity::remove(id)?;
        match told {
            Ok(agent) => context.output.show(&agent, || format!("{id} has left")),
            Err(error) if error.status() == Some(404) => {
                context.output.line(&format!("{id} has left"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn hostname() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn folder() -> Result<std::path::PathBuf, Failure> {
    std::env::current_dir()
        .map_err(|error| Failure::refused(format_args!("this folder cannot be named: {error}")))
}

/// A project is called as its folder.
fn project(folder: &Path) -> &str {
    folder.file_name().and_then(|name| name.to_str()).unwrap_or("root")
}
