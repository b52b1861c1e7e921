//! One stream of events: from the log up to now, then as they happen, and back to the log when its
//! reader falls behind.
//!
//! The cursor moves only with what was handed to the connection, in the order of the log. While
//! the stream listens, what it gets is later than `listener.from`; what lies between its cursor
//! and that comes from the log first. So there is no gap and no repetition between the two.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use relay_core::{
    caller::Caller,
    event::{Event, Gap, Hello, Name},
    id::{AgentId, Seq},
    token::Digest,
    version::VERSION,
};
use relay_store::{Reader, StoreError};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    app::App,
    fanout::{Frame, Lagged, Listener, write_frame},
    http::limit::Place,
};

const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");
/// How soon a client should come back.
const RETRY: &str = "retry: 2000\n";
/// The rows of the log that are read at once: few where bodies are large, many where little
/// concerns the reader.
const FEWEST_ROWS: u32 = 8;
const FIRST_ROWS: u32 = 64;
const MOST_ROWS: u32 = 256;
/// The bytes that may wait for a reader who is catching up, give or take one event.
const MOST_BYTES: usize = 128 * 1024;

/// A stream that has not begun.
pub struct EventStream {
    app: App,
    reader: Reader,
    asker: Asker,
    _place: Place,
    cursor: Seq,
    listener: Option<Listener>,
    ready: VecDeque<(Seq, Bytes)>,
    rows: u32,
    keep_alive: Interval,
    stopping: watch::Receiver<bool>,
    revocations: watch::Receiver<u64>,
    ended: bool,
}

/// Who reads a stream: looked at again while it is open.
pub struct Asker {
    /// Who it was when the stream began.
    pub caller: Caller,
    /// The digest of its token.
    pub digest: Option<Digest>,
}

impl EventStream {
    /// A stream of what concerns the reader, after the cursor.
    pub fn new(app: &App, reader: Reader, asker: Asker, place: Place, cursor: Seq) -> Self {
        let hello = Hello { cursor, version: VERSION.to_owned() };
        let hello = write_frame(cursor, Name::Hello.as_str(), RETRY, &hello);
        Self {
            reader,
            asker,
            _place: place,
            cursor,
            listener: None,
            ready: VecDeque::from([(cursor, hello)]),
            rows: FIRST_ROWS,
            keep_alive: every(app.config.limits.keep_alive),
            stopping: app.stopping(),
            revocations: app.revocations(),
            ended: false,
            app: app.clone(),
        }
    }

    /// The frames as they become ready; it ends with the relay or the token.
    pub fn frames(self) -> impl Stream<Item = Bytes> + Send + 'static {
        futures_util::stream::unfold(self, |mut stream| async move {
            let frame = stream.next().await?;
            Some((frame, stream))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some((seq, frame)) = self.ready.pop_front() {
                self.cursor = seq;
                return Some(frame);
            }
            if self.ended {
                return None;
            }
            if *self.stopping.borrow() {
                self.say_goodbye();
            } else if self.listener.as_ref().is_some_and(|listener| self.cursor >= listener.from) {
                self.live().await;
            } else if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, "a stream could not read the log");
                self.ended = true;
            }
        }
    }

    /// Waits for whatever comes first.
    async fn live(&mut self) {
        let Some(listener) = &self.listener else { return };
        tokio::select! {
            biased;
            _ = self.stopping.changed() => {}
            changed = self.revocations.changed() => self.ended = changed.is_err() || !self.is_welcome(),
            taken = listener.next() => match taken {
                Ok(frame) => self.take(&frame),
                // The log has what was thrown away.
                Err(Lagged) => self.listener = None,
            },
            _ = self.keep_alive.tick() => self.breathe(),
        }
    }

    /// Says that the stream lives, and moves its cursor past what did not concern it.
    fn breathe(&mut self) {
        self.ended = !self.is_welcome();
        let position = self.app.fanout.position();
        let idle = self.listener.as_ref().is_some_and(Listener::is_idle);
        let cursor = if idle { self.cursor.max(position) } else { self.cursor };
        self.ready.push_back((cursor, KEEP_ALIVE));
    }

    fn take(&mut self, frame: &Arc<Frame>) {
        let event = &frame.event;
        // A cursor from the future is quiet until its number comes by.
        if event.seq > self.cursor {
            self.ready.push_back((event.seq, frame.text()));
        }
        if self.is_about_the_asker(event) {
            self.ended = !self.is_welcome();
        }
    }

    /// Reads the next stretch of the log, and listens as soon as little of it is left.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let position = self.app.fanout.position();
        if self.listener.is_none()
            && position.0.saturating_sub(self.cursor.0) <= i64::from(MOST_ROWS)
        {
            self.listener = self.app.fanout.listen(&self.reader);
            if self.listener.is_none() {
                self.ended = true;
                return Ok(());
            }
        }
        let through = self.listener.as_ref().map_or(position, |listener| listener.from);
        if self.cursor >= through {
            return Ok(());
        }
        let app = self.app.clone();
        // It is never closed, so leave always comes.
        let _leave = app.catching_up.acquire().await;
        let replay = self.app.store.replay(&self.reader, self.cursor, through, self.rows).await?;
        // What was pruned is looked up after reading: it only grows, so no hole goes unnoticed.
        let pruned = self.app.store.pruned_through();
        if self.cursor < pruned {
            self.announce_gap(pruned);
        } else {
            self.queue(replay.events, replay.cursor);
        }
        Ok(())
    }

    fn announce_gap(&mut self, pruned: Seq) {
        let gap = Gap { from: Seq(self.cursor.0 + 1), to: pruned };
        let frame = write_frame(pruned, Name::Gap.as_str(), "", &gap);
        self.ready.push_back((pruned, frame));
        self.app.metrics.gaps.inc();
    }

    /// Keeps as much of what was read as may wait for a reader; the rest is read again.
    fn queue(&mut self, events: Vec<Arc<Event>>, cursor: Seq) {
        let mut bytes = 0;
        for event in events {
            if bytes > MOST_BYTES {
                self.rows = (self.rows / 4).max(FEWEST_ROWS);
                return;
            }
            let leaves = self.is_about_the_asker(&event) && !self.is_welcome();
            let (seq, text) = (event.seq, Frame::new(event).text());
            bytes += text.len();
            self.ready.push_back((seq, text));
            if leaves {
                self.ended = true;
                return;
            }
        }
        self.rows = (self.rows * 2).min(MOST_ROWS);
        // The last frame stands for what was looked at behind it, too.
        match self.ready.back_mut() {
            Some((last, _)) => *last = cursor,
            None => self.cursor = cursor,
        }
    }

    fn say_goodbye(&mut self) {
        let event = Event::new(self.cursor, Name::ServerShutdown, self.app.store.now());
        let frame = write_frame(self.cursor, Name::ServerShutdown.as_str(), RETRY, &event);
        self.ready.push_back((self.cursor, frame));
        self.ended = true;
    }

    /// True while the token still is what it was, and the agent whose mail it is still is there.
    fn is_welcome(&self) -> bool {
        self.asker.digest.as_ref().is_none_or(|digest| {
            self.app
                .keys
                .caller(&self.app.store, &self.app.config.integrations, digest)
                .is_some_and(|now| now == self.asker.caller)
        })
    }

    fn is_about_the_asker(&self, event: &Event) -> bool {
        let about =
            event.agent.as_ref().filter(|_| event.is_about_an_agent()).map(|agent| &agent.id);
        let is = |id: Option<&AgentId>| id.is_some() && about == id;
        is(self.asker.caller.narrowed_to())
    }
}

fn every(span: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + span, span);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
