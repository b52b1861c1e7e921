//! The rules: who may do what with a task, and what becomes of it.

use std::time::Duration;

use serde_json::json;

use super::{Kind, Severity, Source, Status, Step, Task};
use crate::{
    api::request::UpdateTask,
    error::{Code, Refused},
    event::ReleaseReason,
    id::AgentId,
    lease::{Lease, Outcome},
    message::Claim,
    time::Timestamp,
};

/// A task with the lease that it shares with its message.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The task; its status and claim follow the lease.
    pub task: Task,
    /// Who holds it.
    pub lease: Lease,
}

/// Who changes a task's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An agent or a person.
    Agent(AgentId),
    /// The integration that created it.
    Source,
}

impl Work {
    /// Claims the task. The holder who asks again gets the same grant, renewed, and no step.
    ///
    /// Refuses with `already_claimed`, with `invalid_transition` after the end.
    pub fn claim(
        &mut self,
        by: &AgentId,
        span: Duration,
        now: Timestamp,
    ) -> Result<Option<Step>, Refused> {
        self.check_active("claimed")?;
        let outcome = self.lease.claim(by, span, now)?;
        if outcome == Outcome::Same {
            self.task.claim = Claim::of(&self.lease);
            return Ok(None);
        }
        self.follow(Status::Claimed, now);
        let step = Step::new(Kind::Claimed, Some(by)).with("generation", self.lease.generation);
        Ok(Some(step))
    }

    /// Gives the task back.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub fn release(
        &mut self,
        by: &AgentId,
        generation: Option<i64>,
        now: Timestamp,
    ) -> Result<Step, Refused> {
        self.check_active("released")?;
        self.lease.release(by, generation, now)?;
        self.follow(Status::Open, now);
        Ok(Step::new(Kind::Released, Some(by)).with("reason", json!(ReleaseReason::Released)))
    }

    /// Opens the task again because its holder is gone or its time is up. `None` where nobody held
    /// it.
    pub fn revoke(&mut self, reason: ReleaseReason, now: Timestamp) -> Option<Step> {
        let holder = self.lease.held()?.by.clone();
        self.lease.revoke();
        self.follow(Status::Open, now);
        Some(Step::new(Kind::Released, Some(&holder)).with("reason", json!(reason)))
    }

    /// Reports progress, or ends the task.
    ///
    /// Progress, `done` and `failed` are the holder's to say; who created a task may cancel it or
    /// call it done whoever holds it, and so may the operator. Refuses with `invalid_transition`
    /// what the state does not allow, with `not_claimed` and `lease_lost` whoever does not hold it.
    pub fn update(
        &mut self,
        actor: &Actor,
        change: &UpdateTask,
        now: Timestamp,
    ) -> Result<Step, Refused> {
        let to = change.status;
        self.check_active(to.as_str())?;
        if matches!(to, Status::Open | Status::Claimed) {
            return Err(self.invalid(to.as_str()).hint("claim it, or release it, instead"));
        }
        let by = match actor {
            Actor::Agent(id) => Some(id),
            Actor::Source => None,
        };
        let calls_off = to == Status::Cancelled && by.is_none_or(|id| self.may_call_off(id));
        let resolves = to == Status::Done && by.is_none();
        if calls_off || resolves {
            self.lease.close(by.unwrap_or(&AgentId::system()), now);
        } else {
            let holder = by.ok_or_else(|| self.not_the_sources(to))?;
            self.lease.check_held(holder, change.generation, now)?;
            if !to.is_active() {
                self.lease.finish(holder, change.generation, now)?;
            }
        }
        if let Some(progress) = &change.progress {
            self.task.progress = Some(progress.to_string());
        }
        if let Some(result) = &change.result {
            self.task.result = Some(result.to_string());
        }
        self.follow(to, now);
        let kind = match to {
            Status::Blocked => Kind::Blocked,
            Status::Done => Kind::Done,
            Status::Failed => Kind::Failed,
            Status::Cancelled => Kind::Cancelled,
            _ => Kind::Progress,
        };
        Ok(Step::new(kind, by)
            .with_text("progress", change.progress.as_deref())
            .with_text("result", change.result.as_deref()))
    }

    /// Finishes the task because its holder finished its message: by `done`, or by an answer, whose
    /// text is then the result. No step where it is finished already.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub fn finish(
        &mut self,
        by: &AgentId,
        generation: Option<i64>,
        result: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Step>, Refused> {
        if self.lease.finish(by, generation, now)? == Outcome::Same {
            return Ok(None);
        }
        if let Some(result) = result {
            self.task.result = Some(result.to_owned());
        }
        self.follow(Status::Done, now);
        Ok(Some(Step::new(Kind::Done, Some(by)).with_text("result", result)))
    }

    /// Ends the task because its source says that it is resolved.
    pub fn resolve(&mut self, now: Timestamp) -> Step {
        self.lease.close(&AgentId::system(), now);
        self.task.last_seen_at = now;
        self.follow(Status::Done, now);
        Step::new(Kind::Done, None).with("resolved", true)
    }

    /// Counts another report of it.
    pub fn repeat(&mut self, by: Option<&AgentId>, severity: Severity, now: Timestamp) -> Step {
        self.task.occurrence_count += 1;
        self.task.last_seen_at = now;
        self.task.updated_at = now;
        Step::new(Kind::Repeated, by)
            .with("occurrenceCount", self.task.occurrence_count)
            .with("severity", severity.as_str())
    }

    fn follow(&mut self, status: Status, now: Timestamp) {
        self.task.status = status;
        self.task.claim = Claim::of(&self.lease);
        self.task.updated_at = now;
    }

    fn may_call_off(&self, by: &AgentId) -> bool {
        by.is_human() || self.task.source == Source::Agent(by.clone())
    }

    fn check_active(&self, verb: &str) -> Result<(), Refused> {
        if self.task.status.is_active() { Ok(()) } else { Err(self.invalid(verb)) }
    }

    fn invalid(&self, verb: &str) -> Refused {
        let Task { id, status, .. } = &self.task;
        let refused = Refused::new(
            Code::InvalidTransition,
            format!("task {id} is {status} and cannot become {verb}"),
        )
        .with(json!({ "status": status }));
        if status.is_active() { refused } else { refused.hint("a finished task never opens again") }
    }

    fn not_the_sources(&self, to: Status) -> Refused {
        Refused::new(
            Code::Forbidden,
            format!("task {} becomes {to} by who holds it, not by its source", self.task.id),
        )
        .hint("a source may say `done` (it is resolved) or `cancelled`")
    }
}
