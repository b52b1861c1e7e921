//! Which agent a thread is, and what the relay and the commands in the thread are told of it.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use relay_client::{
    Config, Session, SessionError, SessionOptions,
    core::{
        agent::{Approval, Status},
        api::request::RegisterAgent,
        error::Code,
        id::AgentId,
        version::VERSION,
    },
    identity::{self, SessionMap, StateFile, free, token_file},
    place,
};
use tokio::time::sleep;

/// Between one attempt to register and the next.
const PAUSE: Duration = Duration::from_secs(3);
/// The provider's name.
pub const PROVIDER: &str = "codex";

/// A thread as an agent.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// The thread.
    pub thread: String,
    /// The folder it works in.
    pub cwd: PathBuf,
    /// What the person should know.
    pub warnings: Vec<String>,
}

impl Agent {
    /// The agent that this thread is or was: by the map, by the settings, else a new one that is the
    /// same for the same thread. With a number where another live session is that agent; `is_taken`
    /// knows of those in this process.
    pub fn of_thread(
        thread: &str,
        cwd: PathBuf,
        config: &Config,
        is_taken: impl Fn(&AgentId) -> bool,
    ) -> io::Result<Self> {
        let map = SessionMap::of(PROVIDER).map_err(io::Error::other)?;
        let wanted = map.agent(thread).or_else(|| config.agent.clone()).unwrap_or_else(|| {
            let host = gethostname::gethostname().to_string_lossy().into_owned();
            AgentId::of_session(&host, project(&cwd).unwrap_or("root"), thread)
        });
        let (id, warning) = free(&wanted, |id| is_taken(id) || is_another_process(id));
        if id == wanted {
            map.keep(thread, &id)?;
        }
        let warnings = warning.into_iter().collect();
        Ok(Self { id, thread: thread.to_owned(), cwd, warnings })
    }

    /// What the relay is told.
    pub fn registration(&self, config: &Config, approval: Approval) -> RegisterAgent {
        let mut register = RegisterAgent {
            provider: PROVIDER.parse().ok(),
            project: project(&self.cwd).and_then(|project| project.parse().ok()),
            cwd: self.cwd.to_string_lossy().parse().ok(),
            tags: Some(PROVIDER.parse().into_iter().collect()),
            version: VERSION.parse().ok(),
            status: Some(Status::Idle),
            approval: Some(approval),
            ..RegisterAgent::new(self.id.clone())
        };
        config.describe(&mut register);
        register
    }

    /// Writes down for commands and tools in the thread who they are.
    pub fn write_down(&self, config: &Config, token: Option<String>) {
        let state = StateFile {
            token,
            session: Some(self.thread.clone()),
            cwd: Some(self.cwd.clone()),
            ..StateFile::new(self.id.clone(), &config.url, PROVIDER, std::process::id())
        };
        if let Err(error) = identity::save(&state) {
            tracing::warn!(%error, "tools in this thread will not know who they are");
        }
    }

    /// Takes that away, unless another thread is this agent by now.
    pub fn forget(&self) {
        let ours = identity::holder(&self.id).ok().flatten().is_none_or(|file| {
            file.session.as_ref() == Some(&self.thread) && file.pid == std::process::id()
        });
        if ours && let Err(error) = identity::remove(&self.id) {
            tracing::info!(%error, "the state file stays");
        }
    }
}

fn project(cwd: &Path) -> Option<&str> {
    cwd.file_name().and_then(|name| name.to_str())
}

fn is_another_process(id: &AgentId) -> bool {
    let holder = identity::holder(id).ok().flatten();
    holder.is_some_and(|holder| holder.pid != std::process::id())
}

/// Held while a thread finds out who it is, so that no two processes find the same.
pub fn start_lock() -> io::Result<File> {
    let folder = place::state_dir().map_err(io::Error::other)?.join(PROVIDER);
    place::create_private_dir(&folder)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join("start.lock"))?;
    file.lock()?;
    Ok(file)
}

/// Registers, as soon as there is a relay that lets it; never gives up. An id that is live elsewhere
/// gets a number.
pub async fn join(config: &Config, register: RegisterAgent) -> Option<Session> {
    let wanted = register.id.clone();
    let mut number = 1;
    loop {
        let id = if number == 1 {
            Some(wanted.clone())
        } else {
            format!("{wanted}-{number}").parse().ok()
        };
        let register = RegisterAgent { id: id?, ..register.clone() };
        let options = SessionOptions {
            heartbeat: config.heartbeat,
            token: None,
            token_file: token_file(&register.id).ok(),
            wait_for_relay: true,
        };
        let taken = register.id.clone();
        match Session::start(config.relay().ok()?, register, options).await {
            Ok(session) => return Some(session),
            Err(SessionError::Relay(error)) if error.is(Code::AgentIdTaken) && number < 9 => {
                tracing::warn!(agent.id = %taken, "the id is another live session's");
                number += 1;
                continue;
            }
            Err(error) => tracing::warn!(%error, "not registered; trying again"),
        }
        sleep(PAUSE).await;
    }
}
