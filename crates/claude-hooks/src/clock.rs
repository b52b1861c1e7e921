//! The present moment: for ages in what the model reads, and for which of two facts is newer.

use std::time::SystemTime;

use relay_core::time::{Timestamp, millis};

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "hooks have no other clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(millis(since))
}
