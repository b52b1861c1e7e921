//! What happens by itself: tasks that end with the relay.

pub mod callback;
pub mod index;
pub mod reaper;
pub mod retention;

use std::time::Duration;

use tokio::task::JoinSet;

use crate::app::App;

/// Starts every job.
pub fn start(app: &App) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(reaper::run(app.clone()));
    jobs.spawn(reaper::run_leases(app.clone()));
    jobs.spawn(retention::run(app.clone()));
    jobs.spawn(index::run(app.clone()));
    callback::start(app, &mut jobs);
    if app.config.is_exposed() {
        jobs.spawn(warn_of_exposure(app.clone()));
    }
    jobs
}

/// Waits; false when the relay stops instead.
async fn pause(app: &App, span: Duration) -> bool {
    tokio::select! {
        () = app.stopped() => false,
        () = tokio::time::sleep(span) => true,
    }
}

/// Whether this server does what happens by itself; where servers share a database, one does.
fn on_duty(app: &App) -> bool {
    *app.store.duty().borrow()
}

/// Whoever asked for an open relay shall not forget it.
async fn warn_of_exposure(app: App) {
    loop {
        tracing::warn!(
            host = app.config.host,
            "this relay listens beyond loopback without a token: everybody who reaches it may read and write"
        );
        if !pause(&app, Duration::from_mins(1)).await {
            return;
        }
    }
}
