//! The app-server of a launch, started again when it dies: on the same port and with the same
//! token, so that the terminal and the bridge find it again by themselves.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    app_server::{
        Address,
        process::{Plan, Process, StartError},
    },
    process::end_descendants,
};

/// How long to wait before each new start; after the last it is given up.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// One that lived so long died of something new.
const HEALTHY: Duration = Duration::from_mins(1);

/// An app-server that is kept alive.
pub struct Server {
    address: watch::Receiver<Option<Address>>,
    spared: mpsc::UnboundedSender<u32>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts it.
    pub async fn start(plan: Plan, token: &str) -> Result<Self, StartError> {
        let process = plan.start("ws://127.0.0.1:0").await?;
        let address = Address { url: process.url.clone(), token: token.to_owned() };
        tracing::info!(url = address.url, "the app-server listens");
        let (publish, published) = watch::channel(Some(address));
        let (spared, named) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let keeper = Keeper { plan, publish, named, stopped };
        let task = tokio::spawn(keeper.keep(process));
        Ok(Self { address: published, spared, stop: Some(stop), task })
    }

    /// Where it listens; none while it does not.
    pub fn address(&self) -> watch::Receiver<Option<Address>> {
        self.address.clone()
    }

    /// Names a child of this process that is not the app-server's.
    pub fn spare(&self, pid: u32) {
        // Without a keeper the launcher ends anyway.
        let _ = self.spared.send(pid);
    }

    /// Waits until it is given up.
    pub async fn gone(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Ends it, and all that it has started.
    pub async fn end(mut self) {
        drop(self.stop.take());
        if !self.task.is_finished() {
            let _ = self.task.await;
        }
    }
}

struct Keeper {
    plan: Plan,
    publish: watch::Sender<Option<Address>>,
    named: mpsc::UnboundedReceiver<u32>,
    stopped: oneshot::Receiver<()>,
}

impl Keeper {
    async fn keep(mut self, mut process: Process) {
        let Some(address) = self.publish.borrow().clone() else { return };
        let mut restarts = Restarts { last: Instant::now(), used: 0 };
        let mut spared = Vec::new();
        loop {
            tokio::select! {
                status = process.ended() => {
                    tracing::warn!(status = ?status.ok(), "the app-server has ended");
                }
                _ = &mut self.stopped => return process.end().await,
            }
            self.publish.send_replace(None);
            while let Ok(pid) = self.named.try_recv() {
                spared.push(pid);
            }
            // Where the guardian was killed, what it had in its care is ours.
            end_descendants(&spared);
            let Some(next) = self.again(&address.url, &mut restarts).await else { return };
            process = next;
            self.publish.send_replace(Some(address.clone()));
            tracing::info!(url = address.url, "the app-server listens again");
        }
    }

    /// Starts it again; none where it is given up, or the launcher ends.
    async fn again(&mut self, url: &str, restarts: &mut Restarts) -> Option<Process> {
        loop {
            let Some(pause) = restarts.next(Instant::now()) else {
                tracing::error!("the app-server does not stay; given up");
                return None;
            };
            tokio::select! {
                () = sleep(pause) => {}
                _ = &mut self.stopped => return None,
            }
            match self.plan.start(url).await {
                Ok(process) => return Some(process),
                Err(error) => tracing::warn!(%error, "the app-server does not start"),
            }
        }
    }
}

/// How often it was started again lately.
struct Restarts {
    last: Instant,
    used: usize,
}

impl Restarts {
    /// How long to wait before the next start; none where it is given up.
    fn next(&mut self, now: Instant) -> Option<Duration> {
        if now.duration_since(self.last) >= HEALTHY {
            self.used = 0;
        }
        self.last = now;
        self.used += 1;
        PAUSES.get(self.used - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_does_not_stay_is_given_up_and_one_that_lived_is_not() {
        let mut restarts = Restarts { last: Instant::now(), used: 0 };
        let mut now = restarts.last;
        for pause in PAUSES {
            now += Duration::from_secs(10);
            assert_eq!(restarts.next(now), Some(pause));
        }
        assert_eq!(restarts.next(now), None);
        assert_eq!(restarts.next(now + HEALTHY), Some(PAUSES[0]));
    }
}
