//! What comes over the connection.

use serde::Deserialize;
use serde_json::Value;

use super::protocol::{Permissions, Thread, ThreadItem, ThreadStatus, Turn};

/// What the server tells by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A thread is loaded, new or resumed.
    ThreadStarted(Thread),
    /// A thread does something else now.
    StatusChanged {
        /// The thread.
        thread: String,
        /// What it does.
        status: ThreadStatus,
    },
    /// A client has begun to follow a thread: all that tells so is that the thread's goal is said
    /// again.
    ThreadJoined {
        /// The thread.
        thread: String,
    },
    /// A thread may do something else now.
    PermissionsChanged {
        /// The thread.
        thread: String,
        /// What it may do.
        permissions: Permissions,
    },
    /// The server has let go of a thread.
    ThreadClosed {
        /// The thread.
        thread: String,
    },
    /// A turn runs.
    TurnStarted {
        /// The thread.
        thread: String,
        /// The turn.
        turn: Turn,
    },
    /// A turn has ended.
    TurnCompleted {
        /// The thread.
        thread: String,
        /// The turn.
        turn: Turn,
    },
    /// A part of a turn begins.
    ItemStarted {
        /// The thread.
        thread: String,
        /// The turn.
        turn: String,
        /// The part.
        item: ThreadItem,
    },
    /// A part of a turn is whole.
    ItemCompleted {
        /// The thread.
        thread: String,
        /// The turn.
        turn: String,
        /// The part.
        item: ThreadItem,
    },
}

impl Notice {
    /// The thread it is about.
    pub fn thread(&self) -> &str {
        match self {
            Self::ThreadStarted(thread) => &thread.id,
            Self::StatusChanged { thread, .. }
            | Self::ThreadJoined { thread }
            | Self::PermissionsChanged { thread, .. }
            | Self::ThreadClosed { thread }
            | Self::TurnStarted { thread, .. }
            | Self::TurnCompleted { thread, .. }
            | Self::ItemStarted { thread, .. }
            | Self::ItemCompleted { thread, .. } => thread,
        }
    }
}

/// A message of the server, as far as it is of interest.
#[derive(Debug)]
pub enum Message {
    /// To a call of ours.
    Answer {
        /// The call.
        id: u64,
        /// What it brought.
        answer: Result<Value, Refusal>,
    },
    /// By itself.
    Notice(Notice),
    /// Something else: a question to whoever sits before the terminal, or nothing we know.
    Other,
}

/// Why the server does not do what was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
#[serde(default)]
pub struct Refusal {
    /// Nearly always -32600.
    pub code: i64,
    /// In words, which is all that tells one reason from another.
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    result: Option<Value>,
    error: Option<Refusal>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params {
    thread_id: String,
    turn_id: String,
    thread: Thread,
    thread_settings: Permissions,
    status: ThreadStatus,
    turn: Turn,
    item: ThreadItem,
}

impl Message {
    /// Reads one frame. What cannot be read is of no interest.
    pub fn read(text: &str) -> Self {
        let Ok(envelope) = serde_json::from_str::<Envelope>(text) else { return Self::Other };
        match (envelope.id.as_ref().and_then(Value::as_u64), envelope.method) {
            (Some(id), None) => {
                let answer = match envelope.error {
                    Some(refusal) => Err(refusal),
                    None => Ok(envelope.result.unwrap_or_default()),
                };
                Self::Answer { id, answer }
            }
            // A request is for whoever sits before the terminal: answering it, even with an error,
            // would decide in their place.
            (None, Some(method)) => notice(&method, envelope.params),
            _ => Self::Other,
        }
    }
}

fn notice(method: &str, params: Value) -> Message {
    if !matches!(method.split('/').next(), Some("thread" | "turn" | "item")) {
        return Message::Other;
    }
    let Ok(params) = serde_json::from_value::<Params>(params) else { return Message::Other };
    let Params { thread_id, turn_id, thread, thread_settings, status, turn, item } = params;
    Message::Notice(match method {
        "thread/started" => Notice::ThreadStarted(thread),
        "thread/status/changed" => Notice::StatusChanged { thread: thread_id, status },
        "thread/goal/cleared" | "thread/goal/updated" => Notice::ThreadJoined { thread: thread_id },
        "thread/settings/updated" => {
            Notice::PermissionsChanged { thread: thread_id, permissions: thread_settings }
        }
        "thread/closed" => Notice::ThreadClosed { thread: thread_id },
        "turn/started" => Notice::TurnStarted { thread: thread_id, turn },
        "turn/completed" => Notice::TurnCompleted { thread: thread_id, turn },
        "item/started" => Notice::ItemStarted { thread: thread_id, turn: turn_id, item },
        "item/completed" => Notice::ItemCompleted { thread: thread_id, turn: turn_id, item },
        _ => return Message::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_to_the_person_is_never_a_notice() {
        let question = r#"{"method":"item/started","id":0,"params":{"threadId":"t"}}"#;
        assert!(matches!(Message::read(question), Message::Other));
    }

    #[test]
    fn what_is_newer_than_this_program_is_passed_over() {
        let newer = r#"{"method":"thread/status/changed","params":{"threadId":"t","status":{"type":"dreaming","depth":2}}}"#;
        let Message::Notice(Notice::StatusChanged { thread, status }) = Message::read(newer) else {
            panic!("it is a notice");
        };
        assert_eq!((thread.as_str(), status), ("t", ThreadStatus::Unknown));
        assert!(matches!(Message::read("no json"), Message::Other));
    }
}
