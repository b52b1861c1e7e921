//! The signals that end a launch, and those that are not for it.

use std::io;

/// Listens from the moment it is made; from then on none of these signals kills the process.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    typed: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    /// Starts to listen.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
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
        tokio::select! {
            _ = self.terminate.recv() => 143,
            () = heard(&mut self.hangup) => 129,
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
        let [interrupt, quit] = &mut self.typed;
        tokio::select! {
            _ = self.terminate.recv() => {}
            () = heard(&mut self.hangup) => {}
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

#[cfg(unix)]
async fn heard(hangup: &mut Option<tokio::signal::unix::Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// True where `nohup` started us: whoever asked for that wants us to outlive the terminal. Where the
/// system does not say, nobody asked.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
