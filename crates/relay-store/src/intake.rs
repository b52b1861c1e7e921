//! Intake: reports of events become tasks, exactly once each.

use relay_core::{
    caller::Verified,
    id::{MessageId, TaskId},
    intake::{self, Draft, Report},
    lease::Lease,
    message::{Message, Urgency},
    task::{Kind, Source, Step, Task, Work},
};
use serde_json::{Map, json};

use crate::{
    claim::{self, Subject},
    error::StoreError,
    message::Acting,
    queue::Command,
    row::{self, task_columns},
    send,
    store::Store,
    task::{self, StoredTask},
    tx::Tx,
};

/// What became of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Reported {
    /// It opened a task.
    Opened(Task),
    /// It was counted: a task with its key is active.
    Counted(Task),
    /// The task with its key is done.
    Resolved(Task),
}

impl Store {
    /// Takes a report. While a task of the same source with the same key is active, it is counted
    /// there; else it opens a task, with its claimable message. A resolved one finishes the active
    /// task; where that is finished already, it answers with the last one.
    ///
    /// Refuses with `not_found` what resolves nothing that was ever there, with `target_not_found` an
    /// unknown id. `by` is who reports, where it is an agent or a person.
    pub async fn report(
        &self,
        source: Source,
        by: Option<Acting>,
        verified: Verified,
        report: Report,
    ) -> Result<Reported, StoreError> {
        self.queue.run(Take { source, by, verified, report }).await
    }
}

struct Take {
    source: Source,
    by: Option<Acting>,
    verified: Verified,
    report: Report,
}

impl Command for Take {
    type Reply = Reported;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Reported, StoreError> {
        let source = match &self.by {
            Some(by) => Source::Agent(claim::acting(tx, by)?.agent.id.clone()),
            None => self.source.clone(),
        };
        match &self.report {
            Report::Resolved { dedupe_key } => resolve(tx, &source, dedupe_key).await,
            Report::Firing(draft) => {
                let active = match &draft.dedupe_key {
                    Some(key) => find(tx, &source, key).await?,
                    None => None,
                };
                match active.filter(|stored| stored.work.task.status.is_active()) {
                    Some(stored) => count(tx, stored, &source, draft).await,
                    None => self.open(tx, source, draft).await,
                }
            }
        }
    }
}

/// The newest task of a source with this key: the active one, if there is one.
async fn find(
    tx: &mut Tx<'_>,
    source: &Source,
    dedupe_key: &str,
) -> Result<Option<StoredTask>, StoreError> {
    let sql = concat!(
        "SELECT ",
        task_columns!(),
        " FROM task t JOIN message m ON m.id = t.message_id \
         WHERE t.source_key = $1 AND t.dedupe_key = $2 ORDER BY t.id DESC LIMIT 1"
    );
    let query = sqlx::query(sql).bind(source.folded()).bind(dedupe_key.to_owned());
    query.fetch_optional(&mut *tx.connection).await?.as_ref().map(row::task).transpose()
}

async fn count(
    tx: &mut Tx<'_>,
    mut stored: StoredTask,
    source: &Source,
    draft: &Draft,
) -> Result<Reported, StoreError> {
    let step = stored.work.repeat(intake::reporter(source), draft.severity, tx.now());
    task::record(tx, &mut stored, step).await?;
    Ok(Reported::Counted(stored.work.task))
}

async fn resolve(
    tx: &mut Tx<'_>,
    source: &Source,
    dedupe_key: &str,
) -> Result<Reported, StoreError> {
    let stored = find(tx, source, dedupe_key).await?;
    let stored = stored.ok_or_else(|| intake::nothing_to_resolve(source, dedupe_key))?;
    if !stored.work.task.status.is_active() {
        return Ok(Reported::Resolved(stored.work.task));
    }
    let mut subject = Subject::of_task(tx, stored).await?;
    subject.change(tx, |work, now| Ok(work.resolve(now))).await?;
    Ok(Reported::Resolved(subject.into_task()?))
}

impl Take {
    async fn open(
        &self,
        tx: &mut Tx<'_>,
        source: Source,
        draft: &Draft,
    ) -> Result<Reported, StoreError> {
        let target = send::canonical(tx.directory, &draft.target)?;
        let draft = Draft { target, ..draft.clone() };
        let (id, now) = (TaskId(tx.next_seq().0), tx.now());
        let message = self.announce(&draft, &source, id, MessageId(tx.next_seq().0), tx);
        let by = intake::reporter(&source).cloned();
        let task = draft.open(id, source, message.id, now);
        let work = Work { task, lease: Lease::default() };
        send::put(tx, message).await?;
        let mut stored = StoredTask { work, sequence: 0 };
        task::create(tx, &mut stored, Step::new(Kind::Created, by.as_ref())).await?;
        Ok(Reported::Opened(stored.work.task))
    }

    /// The claimable message of a new task.
    fn announce(
        &self,
        draft: &Draft,
        source: &Source,
        task: TaskId,
        id: MessageId,
        tx: &Tx<'_>,
    ) -> Message {
        let facts = json!({ "source": source, "type": draft.kind, "severity": draft.severity });
        Message {
            id,
            from: source.sender(),
            to: draft.target.clone(),
            subject: Some(draft.title.clone()),
            body: draft.text().to_owned(),
            kind: "task".parse().expect("a slug"),
            urgency: Urgency::default(),
            channel: draft.channel.clone(),
            reply_to: None,
            thread_id: id,
            claimable: true,
            claim: None,
            task_id: Some(task),
            pair_id: None,
            idempotency_key: None,
            payload: Map::new(),
            meta: facts.as_object().cloned().unwrap_or_default(),
            read_by: Vec::new(),
            verified: self.verified.0,
            created_at: tx.now(),
            expires_at: None,
            deleted_at: None,
        }
    }
}
