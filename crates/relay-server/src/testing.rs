//! `TestRelay`: a relay inside a test's own process, on a port of its own, with a clock that the
//! test moves.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use relay_core::{
    env::INTEGRATIONS,
    id::AgentId,
    identity::Mode,
    time::{ManualClock, Timestamp},
    token::{Kind, mint},
};
use relay_store::{Place, Store};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{App, Config, config::Limits, serve};

/// When the clock of a test starts.
pub const START: Timestamp = Timestamp(1_800_000_000_000);

/// A relay and what it takes to start it again.
pub struct TestRelay {
    builder: Builder,
    folder: TempDir,
    place: Place,
    address: SocketAddr,
    running: Option<Running>,
}

struct Running {
    app: App,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// How a test's relay is set up.
#[derive(Clone)]
pub struct Builder {
    config: Config,
    clock: ManualClock,
    callbacks_checked: bool,
}

impl Default for Builder {
    fn default() -> Self {
        let mut config = Config::from_env(&|_| None).expect("the defaults are good");
        config.port = 0;
        // The clock is the test's, so the jobs run when the test calls them.
        config.reap_interval = Duration::from_hours(24);
        config.callback_chance = || 0.5;
        Self { config, clock: ManualClock::at(START), callbacks_checked: false }
    }
}

impl Builder {
    /// Asks for this token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.config.token = Some(SecretString::from(token));
        self
    }

    /// Knows the operator by this token.
    #[must_use]
    pub fn operator(mut self, token: &str) -> Self {
        self.config.operator = Some(SecretString::from(token));
        self
    }

    /// Knows these integrations, written as in the settings.
    ///
    /// # Panics
    ///
    /// Where the settings would be refused.
    #[must_use]
    pub fn integrations(mut self, list: &serde_json::Value) -> Self {
        let text = list.to_string();
        let get = |name: &str| (name == INTEGRATIONS.name).then(|| text.clone());
        let read = Config::from_env(&get).unwrap_or_else(|bad| panic!("{bad}"));
        self.config.integrations = read.integrations;
        self
    }

    /// Refuses the unproven.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.config.identity = Mode::Strict;
        self
    }

    /// Changes bounds and time-outs.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.config.limits);
        self
    }

    /// Changes any setting.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Checks at the end that no callback was left unsent that was due.
    #[must_use]
    pub fn callbacks_checked(mut self) -> Self {
        self.callbacks_checked = true;
        self
    }

    /// Starts it on a free port and a new database.
    pub async fn start(self) -> TestRelay {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let folder = TempDir::new().expect("a temporary folder");
        let place = place(folder.path()).await;
        let running = run(&self, &place, listener).await;
        TestRelay { builder: self, folder, place, address, running: Some(running) }
    }
}

/// A file; with `RELAY_TEST_BACKEND=postgres` a schema of its own in the tests' PostgreSQL.
async fn place(folder: &Path) -> Place {
    let server = if on_postgres() { relay_store::testing::postgres().await } else { None };
    server.unwrap_or_else(|| Place::File(folder.join("relay.db")))
}

/// True where the tests' relays are to use PostgreSQL.
#[expect(
    clippy::disallowed_methods,
    reason = "on which database the tests run, which is no setting"
)]
pub fn on_postgres() -> bool {
    std::env::var("RELAY_TEST_BACKEND").is_ok_and(|backend| backend == "postgres")
}

async fn run(builder: &Builder, place: &Place, listener: TcpListener) -> Running {
    let config = relay_store::Config {
        clock: Some(std::sync::Arc::new(builder.clock.clone())),
        integrations: builder.config.integrations.known(),
        ..relay_store::Config::at(place.clone())
    };
    let store = Store::open(config).await.expect("the database opens");
    let app = App::new(builder.config.clone(), store).await.expect("the agents are read");
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        // A dropped sender stops the relay, too.
        let _ = stopped.await;
    };
    let served = tokio::spawn(serve(vec![listener], app.clone(), shutdown));
    Running { app, stop, served }
}

impl TestRelay {
    /// A relay without a token, where identity is marked.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A relay with other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens; the same after a restart.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its clock.
    pub fn clock(&self) -> &ManualClock {
        &self.builder.clock
    }

    /// The database file.
    pub fn db_path(&self) -> PathBuf {
        self.folder.path().join("relay.db")
    }

    /// What runs, for tests that look inside or run a job.
    pub fn app(&self) -> &App {
        &self.running.as_ref().expect("the relay runs").app
    }

    /// Looks once for the stale, the prunable and lapsed claims.
    pub async fn reap(&self) {
        crate::job::reaper::run_once(self.app()).await.expect("the reaper runs");
        crate::job::reaper::run_leases_once(self.app()).await.expect("the leases are looked at");
    }

    /// Removes all that is too old.
    pub async fn retain(&self) {
        while crate::job::retention::run_once(self.app()).await.expect("retention runs") {}
    }

    /// Makes those who send callbacks look at the clock, which the test has moved.
    pub fn wake_callbacks(&self) {
        self.app().callbacks.wake();
    }

    /// Waits until no callback is under way and none is due by the clock.
    pub async fn callbacks_settled(&self) {
        self.app().callbacks.settled(&called_back(self.app())).await;
    }

    /// Stops it and waits until it is gone.
    pub async fn stop(&mut self) {
        let Some(Running { app, stop, served }) = self.running.take() else { return };
        if self.builder.callbacks_checked {
            check_callbacks(&app).await;
        }
        let _ = stop.send(());
        served.await.expect("the relay ends without a panic");
        assert_eq!(app.metrics.panics.get(), 0, "a task or handler panicked");
    }

    /// Starts it again on the same address and database.
    pub async fn start_again(&mut self) {
        assert!(self.running.is_none(), "the relay runs already");
        let listener = TcpListener::bind(self.address).await.expect("the port is free again");
        self.running = Some(run(&self.builder, &self.place, listener).await);
    }

    /// Changes the settings with which it starts again.
    pub fn set(&mut self, change: impl FnOnce(Builder) -> Builder) {
        self.builder = change(self.builder.clone());
    }

    /// Stops it and starts it again.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }
}

impl Drop for TestRelay {
    /// The tasks may still run, but what panicked so far is known.
    fn drop(&mut self) {
        let Some(running) = &self.running else { return };
        if std::thread::panicking() {
            return;
        }
        assert_eq!(running.app.metrics.panics.get(), 0, "a task or handler panicked");
        if self.builder.callbacks_checked {
            let (app, written) = (&running.app, *running.app.store.callbacks_written().borrow());
            for name in called_back(app) {
                // The database cannot be asked: its answer would need the runtime that waits here.
                let at_rest = app.callbacks.is_at_rest(&name, written);
                assert!(at_rest, "callbacks of `{name}` were left unsent");
            }
        }
    }
}

fn called_back(app: &App) -> Vec<AgentId> {
    let all = app.config.integrations.iter().filter(|configured| configured.callback.is_some());
    all.map(|configured| configured.policy.name.clone()).collect()
}

async fn check_callbacks(app: &App) {
    for name in called_back(app) {
        let due = app.store.due_callbacks(&name, &[], 10).await.expect("callbacks can be read");
        assert!(due.is_empty(), "callbacks of `{name}` were left unsent: {due:?}");
    }
}

/// A well-formed token that no relay knows.
pub fn unknown_token() -> String {
    mint(Kind::Agent, [7; 32])
}
