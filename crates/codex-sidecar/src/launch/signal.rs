//! The signals that end a launch, and those that are not for it.

use std::io;

/// Listens from the moment it is made; from then on none of these signals kills the process.
pub struct Signals {
    #[cfg(unix)]
    ending: [tokio::signal::unix::Signal; 2],
    #[cfg(unix)]
    typed: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    /// Starts to listen.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            ending: [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?],
            typed: [signal(SignalKind::interrupt())?, signal(SignalKind::quit())?],
        })
    }

    /// Elsewhere there is Ctrl-C.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the system, or somebody at another terminal, to end us; returns the exit code.
    /// What is typed is for the program in front.
    #[cfg(unix)]
    pub async fn ended(&mut self) -> u8 {
        let [terminate, hangup] = &mut self.ending;
        tokio::select! {
            _ = terminate.recv() => 143,
            _ = hangup.recv() => 129,
        }
    }

    /// Nobody else ends us.
    #[cfg(not(unix))]
    pub async fn ended(&mut self) -> u8 {
        loop {
            let _ = tokio::signal::ctrl_c().await;
        }
    }

    /// Waits for anything that ends a program without a terminal.
    #[cfg(unix)]
    pub async fn ended_or_typed(&mut self) {
        let ([terminate, hangup], [interrupt, quit]) = (&mut self.ending, &mut self.typed);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    }

    /// Waits for anything that ends a program without a terminal.
    #[cfg(not(unix))]
    pub async fn ended_or_typed(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
