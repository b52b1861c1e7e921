//! Waiting for conditions.

use std::time::Duration;

use relay_client::identity::Process;

/// Whatever takes longer than this has hung.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Waits for a condition, but not for ever; `what` is said when it does not come.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let Ok(found) = tokio::time::timeout(PATIENCE, asked).await else { panic!("never: {what}") };
    found
}

/// Waits until a process is gone.
pub async fn gone(pid: u32) {
    until("the process is gone", async || Process::find(pid).is_none().then_some(())).await;
}

/// A little while, for what must not happen.
pub async fn a_while() {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
}
