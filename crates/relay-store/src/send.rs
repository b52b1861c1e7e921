//! Sending: what a batch of messages must look up is looked up once, what it stores is stored together.

use std::collections::{BTreeSet, HashMap};

use relay_core::{
    api::{reply::Sent, request::SendMessage},
    caller::Verified,
    error::{Code, Refused},
    event::Event,
    id::{AgentId, MessageId},
    message::Message,
    target::{self, Target},
    time::Timestamp,
    token::Digest,
};
use sqlx::Row;
use tokio::sync::oneshot;

use crate::{
    claim,
    directory::{Directory, Entry},
    error::StoreError,
    message::Delivery,
    receipt,
    row::{self, Stored, message_columns},
    store::Store,
    tx::Tx,
};

pub(crate) type Answer = Result<Delivery, StoreError>;
pub(crate) type Reply = oneshot::Sender<Answer>;

/// A message that waits to be stored.
pub(crate) struct Sending {
    from: AgentId,
    verified: Verified,
    request: SendMessage,
    digest: Option<Digest>,
    outcome: Option<Answer>,
    reply: Reply,
}

impl Sending {
    /// True when nothing but its own row is touched: no answer to anything, no key to look up.
    pub(crate) fn is_plain(&self) -> bool {
        self.request.reply_to.is_none() && self.request.idempotency_key.is_none()
    }

    /// The bytes of its text.
    pub(crate) fn size(&self) -> u64 {
        self.request.body.len() as u64
    }

    pub(crate) fn answer(self, failed: Option<StoreError>) {
        let outcome = failed.map(Err).or(self.outcome).unwrap_or(Err(StoreError::Closed));
        let _ = self.reply.send(outcome);
    }

    fn key(&self) -> Option<(AgentId, String)> {
        self.request.idempotency_key.as_ref().map(|key| (self.from.clone(), key.to_string()))
    }
}

impl Store {
    /// Stores a message and its event. When it returns, both are on disk.
    ///
    /// A key that was used for the same request answers with the first message; for another it is
    /// refused with `idempotency_mismatch`. An unknown id is `target_not_found`; a group that nobody
    /// is in is stored with no recipients.
    pub async fn send_message(
        &self,
        from: AgentId,
        verified: Verified,
        request: SendMessage,
    ) -> Result<Delivery, StoreError> {
        let digest =
            request.idempotency_key.is_some().then(|| fingerprint(&request)).transpose()?;
        self.queue
            .send(|reply| Sending { from, verified, request, digest, outcome: None, reply })
            .await
    }
}

/// What makes two requests the same: all that is said, but not by which process.
fn fingerprint(request: &SendMessage) -> Result<Digest, StoreError> {
    let mut request = request.clone();
    request.idempotency_key = None;
    request.instance_id = None;
    request.epoch = None;
    request.from = None;
    Ok(Digest::of(&serde_json::to_string(&request)?))
}

/// What the batch's messages refer to.
#[derive(Default)]
struct Lookups {
    threads: HashMap<MessageId, MessageId>,
    held: Vec<Stored>,
    keyed: HashMap<(AgentId, String), (Sent, Option<Digest>)>,
}

/// Decides every message of the batch, stores the accepted ones in one statement, and then what
/// follows from them: answers noted, claims finished.
pub(crate) async fn run(tx: &mut Tx<'_>, sends: &mut [Sending]) -> Result<(), StoreError> {
    if sends.is_empty() {
        return Ok(());
    }
    let mut lookups = Lookups::default();
    if sends.iter().any(|send| !send.is_plain()) {
        lookups.fill(tx, sends).await?;
    }
    let mut stored = Vec::with_capacity(sends.len());
    for send in sends.iter_mut() {
        send.outcome = Some(match decide(tx, &lookups, send) {
            Ok(Delivery::Stored(sent)) => {
                lookups.note(send, &sent);
                stored.push((sent.message.clone(), send.digest.clone()));
                Ok(Delivery::Stored(sent))
            }
            Ok(repeated) => Ok(repeated),
            Err(refused) => Err(refused.into()),
        });
    }
    if stored.is_empty() {
        return Ok(());
    }
    insert(tx, &stored).await?;
    for (message, _) in stored {
        if let Some(parent) = message.reply_to {
            answer(tx, &mut lookups, parent, &message).await?;
        }
        tx.publish(Event::of_message(message));
    }
    Ok(())
}

/// Stores the accepted messages of a batch.
async fn insert(tx: &mut Tx<'_>, stored: &[(Message, Option<Digest>)]) -> Result<(), StoreError> {
    for query in tx.dialect.insert_messages(stored) {
        tx.execute(query).await?;
    }
    Ok(())
}

/// Stores one message that the relay writes for a task or a pair, and tells of it.
pub(crate) async fn put(tx: &mut Tx<'_>, message: Message) -> Result<(), StoreError> {
    let query = tx.dialect.insert_message(&message);
    tx.execute(query).await?;
    tx.publish(Event::of_message(message));
    Ok(())
}

/// Decides one message by the directory and what was looked up; nothing is written yet.
fn decide(tx: &mut Tx<'_>, lookups: &Lookups, send: &Sending) -> Result<Delivery, Refused> {
    let request = &send.request;
    let sender = tx.directory.get(&send.from).ok_or_else(|| unregistered(&send.from))?.clone();
    sender.agent.check_current(request.instance_id.as_ref(), request.epoch)?;
    if let Some(first) = send.key().and_then(|key| lookups.keyed.get(&key)) {
        return repeat(first, send);
    }
    let thread = request
        .reply_to
        .map(|parent| {
            let thread = lookups.threads.get(&parent).copied();
            thread.ok_or_else(|| {
                Refused::not_found(format!("message {parent}"))
                    .hint("`replyTo` names a stored message")
            })
        })
        .transpose()?;
    let to = canonical(tx.directory, &request.to)?;
    let now = tx.now();
    let recipients = count(tx.directory, &to, &sender, request);
    let id = MessageId(tx.next_seq().0);
    let message = compose(send, &sender, id, thread.unwrap_or(id), to, now);
    Ok(Delivery::Stored(Sent { message, recipients }))
}

pub(crate) fn unregistered(id: &AgentId) -> Refused {
    Refused::not_found(format!("agent `{id}`"))
        .hint("register it first: POST /api/agents, or `agent-relay join`")
}

fn repeat(first: &(Sent, Option<Digest>), send: &Sending) -> Result<Delivery, Refused> {
    if first.1 == send.digest {
        return Ok(Delivery::Repeated(first.0.clone()));
    }
    Err(Refused::new(
        Code::IdempotencyMismatch,
        format!(
            "this idempotency key was used for message {}, which says something else",
            first.0.message.id
        ),
    )
    .hint("use a new key for a new message"))
}

/// The target with the id as it was registered. An id nobody knows is refused; one that was pruned
/// keeps its mail for whoever holds it next.
pub(crate) fn canonical(directory: &Directory, to: &Target) -> Result<Target, Refused> {
    match to {
        Target::Agent(id) => match directory.known(id) {
            Some(entry) => Ok(Target::Agent(entry.agent.id.clone())),
            None => {
                Err(target::not_found(id.as_str(), directory.agents().map(|entry| &entry.agent)))
            }
        },
        group => Ok(group.clone()),
    }
}

fn count(directory: &Directory, to: &Target, sender: &Entry, request: &SendMessage) -> u64 {
    let channel = request.channel.as_ref();
    directory
        .members(&to.address())
        .filter(|entry| entry.agent.id != sender.agent.id && entry.agent.channels.hears(channel))
        .count() as u64
}

fn compose(
    send: &Sending,
    sender: &Entry,
    id: MessageId,
    thread_id: MessageId,
    to: Target,
    now: Timestamp,
) -> Message {
    let request = &send.request;
    Message {
        id,
        from: sender.agent.id.clone(),
        to,
        subject: request.subject.clone(),
        body: request.body.to_string(),
        kind: request.kind.clone().unwrap_or_else(|| "chat".parse().expect("a slug")),
        urgency: request.urgency.unwrap_or_default(),
        channel: request.channel.clone(),
        reply_to: request.reply_to,
        thread_id,
        claimable: request.claimable.unwrap_or(false),
        claim: None,
        task_id: None,
        pair_id: None,
        idempotency_key: request.idempotency_key.as_ref().map(ToString::to_string),
        payload: request.payload.clone().unwrap_or_default(),
        meta: request.meta.clone().unwrap_or_default(),
        read_by: Vec::new(),
        verified: send.verified.0,
        created_at: now,
        expires_at: request.expires_in_ms.map(|ms| Timestamp(now.0.saturating_add(ms))),
        deleted_at: None,
    }
}

impl Lookups {
    async fn fill(&mut self, tx: &mut Tx<'_>, sends: &[Sending]) -> Result<(), StoreError> {
        let parents: Vec<MessageId> =
            sends.iter().filter_map(|send| send.request.reply_to).collect();
        if !parents.is_empty() {
            self.find_threads(tx, &parents).await?;
            self.find_held(tx, sends).await?;
        }
        let keys: Vec<(AgentId, String)> = sends.iter().filter_map(Sending::key).collect();
        if !keys.is_empty() {
            self.find_keyed(tx, keys).await?;
        }
        Ok(())
    }

    async fn find_threads(
        &mut self,
        tx: &mut Tx<'_>,
        parents: &[MessageId],
    ) -> Result<(), StoreError> {
        let sql = tx.dialect.sql("SELECT id, thread_id FROM message WHERE id IN (EACH_ID($1))");
        let rows = sqlx::query(sql)
            .bind(serde_json::to_string(parents)?)
            .fetch_all(&mut *tx.connection)
            .await?;
        for row in rows {
            self.threads
                .insert(MessageId(row.try_get("id")?), MessageId(row.try_get("thread_id")?));
        }
        Ok(())
    }

    /// What the senders hold in the threads they answer in: their answer finishes it.
    async fn find_held(&mut self, tx: &mut Tx<'_>, sends: &[Sending]) -> Result<(), StoreError> {
        let senders: Vec<AgentId> = sends
            .iter()
            .filter(|send| send.request.reply_to.is_some())
            .filter_map(|send| tx.directory.get(&send.from))
            .map(|entry| entry.agent.id.clone())
            .collect();
        let threads: Vec<MessageId> = self.threads.values().copied().collect();
        let sql = tx.dialect.sql(concat!(
            "SELECT ",
            message_columns!(),
            " FROM message m WHERE m.claim_state = 'held' AND m.claim_by IN (EACH($1)) AND m.thread_id IN (EACH_ID($2))"
        ));
        let query = sqlx::query(sql)
            .bind(serde_json::to_string(&senders)?)
            .bind(serde_json::to_string(&threads)?);
        let rows = query.fetch_all(&mut *tx.connection).await?;
        self.held = rows.iter().map(row::message).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The index on keys begins with who used them.
    async fn find_keyed(
        &mut self,
        tx: &mut Tx<'_>,
        keys: Vec<(AgentId, String)>,
    ) -> Result<(), StoreError> {
        let (senders, keys): (Vec<AgentId>, Vec<String>) = keys.into_iter().unzip();
        let senders: BTreeSet<AgentId> = senders
            .iter()
            .filter_map(|id| tx.directory.get(id))
            .map(|entry| entry.agent.id.clone())
            .collect();
        let sql = tx.dialect.sql(concat!(
            "SELECT ",
            message_columns!(),
            ", m.request_digest FROM message m WHERE m.sender IN (EACH($1)) AND m.idempotency_key IN (EACH($2))"
        ));
        let rows = sqlx::query(sql)
            .bind(serde_json::to_string(&senders)?)
            .bind(serde_json::to_string(&keys)?)
            .fetch_all(&mut *tx.connection)
            .await?;
        for row in rows {
            let message = row::message(&row)?.message;
            let digest =
                row.try_get::<Option<String>, _>("request_digest")?.map(Digest::from_stored);
            let recipients = tx
                .directory
                .members(&message.to.address())
                .filter(|entry| message.is_for(&entry.agent))
                .count() as u64;
            let key = (message.from.clone(), message.idempotency_key.clone().unwrap_or_default());
            self.keyed.insert(key, (Sent { message, recipients }, digest));
        }
        Ok(())
    }

    /// Remembers an accepted message for those behind it in the batch.
    fn note(&mut self, send: &Sending, stored: &Sent) {
        if let Some(key) = send.key() {
            self.keyed.insert(key, (stored.clone(), send.digest.clone()));
        }
    }
}

/// Notes that `message` answers `parent`, and finishes what its sender held in the thread.
async fn answer(
    tx: &mut Tx<'_>,
    lookups: &mut Lookups,
    parent: MessageId,
    message: &Message,
) -> Result<(), StoreError> {
    receipt::answered(tx, parent, &message.from, message.id).await?;
    let now = tx.now();
    let theirs = |held: &Stored| {
        let lease = held.lease.held().filter(|lease| !lease.lapsed(now));
        held.message.thread_id == message.thread_id
            && lease.is_some_and(|lease| lease.by == message.from)
    };
    let finished: Vec<Stored> = lookups.held.extract_if(.., |held| theirs(held)).collect();
    for held in finished {
        claim::answered(tx, held, message).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_process_sent_it_makes_no_other_request() {
        let request = |text: &str| serde_json::from_str::<SendMessage>(text).unwrap();
        let print = |text: &str| fingerprint(&request(text)).unwrap();
        let first = print(
            r#"{"from":"a","to":"b","body":"x","idempotencyKey":"k","instanceId":"p","epoch":1}"#,
        );
        assert_eq!(first, print(r#"{"to":"b","body":"x"}"#));
        assert_ne!(first, print(r#"{"to":"b","body":"y"}"#));
    }
}
