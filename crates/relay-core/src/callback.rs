//! Callbacks: what an integration is told of its tasks, and when it is tried again.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{AgentId, CallbackId, TaskId},
    task::{Kind, Task, TaskEvent},
    time::Timestamp,
};

/// How long before each attempt, the first included: Standard Webhooks' advice.
pub const TIMETABLE: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(10),
];
/// How far the wait before an attempt strays from the timetable: so many hundredths both ways.
pub const JITTER_PERCENT: u32 = 20;
/// The longest wait that a receiver may ask for.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);
/// The most dead letters that are kept; the oldest go first.
pub const MOST_DEAD_LETTERS: i64 = 10_000;

/// What is posted to an integration's callback URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    /// What happened.
    pub event: Kind,
    /// Its place among the events of its task: 1, 2, 3, …
    pub sequence: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The task after it.
    pub task: Task,
    /// What happened, as the task's history has it.
    pub task_event: TaskEvent,
}

/// How an attempt ended that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// What went wrong, for people; no secret, no answer's text.
    pub why: String,
    /// When the receiver asked to be tried again.
    pub retry_after: Option<Duration>,
}

/// What becomes of a callback after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is tried again after this.
    RetryIn(Duration),
    /// It is given up on.
    GiveUp,
}

impl Failure {
    /// Decides what becomes of a callback after `attempts` attempts, the failed one counted.
    /// `chance` is a number from 0 to 1 that spreads the retries.
    ///
    /// A receiver that answers 410 (Gone) is believed; one that says when to come back is heeded,
    /// up to an hour.
    pub fn next(&self, attempts: u32, timetable: &[Duration], chance: f64) -> Next {
        const GONE: u16 = 410;
        let Some(planned) = timetable.get(attempts as usize) else { return Next::GiveUp };
        if self.status == Some(GONE) {
            return Next::GiveUp;
        }
        let asked = self.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        Next::RetryIn(jittered(*planned, chance).max(asked))
    }
}

fn jittered(planned: Duration, chance: f64) -> Duration {
    let spread = f64::from(JITTER_PERCENT) / 100.0;
    planned.mul_f64(1.0 - spread + 2.0 * spread * chance.clamp(0.0, 1.0))
}

/// A callback that was given up on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Its id, with which it is sent again.
    pub id: CallbackId,
    /// Whom it was for.
    pub integration: AgentId,
    /// The task it tells of.
    pub task_id: TaskId,
    /// What happened to the task.
    pub event: Kind,
    /// Its place among the events of its task.
    pub sequence: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// The status of the last answer, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// What went wrong the last time.
    pub last_error: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was given up on.
    pub died_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: Option<u16>, retry_after: Option<u64>) -> Failure {
        Failure { status, why: "x".into(), retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn eight_attempts_by_the_timetable_and_then_it_is_given_up() {
        let waits: Vec<_> = (1..=8)
            .map(|attempts| failure(Some(500), None).next(attempts, &TIMETABLE, 0.5))
            .collect();
        let mut expected: Vec<_> = TIMETABLE[1..].iter().map(|d| Next::RetryIn(*d)).collect();
        expected.push(Next::GiveUp);
        assert_eq!(waits, expected);
    }

    #[test]
    fn the_wait_strays_by_a_fifth_at_most() {
        let wait = |chance| failure(None, None).next(2, &TIMETABLE, chance);
        assert_eq!(wait(0.0), Next::RetryIn(Duration::from_mins(4)));
        assert_eq!(wait(1.0), Next::RetryIn(Duration::from_mins(6)));
    }

    #[test]
    fn a_receiver_is_heeded_when_it_asks_for_time_and_believed_when_it_is_gone() {
        let next = |status, after| failure(Some(status), after).next(1, &TIMETABLE, 0.5);
        assert_eq!(next(503, Some(120)), Next::RetryIn(Duration::from_mins(2)));
        assert_eq!(next(503, Some(1)), Next::RetryIn(Duration::from_secs(5)), "not sooner");
        assert_eq!(next(429, Some(86_400)), Next::RetryIn(LONGEST_RETRY_AFTER));
        assert_eq!(next(410, None), Next::GiveUp);
    }
}
