//! What changes pairs: each change is written together with its event and with the message that
//! tells the other side.

use relay_core::{
    agent::Agent,
    api::{reply::Sent, request::InvitePair},
    caller::Verified,
    error::Refused,
    event::{Event, Name},
    id::{AgentId, MessageId, PairId, Seq},
    message::{Message, Urgency},
    pair::{self, INVITATION, Notice, Pair, Step},
    target::Target,
    text::Body,
    time::Timestamp,
};
use serde_json::{Map, json};
use sqlx::query::Query;

use super::{Stored, pair_columns, read, unknown};
use crate::{
    agent, claim, error::StoreError, message::Acting, queue::Command, receipt, send, store::random,
    tx::Tx,
};

/// The most pairs that one transaction removes.
const CHUNK: i64 = 500;

/// A rule that one of the two applies to a pair.
pub(super) type Rule = fn(&mut Pair, &AgentId, Timestamp) -> Result<Option<Step>, Refused>;

pub(super) struct Invite {
    pub(super) by: Acting,
    pub(super) verified: Verified,
    pub(super) request: InvitePair,
}

impl Command for Invite {
    type Reply = Pair;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Pair, StoreError> {
        let initiator = claim::acting(tx, &self.by)?;
        let from = &initiator.agent.id;
        let agents = invitable(tx);
        let partner = pair::partner(&self.request.target, from, &agents)?;
        for who in [from, &partner.id] {
            if let Some(taken) = live(tx, who).await? {
                return Err(pair::busy(who, &taken.pair, from).into());
            }
        }
        let id = free_id(tx).await?;
        let objective = self.request.objective.clone();
        let (pair, step) = Pair::invite(id, from, partner, objective, tx.now())?;
        // Else nothing would ever end its pair.
        agent::revive(tx, &initiator).await?;
        let (seq, thread) = (tx.next_seq(), MessageId(tx.next_seq().0));
        let stored = Stored { pair, thread };
        insert(tx, &stored, seq).await?;
        announce(tx, &stored, seq, &step)?;
        let message = compose(&stored, thread, &step.notice, self.verified, tx.now());
        send::put(tx, as_step(message, step.event)).await?;
        Ok(stored.pair)
    }
}

/// Who may be invited: every agent, and the operator.
fn invitable(tx: &Tx<'_>) -> Vec<Agent> {
    let entries =
        tx.directory.agents().filter(|entry| !entry.built_in || entry.agent.id.is_human());
    let mut agents: Vec<Agent> = entries.map(|entry| entry.agent.clone()).collect();
    agents.sort_by(|a, b| a.id.cmp(&b.id));
    agents
}

pub(super) struct Act {
    pub(super) id: PairId,
    pub(super) by: Acting,
    pub(super) verified: Verified,
    pub(super) rule: Rule,
}

impl Command for Act {
    type Reply = Pair;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Pair, StoreError> {
        let mut stored = load(tx, &self.id).await?;
        let by = claim::acting(tx, &self.by)?;
        let step = (self.rule)(&mut stored.pair, &by.agent.id, tx.now())?;
        if let Some(step) = step {
            take(tx, &stored, &step, self.verified).await?;
        }
        Ok(stored.pair)
    }
}

pub(super) struct Say {
    pub(super) id: PairId,
    pub(super) by: Acting,
    pub(super) verified: Verified,
    pub(super) body: Body,
}

impl Command for Say {
    type Reply = Sent;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Sent, StoreError> {
        let stored = load(tx, &self.id).await?;
        let by = claim::acting(tx, &self.by)?;
        let from = by.agent.id.clone();
        let to = stored.pair.say(&from, tx.now())?.clone();
        let notice = Notice { from, to, body: self.body.to_string() };
        let id = MessageId(tx.next_seq().0);
        let message = compose(&stored, id, &notice, self.verified, tx.now());
        send::put(tx, message.clone()).await?;
        Ok(Sent { message, recipients: 1 })
    }
}

pub(super) struct Expire;

impl Command for Expire {
    type Reply = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let sql = concat!(
            "SELECT ",
            pair_columns!(),
            " FROM pair p WHERE p.ended_at IS NULL AND p.status = 'pending' AND p.created_at <= $1 ORDER BY p.seq"
        );
        let before = tx.now().minus(INVITATION).0;
        let rows = sqlx::query(sql).bind(before).fetch_all(&mut *tx.connection).await?;
        for row in &rows {
            expire(tx, &mut read(row)?).await?;
        }
        Ok(rows.len() as u64)
    }
}

/// Ends the pair of an agent that went offline.
pub(crate) async fn leave(tx: &mut Tx<'_>, who: &AgentId) -> Result<(), StoreError> {
    let Some(mut stored) = live(tx, who).await? else { return Ok(()) };
    match stored.pair.leave(who, tx.now()) {
        Some(step) => take(tx, &stored, &step, Verified(true)).await,
        None => Ok(()),
    }
}

/// Forgets pairs that were over before a moment, some at a time.
pub(crate) async fn forget(tx: &mut Tx<'_>, before: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM pair WHERE id IN \
         (SELECT id FROM pair WHERE ended_at IS NOT NULL AND ended_at < $1 ORDER BY ended_at LIMIT $2)";
    tx.execute(sqlx::query(sql).bind(before).bind(CHUNK)).await?;
    Ok(())
}

/// The pair, as the transaction sees it. That nobody answered in time is noted first, also when
/// what comes next is refused.
async fn load(tx: &mut Tx<'_>, id: &PairId) -> Result<Stored, StoreError> {
    let sql = concat!("SELECT ", pair_columns!(), " FROM pair p WHERE p.id = $1");
    let found = fetch(tx, sqlx::query(sql).bind(id.to_string())).await?;
    let mut stored = found.ok_or_else(|| unknown(id))?;
    expire(tx, &mut stored).await?;
    Ok(stored)
}

/// The one pair of an agent that is not over.
async fn live(tx: &mut Tx<'_>, who: &AgentId) -> Result<Option<Stored>, StoreError> {
    let sql = concat!(
        "SELECT ",
        pair_columns!(),
        " FROM pair p WHERE p.id = (SELECT d.pair_id FROM paired d WHERE d.agent = $1)"
    );
    let Some(mut stored) = fetch(tx, sqlx::query(sql).bind(who.folded())).await? else {
        return Ok(None);
    };
    expire(tx, &mut stored).await?;
    Ok(stored.pair.status.is_live().then_some(stored))
}

async fn fetch(
    tx: &mut Tx<'_>,
    query: Query<'_, sqlx::Any, sqlx::any::AnyArguments>,
) -> Result<Option<Stored>, StoreError> {
    query.fetch_optional(&mut *tx.connection).await?.as_ref().map(read).transpose()
}

async fn expire(tx: &mut Tx<'_>, stored: &mut Stored) -> Result<(), StoreError> {
    match stored.pair.expire(tx.now()) {
        Some(step) => take(tx, stored, &step, Verified(true)).await,
        None => Ok(()),
    }
}

/// Takes a step: stores the pair as it is now, its event, and the message to the other side.
async fn take(
    tx: &mut Tx<'_>,
    stored: &Stored,
    step: &Step,
    verified: Verified,
) -> Result<(), StoreError> {
    update(tx, &stored.pair).await?;
    let seq = tx.next_seq();
    announce(tx, stored, seq, step)?;
    let id = MessageId(tx.next_seq().0);
    let message = compose(stored, id, &step.notice, verified, tx.now());
    if message.from == stored.pair.partner {
        receipt::answered(tx, stored.thread, &message.from, id).await?;
    }
    send::put(tx, as_step(message, step.event)).await
}

fn announce(tx: &mut Tx<'_>, stored: &Stored, seq: Seq, step: &Step) -> Result<(), StoreError> {
    let pair = Some(stored.pair.clone());
    tx.append(Event { pair, by: step.by.clone(), ..Event::new(seq, step.event, tx.now()) })
}

/// A message of the pair's thread. The invitation, which begins it, expires with the invitation.
fn compose(
    stored: &Stored,
    id: MessageId,
    notice: &Notice,
    verified: Verified,
    now: Timestamp,
) -> Message {
    let Stored { pair, thread } = stored;
    let begins = id == *thread;
    Message {
        id,
        from: notice.from.clone(),
        to: Target::Agent(notice.to.clone()),
        subject: None,
        body: notice.body.clone(),
        kind: "pair".parse().expect("a slug"),
        urgency: Urgency::Normal,
        channel: None,
        reply_to: (!begins).then_some(*thread),
        thread_id: *thread,
        claimable: false,
        claim: None,
        task_id: None,
        pair_id: Some(pair.id.clone()),
        idempotency_key: None,
        payload: Map::new(),
        meta: Map::new(),
        read_by: Vec::new(),
        verified: verified.0,
        created_at: now,
        expires_at: begins.then(|| pair.expires_at()),
        deleted_at: None,
    }
}

/// Says to programs that the message tells of a step, and is nothing that was said.
fn as_step(mut message: Message, event: Name) -> Message {
    message.payload.insert("event".to_owned(), json!(event));
    message
}

async fn insert(tx: &mut Tx<'_>, stored: &Stored, seq: Seq) -> Result<(), StoreError> {
    let Stored { pair, thread } = stored;
    let sql = "INSERT INTO pair (id, seq, initiator, partner, objective, status, created_at, thread_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let query = sqlx::query(sql)
        .bind(pair.id.to_string())
        .bind(seq.0)
        .bind(pair.initiator.to_string())
        .bind(pair.partner.to_string())
        .bind(pair.objective.as_ref().map(ToString::to_string))
        .bind(pair.status.as_str())
        .bind(pair.created_at.0)
        .bind(thread.0);
    tx.execute(query).await?;
    for agent in [&pair.initiator, &pair.partner] {
        let sql = "INSERT INTO paired (agent, pair_id) VALUES ($1, $2)";
        tx.execute(sqlx::query(sql).bind(agent.folded()).bind(pair.id.to_string())).await?;
    }
    Ok(())
}

async fn update(tx: &mut Tx<'_>, pair: &Pair) -> Result<(), StoreError> {
    let reason = pair.end_reason.map(|reason| json!(reason));
    let sql = "UPDATE pair SET status = $1, accepted_at = $2, ended_at = $3, end_reason = $4 WHERE id = $5";
    let query = sqlx::query(sql)
        .bind(pair.status.as_str())
        .bind(pair.accepted_at.map(|at| at.0))
        .bind(pair.ended_at.map(|at| at.0))
        .bind(reason.as_ref().and_then(|word| word.as_str()).map(ToOwned::to_owned))
        .bind(pair.id.to_string());
    tx.execute(query).await?;
    if !pair.status.is_live() {
        let sql = "DELETE FROM paired WHERE pair_id = $1";
        tx.execute(sqlx::query(sql).bind(pair.id.to_string())).await?;
    }
    Ok(())
}

/// A new id that no stored pair has.
async fn free_id(tx: &mut Tx<'_>) -> Result<PairId, StoreError> {
    for chunk in random().chunks_exact(4) {
        let id = PairId::from_random([chunk[0], chunk[1], chunk[2], chunk[3]]);
        let sql = "SELECT 1 FROM pair WHERE id = $1";
        let query = sqlx::query(sql).bind(id.to_string());
        if query.fetch_optional(&mut *tx.connection).await?.is_none() {
            return Ok(id);
        }
    }
    Err(StoreError::Failed("eight random pair ids were all taken".into()))
}
