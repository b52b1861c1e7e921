//! Retention: what is older than the settings keep goes, in small chunks.

use std::time::Duration;

use relay_store::StoreError;

use super::pause;
use crate::app::App;

const INTERVAL: Duration = Duration::from_hours(1);
/// Between two chunks, so that senders do not wait behind them.
const BREATH: Duration = Duration::from_millis(50);

/// Removes what is too old, at the start and every hour.
pub async fn run(app: App) {
    let mut duty = app.store.duty();
    loop {
        // Where servers share a database, another may have to do it.
        tokio::select! {
            () = app.stopped() => return,
            on = duty.wait_for(|on| *on) => if on.is_err() { return },
        }
        let span = match run_once(&app).await {
            Ok(true) => BREATH,
            Ok(false) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "could not remove old messages");
                INTERVAL
            }
        };
        if !pause(&app, span).await {
            return;
        }
    }
}

/// Removes one chunk; true when there is more.
pub async fn run_once(app: &App) -> Result<bool, StoreError> {
    Ok(app.store.retain(app.config.retention).await?.more)
}
