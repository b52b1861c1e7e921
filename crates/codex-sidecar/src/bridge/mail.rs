//! A thread's mail on its way: waiting, sent, read, ended. Pure but for what it is told.
//!
//! A message moves forward once. It waits; it is sent, which is written down first; it is read
//! when Codex shows the item that holds it; it is handled when the turn of that item has ended.
//! After a lost connection [`Mail::recover`] compares what was sent with what stands in the thread:
//! what does not stand there waits again, what stands there in a turn that was cut off is brought
//! to mind once, without its text.

use std::{collections::VecDeque, time::Duration};

use relay_client::core::{
    message::{Message, Urgency},
    prompt::Reader,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    app_server::protocol::{ThreadItem, TurnStatus},
    bridge::{
        batch::{Batch, Room, Via},
        turn::Pending,
    },
};

/// A turn that failed would fail again at once.
const REST: Duration = Duration::from_secs(10);

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    message: Message,
    since: Timestamp,
    /// True where the relay counts it as read, and will not hand it over again: it was lost with
    /// an app-server, or is work that is open again.
    told: bool,
}

/// A batch that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sent {
    batch: Batch,
    at: Timestamp,
    /// The turn in which it stands, once it does.
    turn: Option<String>,
}

/// A message that must be brought to mind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CutOff {
    message: Message,
    due: Timestamp,
}

/// What the relay has to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The message.
    pub message: Message,
    /// What became of it.
    pub fact: Fact,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It stands in the thread.
    Read(Via),
    /// The turn that had it has ended.
    Handled,
}

/// What stands in a thread: for each item that a client sent, its turn, and for each turn how it
/// ended.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The items, with their turns.
    pub items: Vec<(ThreadItem, String)>,
    /// The turns, and how they stand.
    pub turns: Vec<(String, TurnStatus)>,
    /// The turn that runs.
    pub running: Option<String>,
}

/// A thread's mail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mail {
    waiting: VecDeque<Waiting>,
    flying: Option<Sent>,
    read: Vec<Sent>,
    cut_off: Vec<CutOff>,
    /// Those of which the relay has not confirmed that they are handled.
    handled: Vec<Message>,
    #[serde(skip)]
    burst: bool,
}

impl Mail {
    /// What has to outlast this process: the relay keeps what is unread.
    #[must_use]
    pub fn kept(&self) -> Self {
        let mut kept = Self { burst: false, ..self.clone() };
        kept.waiting.retain(|waiting| waiting.told);
        kept
    }

    /// True where nothing has to outlast this process.
    pub fn is_settled(&self) -> bool {
        self.kept() == Self::default()
    }

    /// Takes a message that the relay hands over, perhaps `again`; one that is on its way already
    /// stays as it is.
    pub fn arrive(&mut self, message: Message, again: bool, now: Timestamp) {
        if !self.holds(&message) {
            self.waiting.push_back(Waiting { message, since: now, told: again });
        }
    }

    /// A relay begun anew counts its ids from the start, so that a message is known by its time too.
    fn holds(&self, message: &Message) -> bool {
        let is = |other: &Message| is_same(other, message);
        let in_batch =
            |sent: &Sent| sent.batch.new.iter().any(is) || sent.batch.again.iter().any(is);
        self.waiting.iter().any(|waiting| is(&waiting.message))
            || self.flying.iter().chain(&self.read).any(in_batch)
            || self.cut_off.iter().any(|cut_off| is(&cut_off.message))
            || self.handled.iter().any(is)
    }

    /// What waits, as the decision needs it. A reminder is never urgent.
    pub fn pending(&self) -> Vec<Pending> {
        let waiting = self
            .waiting
            .iter()
            .map(|waiting| Pending { urgency: waiting.message.urgency, since: waiting.since });
        let again = self
            .cut_off
            .iter()
            .map(|cut_off| Pending { urgency: Urgency::Later, since: cut_off.due });
        waiting.chain(again).collect()
    }

    /// True while something was sent and does not stand in the thread yet.
    pub fn is_in_flight(&self) -> bool {
        self.flying.is_some()
    }

    /// When the batch that is on its way was sent.
    pub fn sent_at(&self) -> Option<Timestamp> {
        self.flying.as_ref().map(|sent| sent.at)
    }

    /// When the oldest batch was sent that a recovery must look for.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.flying.iter().chain(&self.read).map(|sent| sent.at).min()
    }

    /// True where more than one message went with the last batch.
    pub fn is_burst(&self) -> bool {
        self.burst
    }

    /// Lets go of what nobody shall get any more: what has expired, and what `is_gone` says the
    /// relay does not list as unread.
    pub fn forget(&mut self, now: Timestamp, is_gone: impl Fn(&Message) -> bool) {
        self.waiting.retain(|waiting| {
            let message = &waiting.message;
            !message.is_over(now) && (waiting.told || !is_gone(message))
        });
    }

    /// Writes a batch of what waits, which is on its way from now on. Between turns, and only then,
    /// it holds reminders and what is for later.
    pub fn send(
        &mut self,
        reader: &Reader,
        between_turns: bool,
        via: Via,
        room: Room,
    ) -> Option<&Batch> {
        let again = if between_turns { std::mem::take(&mut self.cut_off) } else { Vec::new() };
        let again = again.into_iter().map(|cut_off| cut_off.message).collect();
        let fits = |message: &&Message| between_turns || message.urgency != Urgency::Later;
        let waiting = self.waiting.iter().map(|waiting| &waiting.message).filter(fits);
        let batch = Batch::fill(reader, again, waiting, via, room)?;
        let goes = |waiting: &Waiting| batch.new.iter().any(|new| is_same(new, &waiting.message));
        self.waiting.retain(|waiting| !goes(waiting));
        self.burst = batch.new.len() > 1;
        let sent = Sent { batch, at: reader.now, turn: None };
        Some(&self.flying.insert(sent).batch)
    }

    /// What was sent does not stand in the thread, and never will: it waits again.
    pub fn refused(&mut self) {
        if let Some(sent) = self.flying.take() {
            self.wait_again(sent, false);
        }
    }

    fn wait_again(&mut self, sent: Sent, told: bool) {
        for message in sent.batch.new.into_iter().rev() {
            self.waiting.push_front(Waiting { message, since: sent.at, told });
        }
        let again = sent.batch.again.into_iter();
        self.cut_off.extend(again.map(|message| CutOff { message, due: sent.at }));
    }

    /// An item stands in the thread. Where it holds what was sent, that is read.
    pub fn seen(&mut self, item: &ThreadItem, turn: &str) -> Vec<Receipt> {
        if !self.flying.as_ref().is_some_and(|sent| sent.is(item)) {
            return Vec::new();
        }
        let Some(mut sent) = self.flying.take() else { return Vec::new() };
        sent.turn = Some(turn.to_owned());
        let receipts = sent.read();
        self.read.push(sent);
        receipts
    }

    /// A turn has ended. What stands in it is handled, however it ended; but if it failed, nobody
    /// has thought about it, and it is brought to mind once.
    pub fn ended(&mut self, turn: &str, status: TurnStatus, now: Timestamp) -> Vec<Receipt> {
        let (ended, rest) = std::mem::take(&mut self.read)
            .into_iter()
            .partition(|sent: &Sent| sent.turn.as_deref() == Some(turn));
        self.read = rest;
        let ended: Vec<Sent> = ended;
        ended.into_iter().flat_map(|sent| self.end(sent, status, now.plus(REST))).collect()
    }

    fn end(&mut self, sent: Sent, status: TurnStatus, due: Timestamp) -> Vec<Receipt> {
        if status == TurnStatus::Failed {
            // What failed after a reminder too stays read, and no more is made of it.
            let new = sent.batch.new.into_iter();
            self.cut_off.extend(new.map(|message| CutOff { message, due }));
            return Vec::new();
        }
        let messages = sent.batch.again.into_iter().chain(sent.batch.new);
        let receipts: Vec<_> =
            messages.map(|message| Receipt { message, fact: Fact::Handled }).collect();
        self.handled.extend(receipts.iter().map(|receipt| receipt.message.clone()));
        receipts
    }

    /// The relay has been told that a message is handled, or does not want to know.
    pub fn told(&mut self, message: &Message) {
        self.handled.retain(|handled| !is_same(handled, message));
    }

    /// What the relay has not confirmed to have heard, before this process or the connection.
    pub fn untold(&self) -> Vec<Receipt> {
        let read = self.read.iter().flat_map(Sent::read);
        let handled = self.handled.iter().cloned();
        let handled = handled.map(|message| Receipt { message, fact: Fact::Handled });
        read.chain(handled).collect()
    }

    /// Compares what was sent with what stands in the thread, after nobody has listened for a while.
    pub fn recover(&mut self, history: &History, now: Timestamp) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        let all: Vec<_> =
            std::mem::take(&mut self.read).into_iter().chain(self.flying.take()).collect();
        for mut sent in all.into_iter().rev() {
            let told = sent.turn.is_some();
            let place = history.items.iter().find(|(item, _)| sent.is(item));
            let Some((_, turn)) = place else {
                self.wait_again(sent, told);
                continue;
            };
            sent.turn = Some(turn.clone());
            receipts.extend(sent.read());
            if history.running.as_ref() == Some(turn) {
                self.read.insert(0, sent);
                continue;
            }
            let status = history.turns.iter().find(|(id, _)| id == turn).map(|(_, status)| *status);
            let status = match status {
                Some(TurnStatus::Completed) => TurnStatus::Completed,
                // Nobody heard how it ended: it was cut off, and counts like one that failed.
                _ => TurnStatus::Failed,
            };
            receipts.extend(self.end(sent, status, now));
        }
        self.cut_off.sort_by_key(|cut_off| cut_off.message.id);
        receipts
    }
}

impl Sent {
    /// Whether the item holds this batch. What a tool brings has no client's id.
    fn is(&self, item: &ThreadItem) -> bool {
        match self.batch.via {
            Via::ToolOutput => {
                item.output.as_ref().and_then(|output| output.as_str()) == Some(&self.batch.text)
            }
            Via::Turn | Via::Steer => item.client_id.as_ref() == Some(&self.batch.client_id),
        }
    }

    fn read(&self) -> Vec<Receipt> {
        let fact = Fact::Read(self.batch.via);
        let new = self.batch.new.iter().cloned();
        new.map(|message| Receipt { message, fact }).collect()
    }
}

fn is_same(a: &Message, b: &Message) -> bool {
    (a.id, a.created_at) == (b.id, b.created_at)
}

#[cfg(test)]
mod tests;
