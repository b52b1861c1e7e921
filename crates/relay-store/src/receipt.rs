//! Receipts: what each agent has done with a message. Facts are written once and stay.

use std::collections::HashMap;

use relay_core::{
    api::request::MarkMessage,
    error::{Code, Refused},
    event::{Event, Name},
    id::{AgentId, MessageId},
    message::{Message, READERS_SHOWN},
    receipt::Receipt,
    time::Timestamp,
};
use sqlx::Row;

use crate::{
    claim, error::StoreError, event::Log, message::Acting, offer, queue::Command, row,
    store::Store, tx::Tx,
};

impl Store {
    /// Marks a message as read or handled by one of those it is for. Marking again changes nothing.
    ///
    /// Refuses with `forbidden` an agent whom it is not for.
    pub async fn mark_message(
        &self,
        id: MessageId,
        by: Acting,
        mark: MarkMessage,
    ) -> Result<Message, StoreError> {
        mark.check()?;
        self.queue.run(Mark { id, by, as_what: mark }).await
    }

    /// Who has done what with a message, in the order of the agents' ids.
    pub async fn receipts(
        &self,
        id: MessageId,
        viewer: Option<&AgentId>,
    ) -> Result<Vec<Receipt>, StoreError> {
        self.message(id, viewer).await?;
        let sql = "SELECT message_id, agent, read_at, via, handled_at, claimed_at, done_at, answered_at, answer_id \
             FROM receipt WHERE message_id = $1 ORDER BY agent";
        let rows = sqlx::query(sql).bind(id.0).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let time = |column: &str| -> Result<Option<Timestamp>, StoreError> {
                    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp))
                };
                Ok(Receipt {
                    message_id: MessageId(row.try_get("message_id")?),
                    agent_id: row::agent_id(&row.try_get::<String, _>("agent")?)?,
                    read_at: time("read_at")?,
                    via: row
                        .try_get::<Option<String>, _>("via")?
                        .map(|via| row::slug(&via))
                        .transpose()?,
                    handled_at: time("handled_at")?,
                    claimed_at: time("claimed_at")?,
                    done_at: time("done_at")?,
                    answered_at: time("answered_at")?,
                    answer_id: row.try_get::<Option<i64>, _>("answer_id")?.map(MessageId),
                })
            })
            .collect()
    }
}

impl Log {
    /// Fills in the first readers of each message.
    pub(crate) async fn fill_readers(&self, messages: &mut [Message]) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        let sql = self.shared.dialect.sql(
            "SELECT message_id, agent FROM (SELECT message_id, agent, read_at, row_number() OVER \
             (PARTITION BY message_id ORDER BY read_at, agent) AS place FROM receipt \
             WHERE read_at IS NOT NULL AND message_id IN (EACH_ID($1))) AS readers \
             WHERE place <= $2 ORDER BY message_id, place",
        );
        let query = sqlx::query(sql).bind(serde_json::to_string(&ids)?).bind(READERS_SHOWN as i64);
        let mut readers: HashMap<MessageId, Vec<AgentId>> = HashMap::new();
        for row in query.fetch_all(&self.readers).await? {
            let agent = row::agent_id(&row.try_get::<String, _>("agent")?)?;
            readers.entry(MessageId(row.try_get("message_id")?)).or_default().push(agent);
        }
        for message in messages {
            message.read_by = readers.remove(&message.id).unwrap_or_default();
        }
        Ok(())
    }
}

struct Mark {
    id: MessageId,
    by: Acting,
    as_what: MarkMessage,
}

impl Command for Mark {
    type Reply = Message;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Message, StoreError> {
        let entry = claim::acting(tx, &self.by)?;
        let agent = &entry.agent;
        let stored = claim::load(tx, self.id).await?;
        let theirs = stored.message.is_for(agent)
            || stored.lease.held().is_some_and(|held| held.by == agent.id)
            || offer::was_offered(tx, &stored, &agent.id).await?;
        if !theirs {
            let why = format!(
                "message {} is for {}, which `{}` is not",
                self.id, stored.message.to, agent.id
            );
            return Err(Refused::new(Code::Forbidden, why).into());
        }
        let read = self.as_what.read == Some(true) || self.as_what.handled == Some(true);
        if read && self.note(tx, &agent.id, "read_at").await? {
            self.tell(tx, &stored.message, &agent.id, Name::MessageRead)?;
        }
        if self.as_what.handled == Some(true) && self.note(tx, &agent.id, "handled_at").await? {
            self.tell(tx, &stored.message, &agent.id, Name::MessageHandled)?;
        }
        let mut message = stored.message;
        message.read_by = readers(tx, self.id).await?;
        Ok(message)
    }
}

impl Mark {
    /// Writes the moment, unless one stands there. True when it was written.
    async fn note(
        &self,
        tx: &mut Tx<'_>,
        agent: &AgentId,
        column: &str,
    ) -> Result<bool, StoreError> {
        let sql = if column == "read_at" {
            "INSERT INTO receipt (message_id, agent, read_at, via) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (message_id, agent) DO UPDATE SET read_at = $3, via = $4 WHERE receipt.read_at IS NULL"
        } else {
            "UPDATE receipt SET handled_at = $3, via = coalesce(via, $4) \
             WHERE message_id = $1 AND agent = $2 AND handled_at IS NULL"
        };
        let via = self.as_what.via.as_ref().map(ToString::to_string);
        let query =
            sqlx::query(sql).bind(self.id.0).bind(agent.to_string()).bind(tx.now().0).bind(via);
        Ok(tx.execute(query).await? > 0)
    }

    fn tell(
        &self,
        tx: &mut Tx<'_>,
        message: &Message,
        by: &AgentId,
        name: Name,
    ) -> Result<(), StoreError> {
        let seq = tx.next_seq();
        tx.append(Event {
            message_id: Some(self.id),
            by: Some(by.clone()),
            via: self.as_what.via.clone(),
            sender: Some(message.from.clone()),
            ..Event::new(seq, name, tx.now())
        })
    }
}

async fn readers(tx: &mut Tx<'_>, id: MessageId) -> Result<Vec<AgentId>, StoreError> {
    let sql = "SELECT agent FROM receipt WHERE message_id = $1 AND read_at IS NOT NULL ORDER BY read_at, agent LIMIT $2";
    let rows = sqlx::query(sql)
        .bind(id.0)
        .bind(READERS_SHOWN as i64)
        .fetch_all(&mut *tx.connection)
        .await?;
    rows.iter().map(|row| row::agent_id(&row.try_get::<String, _>("agent")?)).collect()
}

/// Notes that an agent answered a message; the first answer stays.
pub(crate) async fn answered(
    tx: &mut Tx<'_>,
    id: MessageId,
    by: &AgentId,
    answer: MessageId,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO receipt (message_id, agent, answered_at, answer_id) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (message_id, agent) DO UPDATE SET answered_at = $3, answer_id = $4 \
         WHERE receipt.answered_at IS NULL";
    let query = sqlx::query(sql).bind(id.0).bind(by.to_string()).bind(tx.now().0).bind(answer.0);
    tx.execute(query).await?;
    Ok(())
}

/// Notes that an agent claimed a message; the last claim stays.
pub(crate) async fn claimed(
    tx: &mut Tx<'_>,
    id: MessageId,
    by: &AgentId,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO receipt (message_id, agent, claimed_at) VALUES ($1, $2, $3) \
         ON CONFLICT (message_id, agent) DO UPDATE SET claimed_at = $3";
    tx.execute(sqlx::query(sql).bind(id.0).bind(by.to_string()).bind(tx.now().0)).await?;
    Ok(())
}

/// Notes that an agent finished what it had claimed.
pub(crate) async fn done(tx: &mut Tx<'_>, id: MessageId, by: &AgentId) -> Result<(), StoreError> {
    let sql = "INSERT INTO receipt (message_id, agent, done_at) VALUES ($1, $2, $3) \
         ON CONFLICT (message_id, agent) DO UPDATE SET done_at = $3";
    tx.execute(sqlx::query(sql).bind(id.0).bind(by.to_string()).bind(tx.now().0)).await?;
    Ok(())
}
