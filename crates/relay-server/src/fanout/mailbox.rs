//! What waits for one listener: bounded, and emptied rather than grown.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use relay_core::{event::Event, id::Seq};
use tokio::sync::Notify;

/// An event with its text, written once for all who get it.
#[derive(Debug)]
pub struct Frame {
    /// The event.
    pub event: Arc<Event>,
    text: OnceLock<Bytes>,
}

impl Frame {
    /// A frame whose text is not written yet.
    pub fn new(event: Arc<Event>) -> Self {
        Self { event, text: OnceLock::new() }
    }

    /// The text as it goes over the wire.
    pub fn text(&self) -> Bytes {
        self.text
            .get_or_init(|| write(self.event.seq, self.event.name.as_str(), "", &*self.event))
            .clone()
    }
}

/// Writes one frame of a stream. Every frame has an `id:`, because a client forgets its cursor at
/// one without.
pub fn write(id: Seq, name: &str, extra: &str, data: &impl serde::Serialize) -> Bytes {
    // The types of events hold no maps with keys other than strings, so this cannot fail.
    let json = serde_json::to_string(data).expect("an event is JSON");
    Bytes::from(format!("id: {id}\nevent: {name}\n{extra}data: {json}\n\n"))
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// So many events.
    pub events: usize,
    /// So many bytes of text.
    pub bytes: usize,
}

/// Some events were thrown away; the log has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged;

pub struct Mailbox {
    room: Room,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    buffered: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    lagged: bool,
}

impl Mailbox {
    /// An empty one; `buffered` counts the bytes of all.
    pub fn new(room: Room, buffered: Arc<AtomicUsize>) -> Self {
        Self { room, waiting: Mutex::default(), arrived: Notify::new(), buffered }
    }

    /// Adds an event. When there is no room, everything is thrown away, and nothing more comes.
    pub fn put(&self, frame: &Arc<Frame>) -> Result<(), Lagged> {
        let size = if self.keeps() { frame.text().len() } else { 0 };
        let mut waiting = self.waiting();
        if waiting.frames.len() + 1 > self.room.events || waiting.bytes + size > self.room.bytes {
            waiting.lagged = true;
            self.clear(&mut waiting);
            self.arrived.notify_one();
            return Err(Lagged);
        }
        waiting.bytes += size;
        self.buffered.fetch_add(size, Ordering::Relaxed);
        waiting.frames.push_back(Arc::clone(frame));
        if waiting.frames.len() == 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// True where events are kept at all, false for one who only waits.
    pub fn keeps(&self) -> bool {
        self.room.events > 0
    }

    /// Takes the oldest event, waiting for one. Nothing is lost when the wait is given up.
    pub async fn take(&self) -> Result<Arc<Frame>, Lagged> {
        loop {
            if let Some(taken) = self.try_take() {
                return taken;
            }
            self.arrived.notified().await;
        }
    }

    fn try_take(&self) -> Option<Result<Arc<Frame>, Lagged>> {
        let mut waiting = self.waiting();
        if waiting.lagged {
            return Some(Err(Lagged));
        }
        let frame = waiting.frames.pop_front()?;
        let size = frame.text().len();
        waiting.bytes -= size;
        self.buffered.fetch_sub(size, Ordering::Relaxed);
        Some(Ok(frame))
    }

    /// True when nothing waits and nothing was thrown away.
    pub fn is_idle(&self) -> bool {
        let waiting = self.waiting();
        waiting.frames.is_empty() && !waiting.lagged
    }

    /// Throws away what nobody will take.
    pub fn empty(&self) {
        self.clear(&mut self.waiting());
    }

    fn clear(&self, waiting: &mut Waiting) {
        waiting.frames = VecDeque::new();
        self.buffered.fetch_sub(std::mem::take(&mut waiting.bytes), Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
