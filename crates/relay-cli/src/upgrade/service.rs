//! The relay that runs as a service of this user: where it is, and whether it is well.

use std::{path::PathBuf, time::Duration};

use relay_client::{
    config::{Config, data_dir},
    http::Relay,
    managed::Managed,
};
use relay_core::env;
use semver::Version;

use crate::{
    daemon::{Manager, Verb},
    failure::Failure,
};

/// A relay that is well answers within this time after its manager has started it.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// A service that is installed, and runs.
#[derive(Debug)]
pub struct Service {
    manager: Manager,
    relay: Relay,
    /// Its database.
    pub database: PathBuf,
}

impl Service {
    /// The service as its settings say, which are the managed ones: this terminal's environment may
    /// speak of another relay.
    pub fn of(manager: Manager) -> Result<Self, Failure> {
        let settings = Managed::load().map_err(Failure::usage)?;
        let get = |name: &str| settings.get(name);
        let relay = Config::read(&get).and_then(|config| config.relay()).map_err(Failure::usage)?;
        let database = match env::DB_PATH.find(&get) {
            Some((_, path)) => path.into(),
            None => data_dir().map_err(Failure::usage)?.join("relay.db"),
        };
        Ok(Self { manager, relay, database })
    }

    /// The address at which it answers.
    pub fn url(&self) -> &str {
        self.relay.url()
    }

    /// Starts it anew; the manager may say at once that it does not start.
    pub fn restart(&self) -> Result<(), Failure> {
        self.manager.act(Verb::Restart).carry_out()
    }

    /// Stops it, whether it runs, fails again and again, or has given up.
    pub fn stop(&self) {
        // What does not run need not be stopped.
        let _ = self.manager.act(Verb::Stop).carry_out();
        let _ = self.manager.forgive().carry_out();
    }

    /// Waits until it can store and says this version; the words are those of why not.
    pub async fn is_well(&self, version: Option<&Version>) -> Result<(), String> {
        let mut why = String::new();
        let well = async {
            loop {
                match self.look(version).await {
                    Ok(()) => return,
                    Err(said) => why = said,
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(PATIENCE, well).await {
            Ok(()) => Ok(()),
            Err(_) => Err(why),
        }
    }

    async fn look(&self, version: Option<&Version>) -> Result<(), String> {
        if !self.relay.is_ready().await.map_err(|why| why.to_string())? {
            return Err(format!("{} cannot store", self.url()));
        }
        let stats = self.relay.stats().await.map_err(|why| why.to_string())?;
        match version {
            Some(version) if stats.version != version.to_string() => {
                Err(format!("{} says that it is {}", self.url(), stats.version))
            }
            _ => Ok(()),
        }
    }
}
