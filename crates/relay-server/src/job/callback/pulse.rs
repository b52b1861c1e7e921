//! Makes the workers look again where no clock tells them to, and knows when each is at rest.

use std::collections::HashMap;

use relay_core::id::AgentId;
use tokio::sync::watch;

/// Wakes the workers, which sleep by the machine's clock even where the store has another.
#[derive(Debug, Default)]
pub struct Pulse {
    woken: watch::Sender<u64>,
    rested: watch::Sender<HashMap<AgentId, u64>>,
}

impl Pulse {
    /// Makes every worker look for what is due. Returns the number of this wake.
    pub fn wake(&self) -> u64 {
        self.woken.send_modify(|count| *count += 1);
        *self.woken.borrow()
    }

    /// Changes at every wake.
    pub fn wakes(&self) -> watch::Receiver<u64> {
        self.woken.subscribe()
    }

    /// A worker has found nothing to send after a wake, and is sending nothing.
    pub fn rest(&self, worker: &AgentId, wake: u64) {
        self.rested.send_modify(|rested| {
            rested.insert(worker.clone(), wake);
        });
    }

    /// Wakes these workers, and waits until each has found nothing to send since.
    pub async fn settled(&self, workers: &[AgentId]) {
        let wake = self.wake();
        let at_rest = |rested: &HashMap<AgentId, u64>| {
            workers.iter().all(|worker| rested.get(worker).is_some_and(|last| *last >= wake))
        };
        // The sender is here, so it is not gone.
        let _ = self.rested.subscribe().wait_for(at_rest).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use super::*;

    #[tokio::test]
    async fn it_is_settled_when_every_worker_has_looked_since() {
        let pulse = Pulse::default();
        let workers: [AgentId; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        pulse.rest(&workers[0], 0);
        pulse.rest(&workers[1], 0);
        let mut settled = Box::pin(pulse.settled(&workers));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(settled.as_mut().poll(&mut context).is_pending());
        pulse.rest(&workers[0], 1);
        assert!(settled.as_mut().poll(&mut context).is_pending());
        pulse.rest(&workers[1], 1);
        settled.await;
    }
}
