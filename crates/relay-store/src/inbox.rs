//! Lists of messages: an agent's mail, what is unread of it, the newest page, a search.

use relay_core::{
    api::query::{DEFAULT_LIMIT, Messages},
    channel::Subscription,
    error::{Code, Refused},
    id::AgentId,
    message::Message,
};

use crate::{
    error::StoreError,
    message::Page,
    row::{self, message_columns},
    send,
    store::Store,
};

/// The ids that an agent may read as a recipient: by the addresses it had when they were sent, and
/// what it was offered since. `$1` is the reader, `$13` the viewer.
macro_rules! mail_of {
    ($agent:literal) => {
        concat!(
            "(SELECT x.id FROM membership s JOIN message x ON x.address = s.address AND x.id > s.since \
              WHERE s.agent = ",
            $agent,
            " UNION SELECT e.message_id FROM event e WHERE e.recipient = ",
            $agent,
            ")"
        )
    };
}

macro_rules! list {
    ($mail:expr, $order:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM message m WHERE ",
            $mail,
            " AND m.id > $2 AND m.id < $3 AND m.deleted_at IS NULL \
             AND ($4 IS NULL OR m.sender = $4) AND ($5 IS NULL OR m.address = $5) \
             AND ($6 IS NULL OR m.kind = $6) AND ($7 IS NULL OR m.channel = $7) \
             AND ($8 IS NULL OR m.thread_id = $8) \
             AND ($9 IS NULL OR ($9 = 1 AND m.claim_state IS NOT NULL) OR ($9 = 0 AND m.claim_state IS NULL)) \
             AND ($12 IS NULL OR TEXT_FITS($12)) AND ($13 IS NULL OR m.sender = $13 OR m.claim_by = $13 OR m.id IN ",
            mail_of!("$13"),
            ") ORDER BY m.id ",
            $order,
            " LIMIT $11"
        )
    };
}

/// What a recipient gets: not its own, not the expired, only the channels it hears; with `unread`,
/// neither what it has read nor the work that somebody else has in hand.
macro_rules! inbox {
    () => {
        concat!(
            "m.id IN ",
            mail_of!("$1"),
            " AND m.sender <> $1 AND (m.expires_at IS NULL OR m.expires_at > $10) \
             AND ($15 IS NULL OR m.channel IS NULL OR m.channel IN (EACH($15))) \
             AND ($14 = 0 OR (NOT EXISTS (SELECT 1 FROM receipt r WHERE r.message_id = m.id AND r.agent = $1 \
                  AND r.read_at IS NOT NULL) \
              AND (m.claim_state IS NULL OR m.claim_state = 'open' OR (m.claim_state = 'held' AND m.claim_by = $1))))"
        )
    };
}

/// Everything; it names the parameters that it has no use for, so that both lists bind the same.
macro_rules! everything {
    () => {
        "$1 IS NULL AND $10 = $10 AND $14 = $14 AND $15 IS NULL"
    };
}

const INBOX_UP: &str = list!(inbox!(), "ASC");
const INBOX_DOWN: &str = list!(inbox!(), "DESC");
const ALL_UP: &str = list!(everything!(), "ASC");
const ALL_DOWN: &str = list!(everything!(), "DESC");

impl Store {
    /// The messages that fit: oldest first with `unread` or `since`, else the newest page with the
    /// newest last. `wait` is not looked at.
    ///
    /// Refuses with `not_found` an unknown `for`, with `invalid_field` what makes no sense together.
    pub async fn messages(
        &self,
        query: &Messages,
        viewer: Option<&AgentId>,
    ) -> Result<Page<Message>, StoreError> {
        check(query)?;
        let words = match &query.q {
            Some(q) => Some(self.words(q).await?),
            None => None,
        };
        let upward = query.unread == Some(true) || query.since.is_some();
        let limit = query.limit.map_or(DEFAULT_LIMIT, |limit| limit.0) as usize;
        let (reader, channels) = if let Ok(known) = self.reader(query) {
            known
        } else {
            // Another server may have registered it a moment ago.
            self.current().await?;
            self.reader(query)?
        };
        let sql = match (reader.is_some(), upward) {
            (true, true) => INBOX_UP,
            (true, false) => INBOX_DOWN,
            (false, true) => ALL_UP,
            (false, false) => ALL_DOWN,
        };
        let rows = sqlx::query(self.shared.dialect.sql(sql))
            .bind(reader)
            .bind(query.since.map_or(0, |seq| seq.0))
            .bind(query.before.map_or(i64::MAX, |seq| seq.0))
            .bind(query.from.as_ref().map(|id| self.shared.canonical(id).to_string()))
            .bind(query.to.as_ref().map(|to| to.address().to_string()))
            .bind(query.kind.as_ref().map(ToString::to_string))
            .bind(query.channel.as_ref().map(ToString::to_string))
            .bind(query.thread.map(|id| id.0))
            .bind(query.claimable.map(i64::from))
            .bind(self.now().0)
            .bind(limit as i64 + 1)
            .bind(words)
            .bind(viewer.map(|id| self.shared.canonical(id).to_string()))
            .bind(i64::from(query.unread == Some(true)))
            .bind(channels)
            .fetch_all(&self.readers)
            .await?;
        let more = rows.len() > limit;
        let mut items: Vec<Message> = rows
            .iter()
            .take(limit)
            .map(|row| Ok(row::message(row)?.message))
            .collect::<Result<_, StoreError>>()?;
        if !upward {
            items.reverse();
        }
        self.log.fill_readers(&mut items).await?;
        Ok(Page { items, more })
    }

    /// The reader as it was registered, and the channels it hears (`None` for all).
    fn reader(&self, query: &Messages) -> Result<(Option<String>, Option<String>), StoreError> {
        let Some(id) = &query.reader else { return Ok((None, None)) };
        let agent = self.shared.read(|d| d.get(id).map(|entry| entry.agent.clone()));
        let agent = agent.ok_or_else(|| send::unregistered(id))?;
        let channels = match &agent.channels {
            Subscription::All => None,
            Subscription::Only(list) => Some(serde_json::to_string(list)?),
        };
        Ok((Some(agent.id.to_string()), channels))
    }

    async fn words(&self, q: &str) -> Result<String, StoreError> {
        let words = self
            .shared
            .dialect
            .search_words(q)
            .ok_or_else(|| Refused::field("q", "has no word to search for"))?;
        // The index follows the log; a search waits for it, and does with what there is when it cannot.
        if let Err(error) = self.index().await {
            tracing::warn!(%error, "the full-text index is behind the log");
        }
        Ok(words)
    }
}

fn check(query: &Messages) -> Result<(), Refused> {
    if query.unread.is_some() && query.reader.is_none() {
        return Err(Refused::new(Code::InvalidField, "`unread` needs `for`: whose mail is it?")
            .with(serde_json::json!({ "field": "unread" })));
    }
    Ok(())
}
