//! The demo's own relay: in this process, on a temporary database.

use std::{
    env::temp_dir,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use relay_client::place::{create_private_dir, operator_token};
use relay_core::{
    env,
    token::{Kind, mint},
};
use relay_server::{App, Config, bind, config::Log, logging};
use relay_store::Store;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{clock::Behind, story};
use crate::{failure::Failure, listen::local, output::Output, settings::Settings};

/// The port of every relay, where nobody has one there.
const USUAL_PORT: u16 = 4850;
/// How often a free port is looked for that is free on both loopback addresses.
const ATTEMPTS: u32 = 16;
/// The story lies between the heartbeats of the past, which are minutes apart.
const PATIENT: Duration = Duration::from_mins(30);

/// A relay that leaves nothing behind.
pub struct Temporary {
    pub url: String,
    pub clock: Behind,
    pub operator: SecretString,
    /// The token of both integrations of the story, by their names.
    pub integrations: Vec<(&'static str, String)>,
    built: bool,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    /// Removed last.
    folder: Folder,
}

impl Temporary {
    /// Starts it, its clock so many minutes behind.
    pub async fn start(
        settings: &Settings,
        port: Option<u16>,
        minutes: i64,
    ) -> Result<Self, Failure> {
        let integrations = integrations()?;
        let mut config = config(settings, &integrations)?;
        logging::init(&config.log);
        let operator = SecretString::from(mint(Kind::Operator, random()?));
        config.operator = Some(operator.clone());
        let listeners = listen(&mut config, port).await?;
        let address = local(&listeners)?;
        let folder = Folder::create()?;
        let clock = Behind::by(minutes);
        let store = Store::open(relay_store::Config {
            clock: Some(std::sync::Arc::new(clock.clone())),
            integrations: config.integrations.known(),
            ..relay_store::Config::new(folder.0.join("relay.db"))
        })
        .await?;
        let app = App::new(config, store).await?;
        let built = app.dashboard.is_built();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(relay_server::serve(listeners, app, async {
            // An error means that nobody is left who could ask.
            let _ = stopped.await;
        }));
        let url = format!("http://{address}");
        Ok(Self { url, clock, operator, integrations, built, stop, served, folder })
    }

    /// Says where to look, and what to try.
    pub fn greet(&self, output: Output) -> Result<(), Failure> {
        let (url, operator) = (&self.url, self.operator.expose_secret());
        output.line(&format!("dashboard   {url}/#token={operator}"))?;
        if !self.built {
            output.warn("this program has no dashboard; the address above says how to build it");
        }
        let elsewhere = if url.ends_with(":4850") {
            String::new()
        } else {
            format!("export AGENT_RELAY_URL={url}\n")
        };
        output.note(&format!(
            "The agents there are scripted, the relay is real. Write to one; or, in another terminal:\n\
             {elsewhere}agent-relay agents\n\
             agent-relay ask backend \"How is it going?\"\n\
             agent-relay watch\n\
             Ctrl-C ends it, and nothing is left."
        ));
        Ok(())
    }

    /// Stops it and removes its database.
    pub async fn stop(self) -> Result<(), Failure> {
        let _ = self.stop.send(());
        let ended = self.served.await;
        drop(self.folder);
        ended.map_err(|error| Failure::refused(format_args!("the relay broke down: {error}")))
    }
}

/// Nothing of the person's own settings but where the page is: their tokens and integrations are
/// none of the demo's.
fn config(settings: &Settings, known: &[(&str, String)]) -> Result<Config, Failure> {
    let list: Vec<_> = known
        .iter()
        .map(|(name, token)| {
            json!({
                "name": name,
                "token": token,
                "scopes": ["tasks:create"],
                "targets": story::TARGETS,
                "callbackUrl": (*name == story::UNREACHABLE).then_some(story::NOBODY_LISTENS),
            })
        })
        .collect();
    let list = json!(list).to_string();
    let get = |name: &str| match name {
        _ if name == env::INTEGRATIONS.name => Some(list.clone()),
        _ if name == env::CALLBACK_RETRY.name => Some("0,500".to_owned()),
        _ if name == env::DASHBOARD_DIR.name => settings.get(name),
        _ => None,
    };
    let mut config = Config::from_env(&get).map_err(|bad| settings.explain(bad))?;
    config.log = Log { json: false, filter: "error".to_owned() };
    config.stale_ttl = PATIENT;
    Ok(config)
}

fn integrations() -> Result<Vec<(&'static str, String)>, Failure> {
    let token = |name| Ok((name, mint(Kind::Relay, random()?)));
    story::SOURCES.into_iter().map(token).collect()
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::refused(format_args!("the system gives no random bytes: {error}"))
    })?;
    Ok(bytes)
}

/// The usual port only where no relay of this user's has ever been: whoever belongs to that one must
/// not end up here while it is down.
async fn listen(config: &mut Config, port: Option<u16>) -> Result<Vec<TcpListener>, Failure> {
    let usual = operator_token(USUAL_PORT).is_ok_and(|token| token.is_none());
    config.port = port.unwrap_or(if usual { USUAL_PORT } else { 0 });
    for _ in 0..ATTEMPTS {
        match bind(config).await {
            Ok(listeners) => return Ok(listeners),
            Err(error) if error.is_taken() && port.unwrap_or(0) == 0 => config.port = 0,
            Err(error) => return Err(Failure::refused(error)),
        }
    }
    Err(Failure::refused("no free port was found"))
}

/// A folder of this user's alone, removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, Failure> {
        let random = u64::from_ne_bytes(random()?[..8].try_into().unwrap_or_default());
        let path = temp_dir().join(format!("agent-relay-demo-{random:016x}"));
        create_private_dir(&path).map_err(|error| cannot_create(&path, &error))?;
        Ok(Self(path))
    }
}

fn cannot_create(path: &Path, error: &std::io::Error) -> Failure {
    Failure::refused(format_args!("cannot create {}: {error}", path.display()))
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clear, as everything in its temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
