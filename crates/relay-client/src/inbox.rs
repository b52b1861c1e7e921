//! An agent's mail: what waits, then what comes, each message once.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use relay_core::{
    api::query::{self, Within},
    event::{Event, Name, ReleaseReason},
    id::{MessageId, Seq},
    message::Message,
    time::Timestamp,
};
use tokio::sync::{mpsc, watch};

use crate::{
    error::ClientError,
    event::{Events, Item},
    http::Relay,
    retry::Backoff,
    session::{Incoming, Presence},
};

/// How many messages are remembered as handed over. Older ones come again only if they are still
/// unread when the relay's log has lost events.
const REMEMBERED: usize = 65_536;
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// Hands the agent's mail to `mail` until nobody takes it any more.
pub(crate) async fn follow(presence: Arc<Presence>, mail: mpsc::Sender<Incoming>) {
    let mut registrations = presence.registrations();
    let mut inbox = Inbox {
        presence,
        mail,
        seen: Seen::default(),
        waiting: Waiting::default(),
        backoff: Backoff::new(FIRST_RETRY, LAST_RETRY),
    };
    loop {
        registrations.mark_unchanged();
        match inbox.round(&mut registrations).await {
            Ok(()) => {}
            Err(End::Closed) => return,
            Err(End::Relay(error)) => {
                tracing::warn!(%error, "no mail for now");
                inbox.presence.look();
                tokio::select! {
                    () = tokio::time::sleep(inbox.backoff.next()) => {}
                    _ = registrations.changed() => {}
                }
            }
        }
    }
}

/// Why a round of the inbox is over.
enum End {
    Relay(ClientError),
    Closed,
}

impl From<ClientError> for End {
    fn from(error: ClientError) -> Self {
        Self::Relay(error)
    }
}

struct Inbox {
    presence: Arc<Presence>,
    mail: mpsc::Sender<Incoming>,
    seen: Seen,
    waiting: Waiting,
    /// Begins again with every stream that says hello.
    backoff: Backoff,
}

/// What was last read of the waiting mail, whose events may still follow.
#[derive(Default)]
struct Waiting {
    /// The end of the log when it had been read.
    until: Seq,
    /// The claimable messages that it listed.
    open: HashSet<MessageId>,
}

impl Inbox {
    /// From the waiting mail along the stream, until the agent is registered anew.
    async fn round(&mut self, registrations: &mut watch::Receiver<u64>) -> Result<(), End> {
        let relay = self.presence.relay();
        // The cursor is taken first: what arrives between the two is seen twice, not never.
        let start = relay.cursor().await?.seq;
        let mut events = relay.events(Some(self.presence.id().clone()), Some(start));
        self.catch_up(&relay, start).await?;
        loop {
            tokio::select! {
                item = events.next() => self.take(item?, &relay, &events).await?,
                _ = registrations.changed() => return Ok(()),
            }
        }
    }

    async fn take(
        &mut self,
        item: Option<Item>,
        relay: &Relay,
        events: &Events,
    ) -> Result<(), End> {
        match item {
            Some(Item::Event(event)) => self.happened(*event).await,
            Some(Item::Gap(gap)) => {
                tracing::warn!(from = %gap.from, to = %gap.to, "events were lost; reading the unread");
                self.catch_up(relay, events.cursor().unwrap_or(gap.to)).await
            }
            Some(Item::Disconnected { reason }) => {
                tracing::info!(reason, "the relay is gone; waiting for it");
                Ok(())
            }
            Some(Item::Hello(_)) => {
                self.backoff.reset();
                Ok(())
            }
            Some(Item::Reconnected) => Ok(()),
            None => Err(End::Relay(relay.protocol("the stream has ended"))),
        }
    }

    /// Hands over what waits unread, oldest first.
    async fn catch_up(&mut self, relay: &Relay, start: Seq) -> Result<(), End> {
        let query = query::Messages {
            reader: Some(self.presence.id().clone()),
            unread: Some(true),
            limit: Some(Within(500)),
            ..Default::default()
        };
        let mut page = relay.messages(&query).await?;
        let mut open = HashSet::new();
        loop {
            for message in std::mem::take(&mut page.items) {
                if message.claimable {
                    open.insert(message.id);
                }
                let waited = Seq(message.id.0) <= start;
                self.hand_over(message, waited, false).await?;
            }
            let Some(next) = relay.next(&page).await? else { break };
            page = next;
        }
        let until = if open.is_empty() { start } else { relay.cursor().await?.seq };
        self.waiting = Waiting { until, open };
        Ok(())
    }

    async fn happened(&mut self, event: Event) -> Result<(), End> {
        match event.name {
            Name::MessageNew => self.arrived(event).await,
            Name::MessageClaimReleased => self.reopened(event).await,
            Name::AgentRegistered | Name::AgentStatus | Name::AgentRemoved => {
                self.presence.note(event);
                Ok(())
            }
            _ => {
                self.presence.settle(&event);
                Ok(())
            }
        }
    }

    async fn arrived(&mut self, event: Event) -> Result<(), End> {
        let Some(message) = event.message else { return Ok(()) };
        if message.from == *self.presence.id() {
            return Ok(());
        }
        let waited = Seq(message.id.0) < event.seq;
        self.hand_over(message, waited, false).await
    }

    /// Work that is open again is offered again, but not to the one who has just given it back.
    async fn reopened(&mut self, event: Event) -> Result<(), End> {
        let Some(message) = event.message else { return Ok(()) };
        let me = self.presence.agent();
        let given_back =
            event.reason == Some(ReleaseReason::Released) && event.by.as_ref() == Some(&me.id);
        let listed = event.seq <= self.waiting.until && self.waiting.open.contains(&message.id);
        let mine = message.is_for(&me) || self.seen.contains(&message);
        if given_back || listed || !mine || message.from == me.id {
            return Ok(());
        }
        self.hand_over(message, true, true).await
    }

    /// Work that somebody else has, or has done, is nobody's mail any more; when its claim ends
    /// without a result it is offered again.
    async fn hand_over(&mut self, message: Message, waited: bool, again: bool) -> Result<(), End> {
        let taken = message
            .claim
            .as_ref()
            .is_some_and(|claim| claim.by != *self.presence.id() || claim.done_at.is_some());
        if taken || message.deleted_at.is_some() {
            return Ok(());
        }
        let new = self.seen.insert((message.id, message.created_at));
        if !new && !again {
            return Ok(());
        }
        let incoming = Incoming { message, waited, again: !new };
        self.mail.send(incoming).await.map_err(|_| End::Closed)
    }
}

/// What was handed over. A relay begun anew counts its ids from the start, so that a message is
/// known by its time too.
#[derive(Default)]
struct Seen {
    all: HashSet<(MessageId, Timestamp)>,
    order: VecDeque<(MessageId, Timestamp)>,
}

impl Seen {
    fn contains(&self, message: &Message) -> bool {
        self.all.contains(&(message.id, message.created_at))
    }

    /// True when it is new.
    fn insert(&mut self, message: (MessageId, Timestamp)) -> bool {
        if !self.all.insert(message) {
            return false;
        }
        self.order.push_back(message);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_handed_over_is_remembered_within_bounds() {
        let mut seen = Seen::default();
        let count = REMEMBERED as i64 + 10;
        for id in 1..=count {
            assert!(seen.insert((MessageId(id), Timestamp(0))));
        }
        assert!(!seen.insert((MessageId(count), Timestamp(0))));
        assert!(seen.insert((MessageId(count), Timestamp(1))), "another relay's message");
        assert!(seen.all.len() <= REMEMBERED && seen.order.len() <= REMEMBERED);
    }
}
