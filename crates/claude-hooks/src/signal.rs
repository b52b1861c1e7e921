//! The signals by which the system asks the companion to end.

use std::io;

/// Listens from the moment it is made. A terminal that closes is no reason to end: the session's
/// process is watched, and may live on.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    _hangup: tokio::signal::unix::Signal,
}

impl Signals {
    /// Starts to listen; from now on these signals do not kill the process by themselves.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the one that ends.
    #[cfg(unix)]
    pub async fn ended(&mut self) {
        self.terminate.recv().await;
    }
}
