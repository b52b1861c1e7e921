//! Makes the workers look again where no clock tells them to, and knows when each is at rest.

use std::collections::HashMap;

use relay_core::id::AgentId;
use tokio::sync::watch;

/// Wakes the workers, which sleep by the machine's clock even where the store has another.
#[derive(Debug, Default)]
pub struct Pulse {
    woken: watch::Sender<u64>,
    resting: watch::Sender<HashMap<AgentId, Rest>>,
}

/// When a worker last looked, and found nothing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// After which wake.
    pub wake: u64,
    /// After how many writes of callbacks.
    pub written: u64,
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

    /// A worker has found nothing to send and is sending nothing, or has begun to send.
    pub fn set(&self, worker: &AgentId, rest: Option<Rest>) {
        self.resting.send_if_modified(|resting| match rest {
            Some(rest) => resting.insert(worker.clone(), rest) != Some(rest),
            None => resting.remove(worker).is_some(),
        });
    }

    /// Wakes these workers, and waits until each has found nothing to send since.
    pub async fn settled(&self, workers: &[AgentId]) {
        let wake = self.wake();
        let at_rest = |resting: &HashMap<AgentId, Rest>| {
            workers.iter().all(|worker| resting.get(worker).is_some_and(|rest| rest.wake >= wake))
        };
        // The sender is here, so it is not gone.
        let _ = self.resting.subscribe().wait_for(at_rest).await;
    }

    /// True where a worker is at rest and has looked after so many writes.
    pub fn is_at_rest(&self, worker: &AgentId, written: u64) -> bool {
        self.resting.borrow().get(worker).is_some_and(|rest| rest.written >= written)
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
        let looked = |worker: &AgentId, wake| pulse.set(worker, Some(Rest { wake, written: 7 }));
        for worker in &workers {
            looked(worker, 0);
        }
        let mut settled = Box::pin(pulse.settled(&workers));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(settled.as_mut().poll(&mut context).is_pending());
        looked(&workers[0], 1);
        assert!(settled.as_mut().poll(&mut context).is_pending());
        pulse.set(&workers[0], None);
        looked(&workers[1], 1);
        assert!(settled.as_mut().poll(&mut context).is_pending(), "the first sends again");
        looked(&workers[0], 1);
        settled.await;
        assert!(pulse.is_at_rest(&workers[0], 7) && !pulse.is_at_rest(&workers[0], 8));
    }
}
