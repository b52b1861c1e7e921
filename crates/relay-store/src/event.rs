//! The log: rows to events and back, and reading on from a cursor.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use relay_core::{
    agent::Agent,
    event::{Event, Name, ReleaseReason},
    id::{AgentId, MessageId, Seq, TaskId},
    message::Message,
    pair::Pair,
    task::TaskEvent,
    text::Slug,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{AnyPool, Row, any::AnyRow};

use crate::{
    clock::StoreClock,
    dialect::Dialect,
    error::StoreError,
    row::{self, message_columns},
    shared::Shared,
    store::Store,
};

/// Who reads the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Somebody who may see everything.
    All,
    /// One agent: its mail, claims and status.
    Agent {
        /// Which.
        id: AgentId,
        /// True to see every agent come, change and go.
        presence: bool,
    },
    /// One integration: its own tasks.
    Integration(AgentId),
}

/// A stretch of the log.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The events that concern the reader, in order.
    pub events: Vec<Arc<Event>>,
    /// The last number looked at; read on from here.
    pub cursor: Seq,
}

/// What a row keeps of an event besides its columns.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Agent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<Slug>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReleaseReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<AgentId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    taken_over: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_event: Option<TaskEvent>,
}

/// An event as one row of the batch that is stored in one statement.
pub(crate) fn new_row(event: &Event) -> Result<Value, StoreError> {
    let data = Data {
        agent: event.agent.clone(),
        via: event.via.clone(),
        reason: event.reason,
        sender: event.sender.clone(),
        taken_over: event.taken_over,
        pair: event.pair.clone(),
        task_event: event.task_event.clone(),
    };
    let message_id = event.message.as_ref().map(|m| m.id).or(event.message_id);
    Ok(json!([
        event.seq,
        event.name,
        event.at,
        message_id,
        event.by,
        event.addressed_to,
        serde_json::to_string(&data)?,
        event.task.as_ref().map(|task| task.id),
    ]))
}

/// True where the event carries the whole message, which its row only names.
fn carries_message(name: Name) -> bool {
    matches!(
        name,
        Name::MessageNew
            | Name::MessageClaimed
            | Name::MessageClaimReleased
            | Name::MessageDone
            | Name::MessageDeleted
    )
}

/// An event without what its row only names: its message, its task.
struct Bare {
    event: Event,
    message: Option<MessageId>,
    task: Option<TaskId>,
}

fn read_row(row: &AnyRow) -> Result<Bare, StoreError> {
    let name = Name::from_word(&row.try_get::<String, _>("name")?);
    let mut event = Event::new(Seq(row.try_get("seq")?), name, Timestamp(row.try_get("at")?));
    let agent = |column: &str| -> Result<Option<AgentId>, StoreError> {
        row.try_get::<Option<String>, _>(column)?.map(|id| row::agent_id(&id)).transpose()
    };
    event.by = agent("actor")?;
    event.addressed_to = agent("recipient")?;
    if let Some(text) = row.try_get::<Option<String>, _>("data")? {
        let data: Data = serde_json::from_str(&text)?;
        event.agent = data.agent;
        event.via = data.via;
        event.reason = data.reason;
        event.sender = data.sender;
        event.taken_over = data.taken_over;
        event.pair = data.pair;
        event.task_event = data.task_event;
    }
    let task = row.try_get::<Option<i64>, _>("task_id")?.map(TaskId);
    let message = row.try_get::<Option<i64>, _>("message_id")?.map(MessageId);
    if carries_message(name) {
        return Ok(Bare { event, message, task });
    }
    event.message_id = message;
    Ok(Bare { event, message: None, task })
}

/// The log, as it is read: what both the store and its writer need of it.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) readers: AnyPool,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<StoreClock>,
}

impl Store {
    /// Reads on in the log: at most `limit` rows with `after < seq <= through`, of which those are
    /// returned that concern the reader. Mail that has expired is left out; what was deleted comes
    /// without its text.
    pub async fn replay(
        &self,
        reader: &Reader,
        after: Seq,
        through: Seq,
        limit: u32,
    ) -> Result<Replay, StoreError> {
        self.log.replay(reader, after, through, limit).await
    }
}

impl Log {
    /// [`Store::replay`]
    pub(crate) async fn replay(
        &self,
        reader: &Reader,
        after: Seq,
        through: Seq,
        limit: u32,
    ) -> Result<Replay, StoreError> {
        if after >= through {
            return Ok(Replay { events: Vec::new(), cursor: after });
        }
        let (messages, messages_end) = self.replay_messages(reader, after, through, limit).await?;
        let (events, events_end) = self.replay_events(after, through, limit).await?;
        self.see_pruned().await?;
        let cursor = messages_end.min(events_end);
        let mut all = messages;
        all.extend(self.concerning(reader, events));
        all.retain(|event| event.seq <= cursor);
        all.sort_by_key(|event| event.seq);
        Ok(Replay { events: all.into_iter().map(Arc::new).collect(), cursor })
    }

    /// Another server may have removed what was just read, or not read any more. Looked up behind the
    /// reading, so that no hole goes unnoticed.
    async fn see_pruned(&self) -> Result<(), StoreError> {
        if self.shared.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let sql = "SELECT value FROM counter WHERE name = 'pruned_through'";
        if let Some(row) = sqlx::query(sql).fetch_optional(&self.readers).await? {
            self.shared.pruned_through.fetch_max(row.try_get("value")?, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The messages themselves: their own events.
    async fn replay_messages(
        &self,
        reader: &Reader,
        after: Seq,
        through: Seq,
        limit: u32,
    ) -> Result<(Vec<Event>, Seq), StoreError> {
        let agent = match reader {
            Reader::All => None,
            Reader::Agent { id, .. } => Some(self.shared.canonical(id).to_string()),
            // Its mail is nobody's to read.
            Reader::Integration(_) => return Ok((Vec::new(), through)),
        };
        let sql = self.shared.dialect.sql(concat!(
            "SELECT ",
            message_columns!(),
            ", s.since FROM message m \
             LEFT JOIN membership s ON s.agent = $4 AND s.address = m.address AND s.since < m.id \
             WHERE m.id > $1 AND m.id <= $2 AND ($4 IS NULL OR (s.since IS NOT NULL AND m.sender <> $4)) \
             ORDER BY m.id LIMIT $3"
        ));
        let query =
            sqlx::query(sql).bind(after.0).bind(through.0).bind(i64::from(limit)).bind(agent);
        let rows = query.fetch_all(&self.readers).await?;
        let full = rows.len() >= limit as usize;
        let now = self.clock.now();
        let mut messages: Vec<Message> = rows
            .iter()
            .map(|row| Ok(row::message(row)?.message))
            .collect::<Result<_, StoreError>>()?;
        let end = messages.last().filter(|_| full).map_or(through, |m| Seq(m.id.0));
        messages.retain(|message| message.expires_at.is_none_or(|at| at > now));
        self.fill_readers(&mut messages).await?;
        let mut events: Vec<Event> = messages.into_iter().map(Event::of_message).collect();
        if let Reader::Agent { id, .. } = reader {
            let agent = self.shared.read(|d| d.known(id).map(|e| e.agent.clone()));
            events.retain(|event| agent.as_ref().is_some_and(|agent| event.concerns(agent)));
        }
        Ok((events, end))
    }

    /// All other events, with the messages they tell of.
    async fn replay_events(
        &self,
        after: Seq,
        through: Seq,
        limit: u32,
    ) -> Result<(Vec<Event>, Seq), StoreError> {
        let sql = "SELECT seq, name, at, message_id, actor, recipient, data, task_id FROM event \
             WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3";
        let rows = sqlx::query(sql)
            .bind(after.0)
            .bind(through.0)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        let full = rows.len() >= limit as usize;
        let parsed: Vec<Bare> = rows.iter().map(read_row).collect::<Result<_, StoreError>>()?;
        let end = parsed.last().filter(|_| full).map_or(through, |bare| bare.event.seq);
        let ids: Vec<MessageId> = parsed.iter().filter_map(|bare| bare.message).collect();
        let messages = self.messages_by_id(&ids).await?;
        let ids: Vec<TaskId> = parsed.iter().filter_map(|bare| bare.task).collect();
        let tasks = self.tasks_by_id(&ids).await?;
        let now = self.clock.now();
        let events = parsed.into_iter().filter_map(|Bare { mut event, message, task }| {
            if let Some(id) = message {
                let message = messages.get(&id)?.clone();
                let over = event.name == Name::MessageNew && message.is_over(now);
                event.message = (!over).then_some(message);
                event.message.as_ref()?;
            }
            if let Some(id) = task {
                event.task = Some(tasks.get(&id)?.clone());
            }
            Some(event)
        });
        Ok((events.collect(), end))
    }

    /// Leaves those that concern the reader, by the addresses it has now and had then.
    fn concerning(&self, reader: &Reader, events: Vec<Event>) -> Vec<Event> {
        let (id, presence) = match reader {
            Reader::All => return events,
            Reader::Agent { id, presence } => (id, presence),
            Reader::Integration(name) => {
                return events.into_iter().filter(|event| event.is_of(name)).collect();
            }
        };
        let Some(entry) = self.shared.read(|d| d.known(id).cloned()) else { return Vec::new() };
        let heard = |event: &Event| {
            (*presence && event.is_about_an_agent())
                || event.addresses().iter().any(|address| {
                    address.is_agent() && entry.addresses.contains_key(address)
                        || entry.addresses.get(address).is_some_and(|since| *since < event.seq)
                })
        };
        events.into_iter().filter(|event| heard(event) && event.concerns(&entry.agent)).collect()
    }

    /// The messages of that id, with who read them.
    pub(crate) async fn messages_by_id(
        &self,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, Message>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = self.shared.dialect.sql(concat!(
            "SELECT ",
            message_columns!(),
            " FROM message m WHERE m.id IN (EACH_ID($1))"
        ));
        let rows =
            sqlx::query(sql).bind(serde_json::to_string(ids)?).fetch_all(&self.readers).await?;
        let mut messages: Vec<Message> = rows
            .iter()
            .map(|row| Ok(row::message(row)?.message))
            .collect::<Result<_, StoreError>>()?;
        self.fill_readers(&mut messages).await?;
        Ok(messages.into_iter().map(|message| (message.id, message)).collect())
    }
}
