//! Callbacks: one worker for each integration that is called back, so that a slow receiver delays
//! only its own.
//!
//! A worker sends what is due: the events of a task in their order, several tasks at once. What it
//! was sending when the relay stopped is sent again by the next; receivers know repeats by their id.

mod pulse;
mod under_way;

use std::time::Duration;

use relay_core::{callback::Next, id::AgentId, time::Timestamp};
use relay_store::{Due, StoreError};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

pub use pulse::Pulse;

use self::{pulse::Rest, under_way::UnderWay};
use super::pause;
use crate::{
    app::App,
    callback::{Ended, Sender, address::Resolver},
    integration::Receiver,
};

/// How many attempts one receiver sees at once.
const MOST_AT_ONCE: usize = 4;
/// How many are read at a time.
const AT_A_TIME: u32 = 32;
/// How many may be set aside because another of their task is under way, before the worker waits for
/// that one.
const MOST_SET_ASIDE: usize = 64;
/// The longest sleep: the wall clock may be set, and a laptop may sleep with it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// The shortest: what is due now was looked for already.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);
/// Between two tries to reach a store that fails.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// What attempts under way are given when the relay stops.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Starts the workers.
pub fn start(app: &App, jobs: &mut JoinSet<()>) {
    jobs.spawn(tell_of_the_forsaken(app.clone()));
    for configured in app.config.integrations.iter() {
        if let Some(receiver) = &configured.callback {
            jobs.spawn(run(app.clone(), configured.policy.name.clone(), receiver.clone()));
        }
    }
}

/// Sends one integration's callbacks until the relay stops.
async fn run(app: App, name: AgentId, receiver: Receiver) {
    match Sender::new(&receiver, app.config.callback_timeout, Resolver::system()) {
        Ok(sender) => Worker { app, name, sender }.run().await,
        Err(error) => {
            tracing::error!(integration = %name, %error, "cannot call back; its callbacks wait");
        }
    }
}

/// Callbacks wait on for an integration that is not called back any more: it may come back.
async fn tell_of_the_forsaken(app: App) {
    let seen = match app.store.integrations().await {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(%error, "could not look for callbacks that nobody sends");
            return;
        }
    };
    let called_back = |name: &AgentId| {
        let mut all = app.config.integrations.iter();
        all.any(|configured| configured.policy.name == *name && configured.callback.is_some())
    };
    for (name, seen) in seen.iter().filter(|(name, _)| !called_back(name)) {
        if seen.waiting_callbacks > 0 {
            tracing::warn!(
                integration = %name,
                waiting = seen.waiting_callbacks,
                "callbacks wait for an integration without a callbackUrl; they are sent once it has one"
            );
        }
    }
}

struct Worker {
    app: App,
    name: AgentId,
    sender: Sender,
}

impl Worker {
    async fn run(self) {
        let mut written = self.app.store.callbacks_written();
        let mut wakes = self.app.callbacks.wakes();
        let mut under_way = UnderWay::new(MOST_AT_ONCE);
        let mut fetched = Vec::new();
        let mut duty = self.app.store.duty();
        loop {
            if !*duty.borrow_and_update() {
                // Another server sends them; what is under way here comes to its end.
                fetched.clear();
                tokio::select! {
                    () = self.app.stopped() => break,
                    () = under_way.ended() => {}
                    Ok(()) = duty.changed() => {}
                }
                continue;
            }
            // Read before looking, so that nothing written meanwhile is overlooked.
            let rest =
                Rest { wake: *wakes.borrow_and_update(), written: *written.borrow_and_update() };
            let begun = self.begin(&mut fetched, &mut under_way).await;
            let rests = begun.is_ok() && under_way.is_empty();
            self.app.callbacks.set(&self.name, rests.then_some(rest));
            let next = match begun {
                Ok(next) => next,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(integration = %self.name, %error, "could not read callbacks");
                    Some(Instant::now() + STORE_RETRY)
                }
            };
            tokio::select! {
                () = self.app.stopped() => break,
                () = under_way.ended() => {}
                // An error means that the store is gone; so is the relay soon.
                Ok(()) = written.changed(), if under_way.has_room() => {}
                Ok(()) = wakes.changed() => {}
                Ok(()) = duty.changed() => {}
                () = until(next), if under_way.has_room() => {}
            }
        }
        // What does not make it is sent again after the start.
        let _ = timeout(LAST_MOMENT, under_way.all_ended()).await;
    }

    /// Begins attempts while there is room and something is due. Returns when to look again, if
    /// time alone can make something due.
    async fn begin<'a>(
        &'a self,
        fetched: &mut Vec<Due>,
        under_way: &mut UnderWay<'a>,
    ) -> Result<Option<Instant>, StoreError> {
        loop {
            let (now, later) = under_way.choose(std::mem::take(fetched));
            *fetched = later;
            for callback in now {
                let (id, task) = (callback.id, callback.task_id);
                under_way.add(id, task, self.attempt(callback));
            }
            if !under_way.has_room() || fetched.len() >= MOST_SET_ASIDE {
                return Ok(None);
            }
            let mut known = under_way.ids();
            known.extend(fetched.iter().map(|callback| callback.id));
            let due = self.app.store.due_callbacks(&self.name, &known, AT_A_TIME).await?;
            if due.is_empty() {
                let next = self.app.store.next_callback_at(&self.name, &known).await?;
                return Ok(next.map(|at| self.moment(at)));
            }
            fetched.extend(due);
        }
    }

    /// When the store's clock will show a time, as far as that can be known.
    fn moment(&self, at: Timestamp) -> Instant {
        let wait = at.since(self.app.store.now());
        Instant::now() + wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    async fn attempt(&self, callback: Due) {
        let started = Instant::now();
        let ended = self.sender.attempt(&callback, self.app.store.now()).await;
        self.app.metrics.callbacks.count(ended.word(), started.elapsed());
        self.note(&callback, ended).await;
    }

    /// Notes how an attempt ended. What cannot be noted would be sent again and again, so this goes
    /// on until the store can store.
    async fn note(&self, callback: &Due, ended: Ended) {
        let failed = ended.failure().map(|failure| {
            let attempts = callback.attempts + 1;
            let config = &self.app.config;
            let next =
                failure.next(attempts, &config.callback_timetable, (config.callback_chance)());
            self.tell(callback, attempts, &failure.why, next);
            (failure, next)
        });
        loop {
            let store = &self.app.store;
            let noted = match failed.clone() {
                None => store.callback_delivered(callback.id).await,
                Some((failure, next)) => store.callback_failed(callback.id, failure, next).await,
            };
            match noted {
                Ok(()) | Err(StoreError::Closed) => return,
                Err(error) => {
                    let id = callback.id;
                    tracing::warn!(callback = %id, %error, "could not note how a callback ended");
                    let gone = matches!(error, StoreError::Refused(_));
                    if gone || !pause(&self.app, STORE_RETRY).await {
                        return;
                    }
                }
            }
        }
    }

    fn tell(&self, callback: &Due, attempts: u32, why: &str, next: Next) {
        let Due { id, task_id, .. } = callback;
        match next {
            Next::RetryIn(span) => tracing::info!(
                integration = %self.name, callback = %id, task.id = %task_id, attempts, why,
                retry_ms = span.as_millis() as u64,
                "a callback failed and is tried again"
            ),
            Next::GiveUp => tracing::warn!(
                integration = %self.name, callback = %id, task.id = %task_id, attempts, why,
                "a callback failed and is given up on"
            ),
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
