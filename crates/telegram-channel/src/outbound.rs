//! From the relay to Telegram: each message to the chats it is for, in order, chat by chat.
//!
//! Every chat has a queue of its own, so that one which refuses, or is told to wait, holds up no
//! other. A queue holds numbers only; the text is fetched from the relay when its turn comes.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use relay_client::Session;
use relay_core::{
    id::{AgentId, MessageId},
    message::Message,
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    channel::{Abandoned, Channel},
    chat::{ChatId, Number},
    delivery, ledger,
    ledger::Errand,
};

/// A message on its way to one chat.
pub struct Order {
    /// What goes where.
    pub errand: Errand,
    /// The message in the chat that it answers.
    pub answers: Option<Number>,
    /// What is left to do for the same message in all chats.
    pub whole: Arc<Whole>,
}

/// A message on its way to all its chats.
pub struct Whole {
    left: AtomicUsize,
    refused: AtomicBool,
}

impl Whole {
    fn new(chats: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(chats), refused: AtomicBool::new(false) })
    }

    /// One chat is done with. True when it was the last, and all have taken the message.
    pub fn done(&self, taken: bool) -> bool {
        self.refused.fetch_or(!taken, Ordering::SeqCst);
        self.left.fetch_sub(1, Ordering::SeqCst) == 1 && !self.refused.load(Ordering::SeqCst)
    }
}

/// Carries the agent's mail, until the program is to end. Then the parts under way are finished.
pub async fn carry(channel: Arc<Channel>, session: &mut Session) -> Result<(), Abandoned> {
    let mut queues = Queues { channel, senders: HashMap::new(), workers: JoinSet::new() };
    loop {
        let stop = queues.channel.stop.clone();
        let ended = tokio::select! {
            biased;
            () = stop.wait() => break queues.finish(Abandoned::Stopped).await,
            Some(ended) = queues.workers.join_next() => ended.unwrap_or_else(|panicked| {
                Err(Abandoned::Over(io::Error::other(panicked).into()))
            }),
            incoming = session.next() => match incoming {
                Ok(incoming) => queues.put(&incoming.message).await,
                Err(error) => Err(Abandoned::Over(error.into())),
            },
        };
        if let Err(abandoned) = ended {
            break queues.finish(abandoned).await;
        }
    }
}

struct Queues {
    channel: Arc<Channel>,
    senders: HashMap<ChatId, mpsc::UnboundedSender<Order>>,
    workers: JoinSet<Result<(), Abandoned>>,
}

impl Queues {
    async fn put(&mut self, message: &Message) -> Result<(), Abandoned> {
        let places = route(&self.channel, message).await?;
        if places.is_empty() {
            tracing::warn!(message.id = %message.id, "no chat is allowed; the message stays unread");
        }
        let whole = Whole::new(places.len());
        for (chat, answers) in places {
            let errand = Errand::new(message, chat);
            let order = Order { errand, answers, whole: Arc::clone(&whole) };
            // A worker that has ended says why by itself.
            let _ = self.sender(chat).send(order);
        }
        Ok(())
    }

    fn sender(&mut self, chat: ChatId) -> &mpsc::UnboundedSender<Order> {
        let (channel, workers) = (&self.channel, &mut self.workers);
        self.senders.entry(chat).or_insert_with(|| {
            let (sender, orders) = mpsc::unbounded_channel();
            workers.spawn(delivery::work(Arc::clone(channel), orders));
            sender
        })
    }

    async fn finish(mut self, why: Abandoned) -> Result<(), Abandoned> {
        self.senders.clear();
        if matches!(why, Abandoned::Stopped) {
            while self.workers.join_next().await.is_some() {}
        }
        Err(why)
    }
}

/// The chats a message goes to, each with the number there of what it answers.
async fn route(
    channel: &Channel,
    message: &Message,
) -> Result<Vec<(ChatId, Option<Number>)>, Abandoned> {
    if let Some(answered) = message.reply_to {
        let mut places = channel.ledger.read().await.places(answered);
        if places.is_empty() {
            places.extend(remembered(channel, answered).await?);
        }
        places.retain(|(chat, _)| channel.chats.get(*chat).is_some());
        if !places.is_empty() {
            return Ok(places.into_iter().map(|(chat, number)| (chat, Some(number))).collect());
        }
    }
    let from = &message.from;
    let sender = channel.ask(|| async move { channel.relay().agent(from).await }).await?.ok();
    let chats = channel.chats.of_sender(sender.as_ref());
    Ok(chats.into_iter().map(|chat| (chat, None)).collect())
}

/// Where a thread came from, as the relay remembers it: for what the ledger has forgotten.
async fn remembered(
    channel: &Channel,
    answered: MessageId,
) -> Result<Option<(ChatId, Number)>, Abandoned> {
    let thread = channel.ask(|| async move { channel.relay().thread(answered).await }).await?;
    Ok(place(&thread.unwrap_or_default(), answered, channel.member.id()))
}

/// The message in the chat that is answered, else the newest before it in the same thread.
fn place(thread: &[Message], answered: MessageId, me: &AgentId) -> Option<(ChatId, Number)> {
    let mut before = thread.iter().rev().filter(|message| message.id <= answered);
    before.find_map(|message| ledger::origin(message, me))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(id: i64, from: &str, meta: &Value) -> Message {
        serde_json::from_value(json!({
            "id": id, "from": from, "to": "x", "body": "", "kind": "chat", "urgency": "normal",
            "threadId": 1, "claimable": false, "verified": true, "createdAt": 0, "meta": meta,
        }))
        .unwrap()
    }

    #[test]
    fn a_thread_leads_to_its_chat_by_what_we_said_of_it() {
        let facts = |number: i64| json!({"telegram": {"chat": 12, "message": number}});
        let thread = [
            message(1, "telegram", &facts(7)),
            message(2, "backend", &facts(66)),
            message(3, "telegram", &facts(8)),
            message(4, "telegram", &json!({"telegram": "no facts"})),
        ];
        let me = "telegram".parse().unwrap();
        for (answered, expected) in [(1, Some((12, 7))), (2, Some((12, 7))), (4, Some((12, 8)))] {
            assert_eq!(place(&thread, MessageId(answered), &me), expected, "{answered}");
        }
        assert_eq!(place(&[], MessageId(1), &me), None);
    }

    #[test]
    fn a_message_is_read_when_the_last_chat_has_taken_it_and_none_refused() {
        let both = Whole::new(2);
        assert!(!both.done(true) && both.done(true));
        let one = Whole::new(2);
        assert!(!one.done(false) && !one.done(true));
    }
}
