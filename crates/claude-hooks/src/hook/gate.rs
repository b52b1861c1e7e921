//! The gate before a tool, and who waits for a person's answer.

use relay_core::agent::Status;

use super::{Answer, Desk, Input};
use crate::program::ring;

/// Tools that are a question to the person.
const QUESTIONS: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// Before a tool runs.
pub fn judge(desk: &Desk, input: &Input) -> Answer {
    if QUESTIONS.contains(&input.tool_name.as_str()) && input.agent_id.is_none() {
        desk.be(Status::Waiting, Some("question"));
        ring(&desk.mailbox);
    }
    Answer::default()
}

/// An input that is no JSON.
pub fn unreadable() -> Answer {
    Answer::default()
}

/// An event of a session that was never begun.
pub fn homeless(_input: &Input) -> Answer {
    Answer::default()
}
