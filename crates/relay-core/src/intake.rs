//! Intake: what an event from outside makes of the tasks that are there.

use serde_json::{Map, Value, json};

use crate::{
    api::request::{CreateTask, EventStatus, PostEvent},
    error::{Code, Refused},
    id::{AgentId, MessageId, TaskId},
    lease::Lease,
    target::Target,
    task::{Severity, Source, Status, Task},
    text::{Line, Slug, Word},
    time::Timestamp,
};

/// An event as its source reports it.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// There is, or still is, something to do.
    Firing(Draft),
    /// It is over.
    Resolved {
        /// Of which task.
        dedupe_key: String,
    },
}

/// A task that may be created.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What kind of work it is.
    pub kind: Slug,
    /// How bad it is.
    pub severity: Severity,
    /// What makes two reports the same task.
    pub dedupe_key: Option<String>,
    /// What it is about, in a line.
    pub title: Line,
    /// The text.
    pub body: String,
    /// Whom it is for.
    pub target: Target,
    /// The channel it is sent on.
    pub channel: Option<Word>,
    /// Free facts.
    pub meta: Map<String, Value>,
}

impl Draft {
    /// The task that this opens.
    pub fn open(&self, id: TaskId, source: Source, message: MessageId, now: Timestamp) -> Task {
        Task {
            id,
            source,
            kind: self.kind.clone(),
            severity: self.severity,
            dedupe_key: self.dedupe_key.clone(),
            title: self.title.clone(),
            body: self.body.clone(),
            target: self.target.clone(),
            channel: self.channel.clone(),
            status: Status::Open,
            claim: crate::message::Claim::of(&Lease::default()),
            occurrence_count: 1,
            progress: None,
            result: None,
            message_id: Some(message),
            meta: self.meta.clone(),
            created_at: now,
            last_seen_at: now,
            updated_at: now,
        }
    }

    /// The text of the message that announces it: the body, or the title where there is none.
    pub fn text(&self) -> &str {
        if self.body.is_empty() { &self.title } else { &self.body }
    }
}

impl From<CreateTask> for Draft {
    fn from(request: CreateTask) -> Self {
        Self {
            kind: request.kind.unwrap_or_else(|| "task".parse().expect("a slug")),
            severity: request.severity.unwrap_or_default(),
            dedupe_key: request.dedupe_key.map(String::from),
            title: request.title,
            body: request.body.map(String::from).unwrap_or_default(),
            target: request.target,
            channel: request.channel,
            meta: request.meta.unwrap_or_default(),
        }
    }
}

impl PostEvent {
    /// What it reports. An event that is resolved needs its key only.
    ///
    /// Refuses with `missing_field` what a new task would lack.
    pub fn report(self) -> Result<Report, Refused> {
        if self.status == Some(EventStatus::Resolved) {
            let dedupe_key = self.dedupe_key.map(String::from).ok_or_else(|| {
                missing("dedupeKey").hint("`status: \"resolved\"` ends the task with that key")
            })?;
            return Ok(Report::Resolved { dedupe_key });
        }
        Ok(Report::Firing(Draft {
            kind: self.kind,
            severity: self.severity.ok_or_else(|| missing("severity"))?,
            dedupe_key: self.dedupe_key.map(String::from),
            title: self.title.ok_or_else(|| missing("title"))?,
            body: self.body.map(String::from).ok_or_else(|| missing("body"))?,
            target: self.target.ok_or_else(|| missing("target"))?,
            channel: self.channel,
            meta: self.meta.unwrap_or_default(),
        }))
    }
}

fn missing(field: &str) -> Refused {
    Refused::new(Code::MissingField, format!("`{field}` is missing"))
        .with(json!({ "field": field }))
}

/// The refusal for a resolved event of which no task is known.
pub fn nothing_to_resolve(source: &Source, dedupe_key: &str) -> Refused {
    let key: String = dedupe_key.chars().take(64).collect();
    Refused::new(Code::NotFound, format!("`{source}` has no task with the key `{key}`"))
        .hint("nothing is to be resolved; a task is opened by an event without `status`")
}

/// Who is said to have repeated a task: an agent or a person; not the source itself.
pub fn reporter(source: &Source) -> Option<&AgentId> {
    match source {
        Source::Agent(id) => Some(id),
        Source::Integration(_) | Source::Token(_) | Source::Relay => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(extra: &Value) -> Result<Report, String> {
        let mut event = json!({ "type": "alert" });
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let event: PostEvent = serde_json::from_value(event).map_err(|e| e.to_string())?;
        event.report().map_err(|refused| refused.message)
    }

    #[test]
    fn a_new_task_says_all_that_somebody_must_know() {
        let whole = json!({
            "severity": "error", "title": "Disk", "body": "full", "target": "cap:ops",
        });
        assert!(matches!(report(&whole), Ok(Report::Firing(_))));
        for field in ["severity", "title", "body", "target"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(field);
            assert_eq!(report(&part), Err(format!("`{field}` is missing")));
        }
    }

    #[test]
    fn a_resolved_event_needs_its_key_only() {
        let resolved = json!({ "status": "resolved", "dedupeKey": "k" });
        assert_eq!(report(&resolved), Ok(Report::Resolved { dedupe_key: "k".into() }));
        assert_eq!(report(&json!({"status": "resolved"})), Err("`dedupeKey` is missing".into()));
        assert!(report(&json!({"status": "banana"})).is_err());
    }
}
