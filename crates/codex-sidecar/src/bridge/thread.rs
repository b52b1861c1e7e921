//! What a thread is doing, told from what the app-server says of it.

use std::collections::HashMap;

use crate::{
    app_server::{
        Notice,
        protocol::{Flag, ThreadItem, ThreadStatus},
    },
    bridge::turn::Phase,
};

/// How far a thread is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    status: ThreadStatus,
    turn: Option<String>,
    /// The parts of the turn that have begun and not ended, and whether the model speaks in them.
    open: HashMap<String, bool>,
    /// True where a turn ran before anybody listened: the model may be speaking.
    blind: bool,
}

impl Progress {
    /// A thread that is followed from now on, with the turn that runs in it.
    pub fn follow(status: ThreadStatus, turn: Option<String>) -> Self {
        let blind = matches!(status, ThreadStatus::Active { .. });
        Self { status, turn, open: HashMap::new(), blind }
    }

    /// The turn that runs, as far as it is known.
    pub fn turn(&self) -> Option<&str> {
        self.turn.as_deref()
    }

    /// What it waits for somebody to say, where it does.
    pub fn asks(&self) -> Option<Flag> {
        match &self.status {
            ThreadStatus::Active { active_flags } => {
                active_flags.iter().copied().find(|flag| *flag != Flag::Unknown)
            }
            _ => None,
        }
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        match &self.status {
            ThreadStatus::NotLoaded => Phase::Unknown,
            _ if self.asks().is_some() => Phase::Asking,
            ThreadStatus::Active { .. } | ThreadStatus::Unknown => self.of_turn(),
            // Codex says so before it says that the turn has ended.
            ThreadStatus::Idle | ThreadStatus::SystemError => Phase::Idle,
        }
    }

    fn of_turn(&self) -> Phase {
        if self.blind || self.turn.is_none() || self.open.values().any(|speaks| *speaks) {
            Phase::Speaking
        } else if self.open.is_empty() {
            Phase::Between
        } else {
            Phase::Tool
        }
    }

    /// Takes note of what is said of this thread.
    pub fn note(&mut self, notice: &Notice) {
        match notice {
            Notice::StatusChanged { status, .. } => {
                self.status = status.clone();
                if !matches!(status, ThreadStatus::Active { .. }) {
                    self.open.clear();
                    self.blind = false;
                }
            }
            Notice::TurnStarted { turn, .. } => {
                self.turn = Some(turn.id.clone());
                self.open.clear();
                self.blind = false;
            }
            Notice::TurnCompleted { turn, .. } if self.turn.as_ref() == Some(&turn.id) => {
                self.turn = None;
                self.open.clear();
            }
            Notice::ItemStarted { turn, item, .. } => {
                self.turn = Some(turn.clone());
                self.blind = false;
                self.open.insert(item.id.clone(), speaks(item));
            }
            Notice::ItemCompleted { turn, item, .. } => {
                self.turn = Some(turn.clone());
                self.blind = false;
                self.open.remove(&item.id);
            }
            _ => {}
        }
    }
}

/// Whether the model itself is at work in this part.
fn speaks(item: &ThreadItem) -> bool {
    matches!(item.kind.as_str(), "agentMessage" | "reasoning" | "plan" | "contextCompaction")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app_server::protocol::Turn;

    fn item(kind: &str) -> ThreadItem {
        ThreadItem { id: format!("the {kind}"), kind: kind.to_owned(), ..ThreadItem::default() }
    }

    fn started(kind: &str) -> Notice {
        Notice::ItemStarted { thread: "t".into(), turn: "u".into(), item: item(kind) }
    }

    fn completed(kind: &str) -> Notice {
        Notice::ItemCompleted { thread: "t".into(), turn: "u".into(), item: item(kind) }
    }

    fn status(status: ThreadStatus) -> Notice {
        Notice::StatusChanged { thread: "t".into(), status }
    }

    fn active(active_flags: Vec<Flag>) -> ThreadStatus {
        ThreadStatus::Active { active_flags }
    }

    fn turn() -> Turn {
        Turn { id: "u".into(), ..Turn::default() }
    }

    #[test]
    fn a_turn_goes_through_its_phases() {
        let mut progress = Progress::follow(ThreadStatus::Idle, None);
        assert_eq!(progress.phase(), Phase::Idle);
        let story = [
            (status(active(vec![])), Phase::Speaking),
            (Notice::TurnStarted { thread: "t".into(), turn: turn() }, Phase::Between),
            (started("agentMessage"), Phase::Speaking),
            (completed("agentMessage"), Phase::Between),
            (started("commandExecution"), Phase::Tool),
            (status(active(vec![Flag::WaitingOnApproval])), Phase::Asking),
            (status(active(vec![])), Phase::Tool),
            (started("reasoning"), Phase::Speaking),
            (completed("reasoning"), Phase::Tool),
            (completed("commandExecution"), Phase::Between),
            (status(active(vec![Flag::WaitingOnUserInput])), Phase::Asking),
            (status(active(vec![Flag::Unknown])), Phase::Between),
            (status(ThreadStatus::Idle), Phase::Idle),
            (Notice::TurnCompleted { thread: "t".into(), turn: turn() }, Phase::Idle),
            (status(ThreadStatus::SystemError), Phase::Idle),
            (status(ThreadStatus::NotLoaded), Phase::Unknown),
        ];
        for (step, (notice, expected)) in story.iter().enumerate() {
            progress.note(notice);
            assert_eq!(progress.phase(), *expected, "step {step}: {notice:?}");
        }
        assert_eq!(progress.turn(), None);
    }

    #[test]
    fn who_comes_in_the_middle_of_a_turn_takes_it_for_an_answer_until_something_is_seen() {
        let mut progress = Progress::follow(active(vec![]), Some("u".into()));
        assert_eq!(progress.phase(), Phase::Speaking);
        progress.note(&started("commandExecution"));
        assert_eq!((progress.phase(), progress.turn()), (Phase::Tool, Some("u")));
    }
}
