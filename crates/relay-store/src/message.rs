//! Messages: reading them one by one, and deleting them. Lists are in `inbox`, sending in `send`.

use relay_core::{
    api::{
        reply::{Cursor, Sent},
        request::ActOnClaim,
    },
    error::{Code, Refused},
    event::{Event, Name},
    id::{AgentId, MessageId, Seq},
    message::Message,
    text::Line,
};
use sqlx::Row;

use crate::{
    claim,
    error::StoreError,
    queue::Command,
    row::{self, message_columns},
    store::Store,
    task,
    tx::Tx,
};

/// What became of a message that was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// It was stored now.
    Stored(Sent),
    /// Its key had been used for the same message, which this is.
    Repeated(Sent),
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// True when there is more behind it.
    pub more: bool,
}

/// Who acts on a message, and by which process and grant.
#[derive(Clone, Debug, PartialEq)]
pub struct Acting {
    /// The agent.
    pub agent: AgentId,
    /// The process that speaks for it.
    pub instance_id: Option<Line>,
    /// The epoch that its registration returned.
    pub epoch: Option<i64>,
    /// The grant that its claim returned.
    pub generation: Option<i64>,
}

impl Acting {
    /// An agent, and what a request says of its process and grant.
    pub fn new(agent: AgentId, request: ActOnClaim) -> Self {
        let ActOnClaim { agent_id: _, instance_id, epoch, generation } = request;
        Self { agent, instance_id, epoch, generation }
    }
}

impl Store {
    /// One message. A deleted one comes without its text.
    ///
    /// Refuses with `forbidden` a viewer who neither sent nor may receive it.
    pub async fn message(
        &self,
        id: MessageId,
        viewer: Option<&AgentId>,
    ) -> Result<Message, StoreError> {
        let found = self.log.messages_by_id(&[id]).await?.remove(&id);
        let message = found.ok_or_else(|| Refused::not_found(format!("message {id}")))?;
        match viewer {
            Some(viewer) if !self.is_visible(&message, viewer).await? => {
                let why = format!("message {id} is neither from nor for `{viewer}`");
                Err(Refused::new(Code::Forbidden, why).into())
            }
            _ => Ok(message),
        }
    }

    /// The thread that a message belongs to, oldest first; a viewer sees its own part of it.
    pub async fn thread(
        &self,
        id: MessageId,
        viewer: Option<&AgentId>,
    ) -> Result<Vec<Message>, StoreError> {
        let root = self.message(id, viewer).await?.thread_id;
        let sql = concat!(
            "SELECT ",
            message_columns!(),
            " FROM message m WHERE m.id = $1 OR (m.thread_id = $1 AND m.reply_to IS NOT NULL) ORDER BY m.id LIMIT 1000"
        );
        let rows = sqlx::query(sql).bind(root.0).fetch_all(&self.readers).await?;
        let mut messages: Vec<Message> = rows
            .iter()
            .map(|row| Ok(row::message(row)?.message))
            .collect::<Result<_, StoreError>>()?;
        self.log.fill_readers(&mut messages).await?;
        let Some(viewer) = viewer else { return Ok(messages) };
        let mut visible = Vec::with_capacity(messages.len());
        for message in messages {
            if self.is_visible(&message, viewer).await? {
                visible.push(message);
            }
        }
        Ok(visible)
    }

    /// Deletes a message's text; `by` is `None` for who may delete everything. Whoever holds it holds
    /// it no more.
    ///
    /// Refuses with `forbidden` everybody but its sender.
    pub async fn delete_message(
        &self,
        id: MessageId,
        by: Option<&AgentId>,
    ) -> Result<(), StoreError> {
        self.queue.run(Delete { id, by: by.cloned() }).await
    }

    /// Where a new reader starts.
    pub async fn cursor(&self) -> Result<Cursor, StoreError> {
        let seq = self.current().await?;
        let row = sqlx::query("SELECT coalesce(max(id), 0) AS newest FROM message")
            .fetch_one(&self.readers)
            .await?;
        Ok(Cursor { cursor: Seq(row.try_get("newest")?), seq })
    }

    /// True when the agent sent the message, is one of those it is for, holds it, or was offered it.
    async fn is_visible(&self, message: &Message, viewer: &AgentId) -> Result<bool, StoreError> {
        if message.from == *viewer
            || message.claim.as_ref().is_some_and(|claim| claim.by == *viewer)
        {
            return Ok(true);
        }
        let Some(entry) = self.shared.read(|d| d.get(viewer).cloned()) else { return Ok(false) };
        let joined = |since: &Seq| since.0 < message.id.0;
        let member = entry.addresses.get(&message.to.address()).is_some_and(joined);
        if member && message.is_for(&entry.agent) {
            return Ok(true);
        }
        let sql = "SELECT 1 FROM event WHERE recipient = $1 AND message_id = $2";
        let query = sqlx::query(sql).bind(entry.agent.id.to_string()).bind(message.id.0);
        Ok(query.fetch_optional(&self.readers).await?.is_some())
    }
}

struct Delete {
    id: MessageId,
    by: Option<AgentId>,
}

impl Command for Delete {
    type Reply = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut stored = claim::load(tx, self.id).await?;
        stored.message.check_delete(self.by.as_ref())?;
        if let Some(task) = stored.message.task_id {
            task::load(tx, task).await?.work.task.check_message_may_go()?;
        }
        let now = tx.now();
        stored.message.body = String::new();
        stored.message.subject = None;
        stored.message.deleted_at = Some(now);
        stored.message.payload.clear();
        stored.message.meta.clear();
        if stored.lease.revoke() {
            claim::store(tx, &mut stored).await?;
        }
        let sql = "UPDATE message SET body = '', subject = NULL, payload = NULL, meta = NULL, deleted_at = $1 WHERE id = $2";
        tx.execute(sqlx::query(sql).bind(now.0).bind(self.id.0)).await?;
        tx.execute(sqlx::query(tx.dialect.forget_texts()).bind(format!("[{}]", self.id.0))).await?;
        let seq = tx.next_seq();
        tx.append(Event {
            message: Some(stored.message),
            by: self.by.clone(),
            ..Event::new(seq, Name::MessageDeleted, now)
        })
    }
}
