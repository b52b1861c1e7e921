//! The connection that listens: on it other servers' hints arrive, and on it stands the lock of the one
//! server that is on duty. When it ends, however it ends, PostgreSQL gives the duty to another.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Row,
    postgres::{PgListener, PgPool, PgPoolOptions},
};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{Instant, sleep, timeout},
};

use crate::{
    dialect::postgres::{DUTY, LISTENING},
    place::Address,
    shared::Shared,
};

/// Between two attempts to connect, and to get the duty.
const RETRY: Duration = Duration::from_millis(500);
/// How long the connection may be silent before it is tried.
const SILENCE: Duration = Duration::from_secs(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(4);

pub(crate) struct Ears {
    pub(crate) address: Address,
    pub(crate) channel: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) hint: Arc<Notify>,
    pub(crate) stopped: watch::Receiver<bool>,
    /// Told once it is known whether this server is on duty.
    pub(crate) attempted: Option<oneshot::Sender<()>>,
}

/// Listens until it is stopped.
pub(crate) async fn run(mut ears: Ears) {
    let mut stopped = ears.stopped.clone();
    let mut failing = false;
    while !*stopped.borrow() {
        let lost = tokio::select! {
            lost = ears.listen(&mut failing) => lost,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        ears.shared.on_duty.send_replace(false);
        // What came meanwhile was not heard.
        ears.hint.notify_one();
        if !std::mem::replace(&mut failing, true) {
            tracing::warn!(error = %lost, "the connection that listens was lost; the log is looked at every second");
        }
        tokio::select! {
            () = sleep(RETRY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
    ears.shared.on_duty.send_replace(false);
}

impl Ears {
    /// Listens until the connection is lost, and returns why.
    async fn listen(&mut self, failing: &mut bool) -> sqlx::Error {
        let options = self.address.options().clone().application_name("agent-relay listen");
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        let Err(lost) = self.attend(&pool, failing).await;
        lost
    }

    async fn attend(
        &mut self,
        pool: &PgPool,
        failing: &mut bool,
    ) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);
        sqlx::raw_sql(LISTENING).execute(&mut listener).await?;
        listener.listen(&self.channel).await?;
        // What came before was not heard.
        self.hint.notify_one();
        if std::mem::replace(failing, false) {
            tracing::info!("the connection that listens is there again");
        }
        let mut heard = Instant::now();
        loop {
            if !*self.shared.on_duty.borrow() && take_duty(&mut listener).await? {
                self.shared.on_duty.send_replace(true);
            }
            if let Some(attempted) = self.attempted.take() {
                // Who waited for it may have given up.
                let _ = attempted.send(());
            }
            match timeout(RETRY, listener.try_recv()).await {
                Ok(Ok(Some(_))) => {
                    heard = Instant::now();
                    self.hint.notify_one();
                }
                Ok(Ok(None)) => return Err(sqlx::Error::WorkerCrashed),
                Ok(Err(error)) => return Err(error),
                Err(_) if heard.elapsed() < SILENCE => {}
                Err(_) => {
                    let answer = sqlx::raw_sql("SELECT 1").execute(&mut listener);
                    timeout(PATIENCE, answer).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
                    heard = Instant::now();
                }
            }
        }
    }
}

/// Tries to become the one that does what happens by itself.
async fn take_duty(listener: &mut PgListener) -> Result<bool, sqlx::Error> {
    let sql = "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))";
    let row = sqlx::query(sql).bind(DUTY).fetch_one(&mut *listener);
    timeout(PATIENCE, row).await.map_err(|_| sqlx::Error::PoolTimedOut)??.try_get(0)
}
