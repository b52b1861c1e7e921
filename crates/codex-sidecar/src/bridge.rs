//! The bridge: every thread that somebody works in is an agent of the relay.
//!
//! How a message passes through: the relay hands it to the thread's `seat`; `mail` keeps where
//! it is on its way; `thread` tells from the app-server's notices what the thread is doing;
//! `turn` decides; `batch` writes what the model reads; the seat sends it. When the item that
//! holds it appears, the relay is told that it is read, when its turn ends, that it is handled
//! (`receipt`). What was sent outlasts the bridge in the `journal`.
//!
//! Which threads there are, and who sits there, is `roster`'s.

pub mod agent;
pub mod batch;
mod clock;
pub mod journal;
pub mod mail;
mod presence;
mod receipt;
mod roster;
mod seat;
pub mod thread;
pub mod turn;

use std::{path::PathBuf, time::Duration};

use relay_client::{Config, core::version::VERSION};
use tokio::{sync::watch, time::sleep};

use self::{roster::Roster, seat::Terms};
use crate::{
    app_server::{Address, CallError, Client, Notices, protocol::ListLoaded},
    settings::Settings,
};

/// Between one attempt to connect and the next.
const PAUSE: Duration = Duration::from_millis(200);
/// How long saying goodbye may take.
const FAREWELL: Duration = Duration::from_secs(5);

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
    let Options { mut address, config, settings, cwd, mode } = options;
    let mut roster = Roster::new(Terms { config, settings, mode }, cwd);
    tokio::select! {
        () = shutdown => {}
        () = serve(&mut roster, &mut address) => {}
    }
    if tokio::time::timeout(FAREWELL, roster.end()).await.is_err() {
        tracing::warn!("not every agent has said goodbye");
    }
}

/// Follows one app-server after the other, until nobody says any more where they are.
async fn serve(roster: &mut Roster, address: &mut watch::Receiver<Option<Address>>) {
    loop {
        let there = address.borrow_and_update().clone();
        let Some(there) = there else {
            if address.changed().await.is_err() {
                return;
            }
            continue;
        };
        match Client::connect(&there, VERSION).await {
            Ok((client, mut notices, server)) => {
                tracing::info!(codex = server.user_agent, "connected");
                if let Err(error) = attend(roster, &client, &mut notices).await {
                    tracing::info!(%error, "the app-server does not answer");
                }
                tracing::info!("disconnected");
                roster.lost();
            }
            Err(error) => tracing::debug!(%error, "not connected"),
        }
        sleep(PAUSE).await;
    }
}

/// Tells the roster what the server says, until it says no more.
async fn attend(
    roster: &mut Roster,
    client: &Client,
    notices: &mut Notices,
) -> Result<(), CallError> {
    let loaded = client.call(&ListLoaded {}).await?.data;
    roster.connected(client, &loaded).await;
    loop {
        tokio::select! {
            notice = notices.recv() => match notice {
                Some(notice) => roster.hear(client, notice).await,
                None => return Ok(()),
            },
            () = roster.watch(client) => {}
        }
    }
}
