//! Telling the service manager how the relay is doing, where one asks to be told (`sd_notify(3)`).

use std::time::Duration;

/// The relay serves: what waits for it may go on.
pub fn ready() {
    tell(&Word::Ready);
}

/// The relay was told to stop.
pub fn stopping() {
    tell(&Word::Stopping);
}

/// Says for ever that the relay is alive, as often as the manager wants to hear it. A runtime that
/// hangs says nothing, and is started anew.
pub async fn alive() {
    let Some(patience) = watchdog() else { return std::future::pending().await };
    let mut due = tokio::time::interval(patience / 3);
    loop {
        due.tick().await;
        tell(&Word::Alive);
    }
}

enum Word {
    Ready,
    Stopping,
    Alive,
}

#[cfg(target_os = "linux")]
fn tell(word: &Word) {
    use sd_notify::NotifyState;
    let state = match word {
        Word::Ready => NotifyState::Ready,
        Word::Stopping => NotifyState::Stopping,
        Word::Alive => NotifyState::Watchdog,
    };
    // Nobody who is asked for it is there to be told that it failed.
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

#[cfg(target_os = "linux")]
fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero())
}

#[cfg(not(target_os = "linux"))]
fn tell(_: &Word) {}

#[cfg(not(target_os = "linux"))]
fn watchdog() -> Option<Duration> {
    None
}
