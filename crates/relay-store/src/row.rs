//! Rows to values and back.

use relay_core::{
    id::{AgentId, MessageId, PairId, TaskId},
    lease::{Held, Lease, State},
    message::{Claim, Message, Urgency},
    task::{Task, Work},
    text::{Line, Slug, Word},
    time::Timestamp,
    token::Digest,
};
use serde_json::{Map, Value, json};
use sqlx::{
    Any, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{dialect::NEW_MESSAGE, error::StoreError, task::StoredTask};

/// A message with its lease, which keeps its generation when nobody holds it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) message: Message,
    pub(crate) lease: Lease,
}

/// The columns of a message, in one place: `m` is the table.
macro_rules! message_columns {
    () => {
        "m.id, m.sender, m.target, m.subject, m.body, m.kind, m.urgency, m.channel, m.reply_to, m.thread_id, \
         m.task_id, m.pair_id, m.idempotency_key, m.payload, m.meta, m.verified, m.created_at, m.expires_at, \
         m.deleted_at, m.claim_state, m.claim_generation, m.claim_by, m.claim_at, m.claim_expires_at, m.done_at"
    };
}
pub(crate) use message_columns;

/// The columns of a task `t` with the lease of its message `m`.
macro_rules! task_columns {
    () => {
        "t.id, t.source, t.kind, t.severity, t.dedupe_key, t.title, t.body, t.target, t.channel, t.status, \
         t.occurrence_count, t.sequence, t.progress, t.result, t.message_id, t.meta, t.created_at, t.last_seen_at, \
         t.updated_at, m.claim_state, m.claim_generation, m.claim_by, m.claim_at, m.claim_expires_at, m.done_at"
    };
}
pub(crate) use task_columns;

pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|e| StoreError::Failed(format!("a stored value cannot be read: {e}")))
}

pub(crate) fn agent_id(text: &str) -> Result<AgentId, StoreError> {
    parsed(text)
}

pub(crate) fn slug(text: &str) -> Result<Slug, StoreError> {
    parsed(text)
}

fn time(row: &AnyRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp))
}

fn facts(text: Option<String>) -> Result<Map<String, Value>, StoreError> {
    text.map_or_else(|| Ok(Map::new()), |text| Ok(serde_json::from_str(&text)?))
}

/// Reads the [columns](message_columns) of a message; who read it is looked up apart.
pub(crate) fn message(row: &AnyRow) -> Result<Stored, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let maybe = |column: &str| row.try_get::<Option<String>, _>(column);
    let lease = lease(row)?;
    let message = Message {
        id: MessageId(row.try_get("id")?),
        from: agent_id(&text("sender")?)?,
        to: parsed(&text("target")?)?,
        subject: maybe("subject")?.map(|s| parsed::<Line>(&s)).transpose()?,
        body: text("body")?,
        kind: slug(&text("kind")?)?,
        urgency: parsed::<Urgency>(&text("urgency")?)?,
        channel: maybe("channel")?.map(|c| parsed::<Word>(&c)).transpose()?,
        reply_to: row.try_get::<Option<i64>, _>("reply_to")?.map(MessageId),
        thread_id: MessageId(row.try_get("thread_id")?),
        claimable: maybe("claim_state")?.is_some(),
        claim: Claim::of(&lease),
        task_id: row.try_get::<Option<i64>, _>("task_id")?.map(TaskId),
        pair_id: maybe("pair_id")?.map(|id| parsed::<PairId>(&id)).transpose()?,
        idempotency_key: maybe("idempotency_key")?,
        payload: facts(maybe("payload")?)?,
        meta: facts(maybe("meta")?)?,
        read_by: Vec::new(),
        verified: row.try_get::<i64, _>("verified")? != 0,
        created_at: Timestamp(row.try_get("created_at")?),
        expires_at: time(row, "expires_at")?,
        deleted_at: time(row, "deleted_at")?,
    };
    Ok(Stored { message, lease })
}

/// Reads the [columns](task_columns) of a task.
pub(crate) fn task(row: &AnyRow) -> Result<StoredTask, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let maybe = |column: &str| row.try_get::<Option<String>, _>(column);
    let at = |column: &str| row.try_get::<i64, _>(column).map(Timestamp);
    let lease = lease(row)?;
    let task = Task {
        id: TaskId(row.try_get("id")?),
        source: parsed(&text("source")?)?,
        kind: slug(&text("kind")?)?,
        severity: parsed(&text("severity")?)?,
        dedupe_key: maybe("dedupe_key")?,
        title: parsed(&text("title")?)?,
        body: text("body")?,
        target: parsed(&text("target")?)?,
        channel: maybe("channel")?.map(|c| parsed::<Word>(&c)).transpose()?,
        status: parsed(&text("status")?)?,
        claim: Claim::of(&lease),
        occurrence_count: row.try_get("occurrence_count")?,
        progress: maybe("progress")?,
        result: maybe("result")?,
        message_id: Some(MessageId(row.try_get("message_id")?)),
        meta: facts(maybe("meta")?)?,
        created_at: at("created_at")?,
        last_seen_at: at("last_seen_at")?,
        updated_at: at("updated_at")?,
    };
    Ok(StoredTask { work: Work { task, lease }, sequence: row.try_get("sequence")? })
}

fn lease(row: &AnyRow) -> Result<Lease, StoreError> {
    let missing = || StoreError::Failed("a stored claim is incomplete".into());
    let by = || -> Result<AgentId, StoreError> {
        agent_id(&row.try_get::<Option<String>, _>("claim_by")?.ok_or_else(missing)?)
    };
    let at = || time(row, "claim_at")?.ok_or_else(missing);
    let state = match row.try_get::<Option<String>, _>("claim_state")?.as_deref() {
        Some("held") => {
            State::Held(Held { by: by()?, at: at()?, expires_at: time(row, "claim_expires_at")? })
        }
        Some("done") => State::Done {
            by: by()?,
            claimed_at: at()?,
            at: time(row, "done_at")?.ok_or_else(missing)?,
        },
        _ => State::Open,
    };
    Ok(Lease { generation: row.try_get("claim_generation")?, state })
}

/// The columns that hold a lease, as they are bound: state, by, at, expires, done.
pub(crate) type LeaseColumns =
    (&'static str, Option<String>, Option<i64>, Option<i64>, Option<i64>);

pub(crate) fn lease_columns(lease: &Lease) -> LeaseColumns {
    match &lease.state {
        State::Open => ("open", None, None, None, None),
        State::Held(held) => {
            ("held", Some(held.by.to_string()), Some(held.at.0), held.expires_at.map(|t| t.0), None)
        }
        State::Done { by, claimed_at, at } => {
            ("done", Some(by.to_string()), Some(claimed_at.0), None, Some(at.0))
        }
    }
}

/// Binds a new message as one row of the batch that is stored in one statement.
pub(crate) fn bind_message<'q>(
    query: Query<'q, Any, AnyArguments>,
    message: &Message,
    request_digest: Option<&Digest>,
) -> Query<'q, Any, AnyArguments> {
    let facts = |map: &Map<String, Value>| (!map.is_empty()).then(|| json!(map).to_string());
    let text = |text: &Option<Line>| text.as_ref().map(ToString::to_string);
    query
        .bind(message.id.0)
        .bind(message.from.to_string())
        .bind(message.to.to_string())
        .bind(message.to.address().to_string())
        .bind(text(&message.subject))
        .bind(message.body.clone())
        .bind(message.kind.to_string())
        .bind(message.urgency.as_str())
        .bind(message.channel.as_ref().map(ToString::to_string))
        .bind(message.reply_to.map(|id| id.0))
        .bind(message.thread_id.0)
        .bind(message.idempotency_key.clone())
        .bind(request_digest.map(|digest| digest.as_str().to_owned()))
        .bind(facts(&message.payload))
        .bind(facts(&message.meta))
        .bind(i64::from(message.verified))
        .bind(message.created_at.0)
        .bind(message.expires_at.map(|at| at.0))
        .bind(message.claimable.then_some("open"))
}

/// Binds a row of the batch that is not needed.
pub(crate) fn bind_nothing(
    mut query: Query<'_, Any, AnyArguments>,
) -> Query<'_, Any, AnyArguments> {
    for _ in NEW_MESSAGE {
        query = query.bind(None::<i64>);
    }
    query
}
