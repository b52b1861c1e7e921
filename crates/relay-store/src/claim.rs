//! Claims of messages: one winner, decided in one transaction; lapsed and abandoned ones open again.

use relay_core::{
    error::Refused,
    event::{Event, Name, ReleaseReason},
    id::{AgentId, MessageId},
    lease::Outcome,
    message::{Claim, Message},
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

/// The message, as the transaction sees it.
pub(crate) async fn load(tx: &mut Tx<'_>, id: MessageId) -> Result<Stored, StoreError> {
    let sql = concat!("SELECT ", message_columns!(), " FROM message m WHERE m.id = $1");
    let found = sqlx::query(sql).bind(id.0).fetch_optional(&mut *tx.connection).await?;
    let stored = found.as_ref().map(row::message).transpose()?;
    let stored = stored.filter(|stored| stored.message.deleted_at.is_none());
    stored.ok_or_else(|| Refused::not_found(format!("message {id}")).into())
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
pub(crate) fn tell(
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

/// Opens a held claim again, tells of it, and offers it to those who match now.
async fn open_again(
    tx: &mut Tx<'_>,
    mut stored: Stored,
    by: &AgentId,
    reason: ReleaseReason,
) -> Result<Message, StoreError> {
    stored.lease.revoke();
    store(tx, &mut stored).await?;
    tell(tx, &stored, Name::MessageClaimReleased, Some(by), Some(reason))?;
    offer::reopened(tx, &stored).await?;
    Ok(stored.message)
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
        open_again(tx, row::message(row)?, id, reason).await?;
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
        let mut stored = load(tx, self.id).await?;
        let agent = &entry.agent;
        let addressed =
            !stored.message.is_for(agent) && offer::was_offered(tx, &stored, &agent.id).await?;
        stored.message.check_claim(agent, addressed, tx.now())?;
        let outcome = stored.lease.claim(&agent.id, LEASE, tx.now())?;
        store(tx, &mut stored).await?;
        if outcome == Outcome::Changed {
            receipt::claimed(tx, self.id, &agent.id).await?;
            tell(tx, &stored, Name::MessageClaimed, Some(&agent.id), None)?;
            revive(tx, &entry).await?;
        }
        Ok(stored.message)
    }
}

/// An offline agent that takes work is back: what it holds would be released under its hands.
async fn revive(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), StoreError> {
    if entry.agent.is_live() || entry.agent.id.is_human() {
        return Ok(());
    }
    let mut agent = entry.agent.clone();
    agent.heartbeat(&relay_core::api::request::Heartbeat::default(), tx.now());
    agent::changed(tx, entry, agent).await
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
        open_again(tx, stored, &agent, ReleaseReason::Released).await
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
        let mut stored = load(tx, self.id).await?;
        if !stored.message.claimable {
            return Err(stored.message.not_claimable().into());
        }
        if stored.lease.finish(&agent, self.by.generation, tx.now())? == Outcome::Changed {
            store(tx, &mut stored).await?;
            receipt::done(tx, self.id, &agent).await?;
            tell(tx, &stored, Name::MessageDone, Some(&agent), None)?;
        }
        Ok(stored.message)
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
            open_again(tx, stored, &holder, ReleaseReason::Lapsed).await?;
        }
        Ok(rows.len() as u64)
    }
}
