//! What every request has at hand.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use relay_core::time::Timestamp;
use relay_store::{Store, StoreError, WriterState};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    config::Config,
    fanout::Fanout,
    http::{
        authenticate::Keys,
        dashboard::Site,
        guard::Guard,
        limit::{EventRates, Streams, WrongTokens},
        mcp::Mcp,
    },
    job::callback::Pulse,
    metrics::{Metrics, Reading},
};

/// How many streams read the log at once. The others wait, so that those who are behind take
/// neither all memory nor all of the store's readers.
const CATCHING_UP: usize = 2;

/// A running relay. Clones are the same relay.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The parts of a relay.
pub struct Inner {
    /// What it was told.
    pub config: Config,
    /// Where everything is kept.
    pub store: Store,
    /// Who hears what happens.
    pub fanout: Arc<Fanout>,
    /// What is counted.
    pub metrics: Metrics,
    /// Leave to read the log for a stream that is behind.
    pub catching_up: Semaphore,
    /// The streams that are open.
    pub streams: Streams,
    /// Whom it answers as.
    pub guard: Guard,
    /// The tokens that the settings know.
    pub keys: Keys,
    /// Who tried wrong tokens.
    pub wrong_tokens: WrongTokens,
    /// How many events each integration posts.
    pub event_rates: EventRates,
    /// The page for people.
    pub dashboard: Site,
    /// Wakes those who send callbacks.
    pub callbacks: Pulse,
    /// When it started.
    pub started_at: Timestamp,
    mcp: OnceLock<Arc<dyn Mcp>>,
    leaving: AtomicBool,
    stopping: watch::Sender<bool>,
    fanout_task: Mutex<Option<JoinHandle<()>>>,
}

impl App {
    /// Puts a relay together over an open store, whose feed it takes.
    pub async fn new(config: Config, store: Store) -> Result<Self, StoreError> {
        let feed = store.feed();
        let metrics = Metrics::new();
        let fanout = Fanout::load(&store, &config, metrics.lagged.clone()).await?;
        let fanout = Arc::new(fanout);
        let machine = gethostname::gethostname().to_string_lossy().into_owned();
        let publishing = Arc::clone(&fanout);
        let task = tokio::spawn(async move { publishing.run(feed).await });
        Ok(Self(Arc::new(Inner {
            fanout,
            metrics,
            catching_up: Semaphore::new(CATCHING_UP),
            streams: Streams::new(config.limits.streams, config.limits.streams_per_agent),
            guard: Guard::new(&config, &machine),
            keys: Keys::new(&config),
            wrong_tokens: WrongTokens::new(config.limits.wrong_tokens),
            event_rates: EventRates::new(config.events_per_minute),
            dashboard: Site::new(config.dashboard_dir.clone()),
            callbacks: Pulse::default(),
            started_at: store.now(),
            mcp: OnceLock::new(),
            leaving: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
            fanout_task: Mutex::new(Some(task)),
            config,
            store,
        })))
    }
}

impl Inner {
    /// Says who answers at `/mcp`; without, there is nothing there. The first stays.
    pub fn mount_mcp(&self, mcp: Arc<dyn Mcp>) {
        // An error hands the second one back, which is dropped.
        let _ = self.mcp.set(mcp);
    }

    /// Who answers at `/mcp`.
    pub fn mcp(&self) -> Option<&Arc<dyn Mcp>> {
        self.mcp.get()
    }

    /// Says at `/ready` that the relay goes, and gives balancers the time in which they look. It serves
    /// as before meanwhile.
    pub async fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        tokio::time::sleep(self.config.shutdown_delay).await;
    }

    /// True from when the relay was asked to stop.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed) || *self.stopping.borrow()
    }

    /// Tells streams, polls and jobs to end.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Turns true when the relay stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Resolves when the relay stops.
    pub async fn stopped(&self) {
        // An error means that the sender is gone, and the relay with it.
        let _ = self.stopping().wait_for(|stopping| *stopping).await;
    }

    /// Changes whenever a token was revoked.
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.store.revocations()
    }

    /// Closes the store, which ends the feed, and waits for the last events to be handed out.
    pub async fn close(&self) {
        self.store.close().await;
        let task = self.fanout_task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err_and(|error| error.is_panic())
        {
            self.metrics.panics.inc();
        }
    }

    /// The numbers of this moment.
    pub fn reading(&self) -> Reading {
        Reading {
            ready: self.store.state() == WriterState::Ready,
            writer: self.store.metrics(),
            streams: self.streams.count(),
            buffered_bytes: self.fanout.buffered_bytes(),
            fanout_lag: self.store.head().0 - self.fanout.position().0,
            uptime_seconds: self.store.now().since(self.started_at).as_secs(),
        }
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
