//! From the one feed of events to those who listen.
//!
//! One task takes each committed event and puts it into the mailboxes of the listeners that it
//! concerns, found through an index from addresses to agents. It never waits for a listener: a
//! mailbox that is full is emptied and taken off, and its stream reads on from the log.

mod index;
mod mailbox;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use prometheus_client::metrics::counter::Counter;
use relay_core::{
    agent::Agent,
    api::{query, request::RegisterAgent},
    event::Event,
    id::{AgentId, Seq},
    time::Timestamp,
};
use relay_store::{Feed, Reader, Store, StoreError};
use tokio::sync::watch;

use crate::config::{Config, Limits};
use index::Index;
pub use mailbox::{Frame, Lagged, write as write_frame};
use mailbox::{Mailbox, Room};

/// Who listens, and how far events have been handed out.
pub struct Fanout {
    state: Mutex<State>,
    position: watch::Sender<Seq>,
    buffered: Arc<AtomicUsize>,
    room: Room,
    lagged: Counter,
}

struct State {
    index: Index,
    mailboxes: HashMap<u64, Arc<Mailbox>>,
    position: Seq,
    next_id: u64,
}

impl Fanout {
    /// Nobody listens yet; every agent that is registered is known.
    pub async fn load(store: &Store, config: &Config, lagged: Counter) -> Result<Self, StoreError> {
        let position = store.head();
        let mut index = Index::default();
        let names = config.integrations.iter().map(|integration| &integration.policy.name);
        for built_in in names.chain([&AgentId::human()]) {
            index.put(Agent::register(RegisterAgent::new(built_in.clone()), Timestamp(0)));
        }
        for agent in store.every_agent(&query::Agents::default()).await? {
            index.put(agent);
        }
        let Limits { mailbox_events: events, mailbox_bytes: bytes, .. } = config.limits;
        let room = Room { events, bytes };
        Ok(Self::new(index, position, room, lagged))
    }

    fn new(index: Index, position: Seq, room: Room, lagged: Counter) -> Self {
        let state = State { index, mailboxes: HashMap::new(), position, next_id: 0 };
        Self {
            state: Mutex::new(state),
            position: watch::Sender::new(position),
            buffered: Arc::default(),
            room,
            lagged,
        }
    }

    /// Hands out events until the store closes.
    pub async fn run(&self, mut feed: Feed) {
        while let Some(told) = feed.next().await {
            self.publish(told.events);
            self.pass(told.through);
        }
    }

    fn publish(&self, events: Vec<Arc<Event>>) {
        let mut state = self.state();
        for event in events {
            self.lagged.inc_by(state.publish(event));
        }
        let position = state.position;
        drop(state);
        self.position.send_replace(position);
    }

    /// Moves on to a number, which need not be that of an event that was told: some mail expires before
    /// it is read.
    fn pass(&self, through: Seq) {
        let mut state = self.state();
        if through > state.position {
            state.position = through;
            drop(state);
            self.position.send_replace(through);
        }
    }

    /// The last event that was handed out.
    pub fn position(&self) -> Seq {
        *self.position.borrow()
    }

    /// Resolves once the event of this number was handed out.
    pub async fn reached(&self, seq: Seq) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.position.subscribe().wait_for(|position| *position >= seq).await;
    }

    /// Bytes waiting in all mailboxes.
    pub fn buffered_bytes(&self) -> usize {
        self.buffered.load(Ordering::Relaxed)
    }

    /// How many listen or wait.
    pub fn listeners(&self) -> usize {
        self.state().mailboxes.len()
    }

    /// Starts listening; every later event that concerns the reader comes. `None` where the reader
    /// is an agent that is not registered.
    pub fn listen(self: &Arc<Self>, reader: &Reader) -> Option<Listener> {
        self.attach(reader, self.room)
    }

    /// Starts waiting for the first event that concerns the reader, without keeping it.
    pub fn wait(self: &Arc<Self>, reader: &Reader) -> Option<Listener> {
        self.attach(reader, Room { events: 0, bytes: 0 })
    }

    fn attach(self: &Arc<Self>, reader: &Reader, room: Room) -> Option<Listener> {
        let mut state = self.state();
        let id = state.next_id;
        state.index.add(id, reader)?;
        state.next_id += 1;
        let mailbox = Arc::new(Mailbox::new(room, Arc::clone(&self.buffered)));
        state.mailboxes.insert(id, Arc::clone(&mailbox));
        let from = state.position;
        drop(state);
        Some(Listener { fanout: Arc::clone(self), id, mailbox, from })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands out one event; returns how many streams fell behind at it.
    ///
    /// An agent's addresses change at the place of its own event in the order: the event itself
    /// goes by the old ones.
    fn publish(&mut self, event: Arc<Event>) -> u64 {
        self.position = self.position.max(event.seq);
        let listeners = self.index.listeners(&event);
        let frame = Arc::new(Frame::new(event));
        let lagged = listeners.into_iter().filter(|id| self.deliver(*id, &frame)).count();
        if frame.event.is_about_an_agent() {
            self.index.follow(&frame.event);
        }
        lagged as u64
    }

    /// True when the listener wanted to keep the event and had no room for it.
    fn deliver(&mut self, id: u64, frame: &Arc<Frame>) -> bool {
        let Some(mailbox) = self.mailboxes.get(&id) else { return false };
        let kept = mailbox.put(frame);
        let lagged = kept.is_err() && mailbox.keeps();
        if kept.is_err() {
            self.detach(id);
        }
        lagged
    }

    fn detach(&mut self, id: u64) {
        if self.mailboxes.remove(&id).is_some() {
            self.index.remove(id);
        }
    }
}

/// One who listens; dropping it ends that.
pub struct Listener {
    fanout: Arc<Fanout>,
    id: u64,
    mailbox: Arc<Mailbox>,
    /// What comes is later than this event.
    pub from: Seq,
}

impl Listener {
    /// The next event, or that some were thrown away and the log has them.
    pub async fn next(&self) -> Result<Arc<Frame>, Lagged> {
        self.mailbox.take().await
    }

    /// True when nothing waits: everything up to a position read before is taken.
    pub fn is_idle(&self) -> bool {
        self.mailbox.is_idle()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.fanout.state().detach(self.id);
        self.mailbox.empty();
    }
}

#[cfg(test)]
mod tests;
