//! What was carried: the memory that makes a restart neither lose nor repeat a message.
//!
//! Telegram has no key against sending twice. So a part is written down before it is sent and again
//! when Telegram has taken it; what is found between the two after a crash has an unknown outcome,
//! and is sent once more with a mark. The pairs of numbers that this leaves behind are how answers
//! find their messages, both ways.

mod file;

use std::collections::{BTreeMap, VecDeque};

use relay_core::{
    id::{AgentId, MessageId},
    message::Message,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

pub use self::file::{Keeper, LedgerError};
use crate::chat::{ChatId, Number};

/// How many messages are remembered in each direction. Answers to older ones are found by the line
/// above the text and by the facts in the relay's messages.
const REMEMBERED: usize = 1000;

/// What was carried, newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// Updates that were dealt with and that Telegram may report again.
    handled: Vec<u32>,
    /// Groups that have another number now.
    moved: BTreeMap<ChatId, ChatId>,
    /// Mail that went out, by the relay's number.
    out: BTreeMap<i64, Mail>,
    /// What came in.
    came: VecDeque<Came>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    /// A relay begun anew gives the same numbers to other messages.
    created_at: Timestamp,
    chats: BTreeMap<ChatId, Progress>,
}

/// How far a message has come in one chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// How many parts it has.
    parts: usize,
    /// The numbers of those that Telegram has taken.
    taken: Vec<Number>,
    /// True when the next part may have been taken.
    #[serde(default)]
    unknown: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Came {
    chat: ChatId,
    number: Number,
    id: MessageId,
}

/// Mail on its way to one chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The message.
    pub id: MessageId,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The chat, by the number in the settings.
    pub chat: ChatId,
}

impl Errand {
    /// A message on its way to a chat.
    pub fn new(message: &Message, chat: ChatId) -> Self {
        Self { id: message.id, created_at: message.created_at, chat }
    }
}

impl Progress {
    /// The next part to send, counted from 0; `None` when Telegram has taken all.
    pub fn next(&self) -> Option<usize> {
        (self.taken.len() < self.parts).then_some(self.taken.len())
    }

    /// True when the next part may have arrived already.
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }
}

impl Ledger {
    /// How far a message of so many parts has come. One that is cut otherwise than when it was
    /// begun, by another version, begins again, with a mark.
    pub fn progress(&self, errand: &Errand, parts: usize) -> Progress {
        let known = self.mail(errand.id, Some(errand.created_at));
        match known.and_then(|mail| mail.chats.get(&errand.chat)) {
            None => Progress { parts, ..Progress::default() },
            Some(progress) if progress.parts == parts || progress.next().is_none() => {
                progress.clone()
            }
            Some(_) => Progress { parts, taken: Vec::new(), unknown: true },
        }
    }

    /// Writes down how far a message has come.
    fn put(&mut self, errand: &Errand, progress: Progress) {
        let fresh = Mail { created_at: errand.created_at, chats: BTreeMap::new() };
        let mail = self.out.entry(errand.id.0).or_insert_with(|| fresh.clone());
        if mail.created_at != errand.created_at {
            *mail = fresh;
        }
        mail.chats.insert(errand.chat, progress);
        self.forget();
    }

    /// The next part is being sent.
    pub fn sending(&mut self, errand: &Errand, progress: &mut Progress) {
        progress.unknown = true;
        self.put(errand, progress.clone());
    }

    /// The part was not taken, for certain.
    pub fn not_taken(&mut self, errand: &Errand, progress: &mut Progress) {
        progress.unknown = false;
        if progress.taken.is_empty() {
            self.take_out(errand);
        } else {
            self.put(errand, progress.clone());
        }
    }

    /// Nothing of it was taken, so that nothing needs to be known: a chat that refuses everything
    /// must not fill the ledger.
    fn take_out(&mut self, errand: &Errand) {
        let Some(mail) = self.out.get_mut(&errand.id.0) else { return };
        mail.chats.remove(&errand.chat);
        if mail.chats.is_empty() {
            self.out.remove(&errand.id.0);
        }
    }

    /// The part was taken, under this number.
    pub fn taken(&mut self, errand: &Errand, progress: &mut Progress, number: Number) {
        progress.unknown = false;
        progress.taken.push(number);
        self.put(errand, progress.clone());
    }

    /// An update was dealt with; perhaps it became a message.
    pub fn handled(&mut self, update: u32, came: Option<(ChatId, Number, MessageId)>) {
        self.handled.push(update);
        if let Some((chat, number, id)) = came {
            self.came.push_back(Came { chat, number, id });
        }
        self.forget();
    }

    /// True for an update that was dealt with before.
    pub fn is_handled(&self, update: u32) -> bool {
        self.handled.contains(&update)
    }

    /// Telegram will not report again what it reported so far.
    pub fn confirmed(&mut self) {
        self.handled.clear();
    }

    /// A group has another number now.
    pub fn moved(&mut self, from: ChatId, to: ChatId) {
        self.moved.insert(self.original(from), to);
    }

    /// The number under which a chat is reached now.
    pub fn current(&self, chat: ChatId) -> ChatId {
        self.moved.get(&chat).copied().unwrap_or(chat)
    }

    /// The number under which a chat stands in the settings.
    pub fn original(&self, chat: ChatId) -> ChatId {
        self.moved.iter().find(|(_, to)| **to == chat).map_or(chat, |(from, _)| *from)
    }

    /// The relay's message that a message in a chat is.
    pub fn message_at(&self, chat: ChatId, number: Number) -> Option<MessageId> {
        let came = self.came.iter().rev().find(|came| (came.chat, came.number) == (chat, number));
        came.map(|came| came.id).or_else(|| self.out_at(chat, number))
    }

    fn out_at(&self, chat: ChatId, number: Number) -> Option<MessageId> {
        let is_here = |mail: &Mail| {
            mail.chats.get(&chat).is_some_and(|progress| progress.taken.contains(&number))
        };
        self.out.iter().rev().find(|(_, mail)| is_here(mail)).map(|(id, _)| MessageId(*id))
    }

    /// The chats in which a message of the relay stands, each with its number there.
    pub fn places(&self, id: MessageId) -> Vec<(ChatId, Number)> {
        let came = self.came.iter().rev().find(|came| came.id == id);
        if let Some(came) = came {
            return vec![(came.chat, came.number)];
        }
        let chats = self.mail(id, None).into_iter().flat_map(|mail| &mail.chats);
        chats.filter_map(|(chat, progress)| Some((*chat, *progress.taken.first()?))).collect()
    }

    fn mail(&self, id: MessageId, created_at: Option<Timestamp>) -> Option<&Mail> {
        self.out.get(&id.0).filter(|mail| created_at.is_none_or(|at| at == mail.created_at))
    }

    /// Forgets the oldest; what is still on its way only when there is far too much of it.
    fn forget(&mut self) {
        while self.came.len() > REMEMBERED {
            self.came.pop_front();
        }
        if self.out.len() > REMEMBERED {
            let done = |mail: &Mail| mail.chats.values().all(|progress| progress.next().is_none());
            let too_many = self.out.len() > 2 * REMEMBERED;
            let oldest = self.out.iter().find(|(_, mail)| too_many || done(mail));
            oldest.map(|(id, _)| *id).and_then(|id| self.out.remove(&id));
        }
    }
}

/// Where the facts in a message of our own say that it came from.
pub fn origin(message: &Message, me: &AgentId) -> Option<(ChatId, Number)> {
    let facts = message.meta.get(crate::body::KEY).filter(|_| message.from == *me)?;
    let number = Number::try_from(facts.get("message")?.as_i64()?).ok()?;
    Some((facts.get("chat")?.as_i64()?, number))
}

#[cfg(test)]
mod tests;
