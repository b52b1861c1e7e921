//! The bridge: every thread that somebody works in is an agent of the relay.

use std::path::PathBuf;

use relay_client::Config;
use tokio::sync::watch;

use crate::{app_server::Address, settings::Settings};

/// What the bridge goes by.
pub struct Options {
    /// Where the app-server listens now; none while it does not. A new value is another server,
    /// with the same threads.
    pub address: watch::Receiver<Option<Address>>,
    /// The relay, and how its agents are described.
    pub config: Config,
    /// What is Codex's own.
    pub settings: Settings,
    /// The folder of threads that name none.
    pub cwd: PathBuf,
    /// Who sits there.
    pub mode: Mode,
}

/// Who sits before the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Somebody at a terminal.
    Terminal,
    /// Nobody, until somebody attaches.
    Headless,
}

/// Keeps the threads' agents until told to end; then all of them are offline.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) {
    let _options = options;
    shutdown.await;
}
