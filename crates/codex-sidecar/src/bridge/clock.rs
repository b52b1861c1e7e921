//! The present moment: for ages in what the model reads, and for how long a message has waited.

use std::time::SystemTime;

use relay_client::core::time::{Timestamp, millis};

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a bridge has no other clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(millis(since))
}

/// Waits for a moment; for ever where there is none.
pub async fn reached(moment: Option<Timestamp>) {
    match moment {
        Some(moment) => tokio::time::sleep(moment.since(now())).await,
        None => std::future::pending().await,
    }
}
