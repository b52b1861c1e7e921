//! Batches: messages that reach the model in one piece.

use relay_client::core::{message::Message, prompt::Reader, text::Slug};
use serde::{Deserialize, Serialize};

/// How a batch reaches the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// It begins a turn.
    Turn,
    /// It joins the turn that runs.
    Steer,
    /// As what a tool brought.
    ToolOutput,
}

impl Via {
    /// The path's name in the receipts.
    pub fn slug(self) -> Slug {
        let name = match self {
            Self::Turn => "codex-turn",
            Self::Steer => "codex-steer",
            Self::ToolOutput => "codex-tool-output",
        };
        name.parse().expect("a slug")
    }
}

/// How much goes into one batch.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// How many messages at most.
    pub messages: usize,
    /// How many bytes of text at most.
    pub bytes: usize,
}

impl Room {
    /// Codex takes a megabyte from a user, but a model reads it all before it answers.
    pub const OF_TURN: Self = Self { messages: 100, bytes: 40_000 };
    /// Codex shows the model some ten thousand bytes of what a tool brings, and cuts out the middle
    /// of more.
    pub const OF_TOOL_OUTPUT: Self = Self { messages: 100, bytes: 8_000 };
}

/// What comes before the headers of messages that the model has read in a turn that did not end.
const CUT_OFF: &str = "Agent Relay: the turn that had these messages was cut off, and you have \
                       their text; do what is still open:";

/// Messages that reach the model in one piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Comes back from Codex with the item that holds the batch.
    pub client_id: String,
    /// What the model reads.
    pub text: String,
    /// How it gets there.
    pub via: Via,
    /// Those of which the model has the text, and is reminded.
    pub again: Vec<Message>,
    /// Those that it reads for the first time.
    pub new: Vec<Message>,
}

impl Batch {
    /// Writes down what fits: first what the model is reminded of, then what is new, in order and
    /// whole. At least one message fits, however long, but not as a tool's output; `None` where
    /// there is none.
    pub fn fill<'a>(
        reader: &Reader,
        again: Vec<Message>,
        waiting: impl Iterator<Item = &'a Message>,
        via: Via,
        room: Room,
    ) -> Option<Self> {
        let mut lines = Vec::new();
        if !again.is_empty() {
            let headers: Vec<_> = again.iter().map(|message| reader.reminder(message)).collect();
            lines.push(format!("{CUT_OFF} {}", headers.join("; ")));
        }
        let mut bytes: usize = lines.iter().map(String::len).sum();
        let mut new = Vec::new();
        for message in waiting.take(room.messages) {
            let line = reader.message_with_tools(message);
            bytes += line.len() + 1;
            if bytes > room.bytes && !lines.is_empty() {
                break;
            }
            lines.push(line);
            new.push(message.clone());
        }
        let (client_id, text) = (client_id(&again, &new), lines.join("\n"));
        let is_cut = via == Via::ToolOutput && text.len() > room.bytes;
        let via = if is_cut { Via::Turn } else { via };
        (!text.is_empty()).then_some(Self { client_id, text, via, again, new })
    }
}

/// Which messages a batch holds, for whoever looks through a thread: `agent-relay:42@mh3k2p,…`,
/// with the time in base 36 because a relay begun anew counts its ids from the start, and `!`
/// before those that the model is reminded of.
fn client_id(again: &[Message], new: &[Message]) -> String {
    let name = |mark: &str, message: &Message| {
        format!("{mark}{}@{}", message.id, base36(message.created_at.0.unsigned_abs()))
    };
    let reminded = again.iter().map(|message| name("!", message));
    let names: Vec<_> = reminded.chain(new.iter().map(|message| name("", message))).collect();
    format!("agent-relay:{}", names.join(","))
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
pub mod tests {
    use relay_client::core::time::Timestamp;
    use serde_json::json;

    use super::*;

    pub fn reader() -> Reader {
        Reader { me: "me".parse().unwrap(), now: Timestamp(1_000_000) }
    }

    pub fn message(id: i64, body: &str) -> Message {
        serde_json::from_value(json!({
            "id": id, "from": "backend", "to": "me", "body": body, "kind": "chat",
            "urgency": "normal", "threadId": id, "claimable": false, "verified": true,
            "createdAt": 1_000_000,
        }))
        .unwrap()
    }

    fn fill(again: &[Message], waiting: &[Message], room: Room) -> Option<Batch> {
        Batch::fill(&reader(), again.to_vec(), waiting.iter(), Via::Turn, room)
    }

    #[test]
    fn messages_stand_whole_and_in_order_one_to_a_line() {
        let waiting = [message(42, "tests pass"), message(43, "main is red\nsince noon")];
        let batch = fill(&[], &waiting, Room::OF_TURN).unwrap();
        assert_eq!(
            batch.text,
            "[msg:42] from backend: tests pass\n[msg:43] from backend: main is red\n    since noon"
        );
        assert_eq!(batch.client_id, "agent-relay:42@lfls,43@lfls");
        assert_eq!(batch.new, waiting);
        assert_eq!(fill(&[], &[], Room::OF_TURN), None);
    }

    #[test]
    fn who_was_cut_off_is_reminded_without_the_text() {
        let batch = fill(&[message(7, "the text")], &[message(8, "news")], Room::OF_TURN).unwrap();
        assert!(
            batch.text.starts_with("Agent Relay: the turn that had these messages was cut off")
        );
        assert!(batch.text.ends_with(": [msg:7] from backend\n[msg:8] from backend: news"));
        assert!(!batch.text.contains("the text"));
        assert_eq!(batch.client_id, "agent-relay:!7@lfls,8@lfls");
    }

    #[test]
    fn what_a_tool_may_not_bring_whole_comes_as_a_turn() {
        let fill = |body: &str| {
            let waiting = [message(1, body)];
            let room = Room::OF_TOOL_OUTPUT;
            Batch::fill(&reader(), Vec::new(), waiting.iter(), Via::ToolOutput, room).unwrap().via
        };
        assert_eq!(fill(&"x".repeat(3_000)), Via::ToolOutput);
        assert_eq!(fill(&"漢".repeat(3_000)), Via::Turn);
    }

    #[test]
    fn what_does_not_fit_waits_but_one_message_always_fits() {
        let long = "x".repeat(2_900);
        let waiting: Vec<_> = (1..=100).map(|id| message(id, &long)).collect();
        let batch = fill(&[], &waiting, Room::OF_TURN).unwrap();
        assert!(batch.text.len() <= Room::OF_TURN.bytes, "{}", batch.text.len());
        assert_eq!(batch.new, waiting[..batch.new.len()]);
        assert_eq!(batch.new.len(), 13);
        let narrow = Room { messages: 5, bytes: 10 };
        assert_eq!(fill(&[], &waiting, narrow).unwrap().new.len(), 1);
        let few = Room { messages: 5, ..Room::OF_TURN };
        assert_eq!(fill(&[], &waiting, few).unwrap().new.len(), 5);
    }
}
