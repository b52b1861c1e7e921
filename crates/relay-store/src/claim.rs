//! Claims: one winner, decided in one transaction; lapsed and abandoned ones open again. A message and
//! the task that it announces are claimed, released and finished as one, from either side.

use relay_core::{
    error::Refused,
    event::{Event, Name, ReleaseReason},
    id::{AgentId, MessageId},
    lease::{Outcome, State},
    message::{Claim, Message},
    task::{Step, Task, Work},
    time::Timestamp,
};

use crate::{
    agent,
    directory::Entry,
    error::StoreError,
    message::Acting,
    offer,
    queue::Command,
    receipt,
    row::{self, Stored, message_columns},
    send,
    store::Store,
    task::{self, StoredTask},
    tx::{LEASE, Tx},
};

impl Store {
    /// Claims a message. One wins; the winner who asks again gets the same grant, renewed.
    ///
    /// Refuses with `already_claimed`, `already_done`, `not_claimable`, or `forbidden` whom it is not
    /// for.
    pub async fn claim_message(&self, id: MessageId, by: Acting) -> Result<Message, StoreError> {
        self.queue.run(ClaimMessage { id, by }).await
    }

    /// Gives a claim back; it is open again for everybody whom it is for.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub async fn release_message(&self, id: MessageId, by: Acting) -> Result<Message, StoreError> {
        self.queue.run(ReleaseMessage { id, by }).await
    }

    /// Finishes claimed work for good. Who finished it may say so again.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub async fn finish_message(&self, id: MessageId, by: Acting) -> Result<Message, StoreError> {
        self.queue.run(FinishMessage { id, by }).await
    }

    /// Opens every claim whose lease has run out. Returns how many.
    pub async fn release_lapsed(&self) -> Result<u64, StoreError> {
        let sql =
            "SELECT count(*) FROM message WHERE claim_state = 'held' AND claim_expires_at <= $1";
        let count: (i64,) = sqlx::query_as(sql).bind(self.now().0).fetch_one(&self.readers).await?;
        if count.0 == 0 { Ok(0) } else { self.queue.run(ReleaseLapsed).await }
    }
}

/// The message, as the transaction sees it, unless it was deleted.
pub(crate) async fn load(tx: &mut Tx<'_>, id: MessageId) -> Result<Stored, StoreError> {
    let stored = find(tx, id).await?.filter(|stored| stored.message.deleted_at.is_none());
    stored.ok_or_else(|| Refused::not_found(format!("message {id}")).into())
}

async fn find(tx: &mut Tx<'_>, id: MessageId) -> Result<Option<Stored>, StoreError> {
    let sql = concat!("SELECT ", message_columns!(), " FROM message m WHERE m.id = $1");
    let found = sqlx::query(sql).bind(id.0).fetch_optional(&mut *tx.connection).await?;
    found.as_ref().map(row::message).transpose()
}

/// The agent that acts, if this process still speaks for it.
pub(crate) fn acting(tx: &Tx<'_>, by: &Acting) -> Result<std::sync::Arc<Entry>, StoreError> {
    let entry = tx.directory.get(&by.agent).ok_or_else(|| send::unregistered(&by.agent))?;
    entry.agent.check_current(by.instance_id.as_ref(), by.epoch)?;
    Ok(entry.clone())
}

/// Writes the lease, and what readers see of it.
pub(crate) async fn store(tx: &mut Tx<'_>, stored: &mut Stored) -> Result<(), StoreError> {
    stored.message.claim = Claim::of(&stored.lease);
    let (state, by, at, expires_at, done_at) = row::lease_columns(&stored.lease);
    let sql = "UPDATE message SET claim_state = $1, claim_generation = $2, claim_by = $3, claim_at = $4, \
         claim_expires_at = $5, done_at = $6 WHERE id = $7";
    let query = sqlx::query(sql)
        .bind(state)
        .bind(stored.lease.generation)
        .bind(by)
        .bind(at)
        .bind(expires_at)
        .bind(done_at)
        .bind(stored.message.id.0);
    tx.execute(query).await?;
    Ok(())
}

/// Tells what happened to a claim.
fn tell(
    tx: &mut Tx<'_>,
    stored: &Stored,
    name: Name,
    by: Option<&AgentId>,
    reason: Option<ReleaseReason>,
) -> Result<(), StoreError> {
    let seq = tx.next_seq();
    let message = Some(stored.message.clone());
    tx.append(Event { message, by: by.cloned(), reason, ..Event::new(seq, name, tx.now()) })
}

/// What is claimed: a message, and the task that it announces if it does, under one lease.
pub(crate) struct Subject {
    stored: Stored,
    task: Option<StoredTask>,
}

impl Subject {
    /// A message, with its task.
    async fn of_message(tx: &mut Tx<'_>, stored: Stored) -> Result<Self, StoreError> {
        let task = match stored.message.task_id {
            Some(id) => Some(task::load(tx, id).await?),
            None => None,
        };
        Ok(Self { stored, task })
    }

    /// A task, with its message.
    pub(crate) async fn of_task(tx: &mut Tx<'_>, task: StoredTask) -> Result<Self, StoreError> {
        let id = task.work.task.message_id.unwrap_or(MessageId(0));
        let stored = find(tx, id).await?.ok_or_else(|| task::unknown(task.work.task.id))?;
        Ok(Self { stored, task: Some(task) })
    }

    pub(crate) fn into_task(self) -> Result<Task, StoreError> {
        let missing = || StoreError::Failed("a task was not looked up".into());
        Ok(self.task.ok_or_else(missing)?.work.task)
    }

    /// Grants it to an agent whom it is for, unless somebody else has it.
    pub(crate) async fn claim(&mut self, tx: &mut Tx<'_>, entry: &Entry) -> Result<(), StoreError> {
        let (agent, now) = (&entry.agent, tx.now());
        let Self { stored, task } = self;
        let addressed =
            !stored.message.is_for(agent) && offer::was_offered(tx, stored, &agent.id).await?;
        stored.message.check_claim(agent, addressed, now)?;
        let outcome = stored.lease.claim(&agent.id, LEASE, now)?;
        let step = match task {
            Some(task) => task.work.claim(&agent.id, LEASE, now)?,
            None => None,
        };
        store(tx, stored).await?;
        if outcome == Outcome::Changed {
            receipt::claimed(tx, stored.message.id, &agent.id).await?;
            tell(tx, stored, Name::MessageClaimed, Some(&agent.id), None)?;
            self.record(tx, step).await?;
            agent::revive(tx, entry).await?;
        }
        Ok(())
    }

    /// Opens it again for its holder, who may do so.
    pub(crate) async fn give_back(
        &mut self,
        tx: &mut Tx<'_>,
        by: &AgentId,
    ) -> Result<(), StoreError> {
        self.open_again(tx, by, ReleaseReason::Released).await
    }

    /// Opens it again, tells of it, and offers it to those who match now.
    async fn open_again(
        &mut self,
        tx: &mut Tx<'_>,
        by: &AgentId,
        reason: ReleaseReason,
    ) -> Result<(), StoreError> {
        let Self { stored, task } = self;
        stored.lease.revoke();
        let step = task.as_mut().and_then(|task| task.work.revoke(reason, tx.now()));
        store(tx, stored).await?;
        tell(tx, stored, Name::MessageClaimReleased, Some(by), Some(reason))?;
        self.record(tx, step).await?;
        offer::reopened(tx, &self.stored).await
    }

    /// Finishes it for its holder; `result` is what a task says of it.
    async fn finish(
        &mut self,
        tx: &mut Tx<'_>,
        by: &AgentId,
        generation: Option<i64>,
        result: Option<&str>,
    ) -> Result<(), StoreError> {
        let Self { stored, task } = self;
        if stored.lease.finish(by, generation, tx.now())? == Outcome::Same {
            return Ok(());
        }
        let step = match task {
            Some(task) => task.work.finish(by, generation, result, tx.now())?,
            None => None,
        };
        self.done(tx, by).await?;
        self.record(tx, step).await
    }

    /// Changes the task by a rule; where that ends it, its message is done too.
    pub(crate) async fn change(
        &mut self,
        tx: &mut Tx<'_>,
        rule: impl FnOnce(&mut Work, Timestamp) -> Result<Step, Refused>,
    ) -> Result<(), StoreError> {
        let Some(task) = &mut self.task else { return Ok(()) };
        let step = rule(&mut task.work, tx.now())?;
        self.stored.lease = task.work.lease.clone();
        if let State::Done { by, .. } = &self.stored.lease.state {
            let by = by.clone();
            self.done(tx, &by).await?;
        }
        self.record(tx, Some(step)).await
    }

    async fn done(&mut self, tx: &mut Tx<'_>, by: &AgentId) -> Result<(), StoreError> {
        store(tx, &mut self.stored).await?;
        if !by.is_system() {
            receipt::done(tx, self.stored.message.id, by).await?;
        }
        tell(tx, &self.stored, Name::MessageDone, Some(by), None)
    }

    async fn record(&mut self, tx: &mut Tx<'_>, step: Option<Step>) -> Result<(), StoreError> {
        match (&mut self.task, step) {
            (Some(task), Some(step)) => task::record(tx, task, step).await,
            _ => Ok(()),
        }
    }
}

/// Finishes what the sender of an answer held in the thread, and holds no more.
pub(crate) async fn answered(
    tx: &mut Tx<'_>,
    held: Stored,
    answer: &Message,
) -> Result<(), StoreError> {
    let mut subject = Subject::of_message(tx, held).await?;
    subject.finish(tx, &answer.from, None, Some(&answer.body)).await
}

/// Opens everything that an agent holds.
pub(crate) async fn release_all(
    tx: &mut Tx<'_>,
    id: &AgentId,
    reason: ReleaseReason,
) -> Result<u64, StoreError> {
    let sql = concat!(
        "SELECT ",
        message_columns!(),
        " FROM message m WHERE m.claim_state = 'held' AND m.claim_by = $1 ORDER BY m.id"
    );
    let rows = sqlx::query(sql).bind(id.to_string()).fetch_all(&mut *tx.connection).await?;
    for row in &rows {
        let mut subject = Subject::of_message(tx, row::message(row)?).await?;
        subject.open_again(tx, id, reason).await?;
    }
    Ok(rows.len() as u64)
}

struct ClaimMessage {
    id: MessageId,
    by: Acting,
}

impl Command for ClaimMessage {
    type Reply = Message;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Message, StoreError> {
        let entry = acting(tx, &self.by)?;
        let stored = load(tx, self.id).await?;
        let mut subject = Subject::of_message(tx, stored).await?;
        subject.claim(tx, &entry).await?;
        Ok(subject.stored.message)
    }
}

struct ReleaseMessage {
    id: MessageId,
    by: Acting,
}

impl Command for ReleaseMessage {
    type Reply = Message;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Message, StoreError> {
        let agent = acting(tx, &self.by)?.agent.id.clone();
        let stored = load(tx, self.id).await?;
        if !stored.message.claimable {
            return Err(stored.message.not_claimable().into());
        }
        stored.lease.clone().release(&agent, self.by.generation, tx.now())?;
        let mut subject = Subject::of_message(tx, stored).await?;
        subject.give_back(tx, &agent).await?;
        Ok(subject.stored.message)
    }
}

struct FinishMessage {
    id: MessageId,
    by: Acting,
}

impl Command for FinishMessage {
    type Reply = Message;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Message, StoreError> {
        let agent = acting(tx, &self.by)?.agent.id.clone();
        let stored = load(tx, self.id).await?;
        if !stored.message.claimable {
            return Err(stored.message.not_claimable().into());
        }
        let mut subject = Subject::of_message(tx, stored).await?;
        subject.finish(tx, &agent, self.by.generation, None).await?;
        Ok(subject.stored.message)
    }
}

struct ReleaseLapsed;

impl Command for ReleaseLapsed {
    type Reply = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let sql = concat!(
            "SELECT ",
            message_columns!(),
            " FROM message m WHERE m.claim_state = 'held' AND m.claim_expires_at <= $1 ORDER BY m.id LIMIT 500"
        );
        let rows = sqlx::query(sql).bind(tx.now().0).fetch_all(&mut *tx.connection).await?;
        for row in &rows {
            let stored = row::message(row)?;
            let holder = stored.lease.held().map(|held| held.by.clone());
            let holder = holder.unwrap_or_else(AgentId::system);
            let mut subject = Subject::of_message(tx, stored).await?;
            subject.open_again(tx, &holder, ReleaseReason::Lapsed).await?;
        }
        Ok(rows.len() as u64)
    }
}
