//! Events: one row per change, in the order in which everybody sees them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    agent::Agent,
    id::{AgentId, MessageId, Seq},
    message::Message,
    pair::Pair,
    target::Address,
    task::{Source, Task, TaskEvent},
    text::Slug,
    time::Timestamp,
};

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal),+ $(,)?) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Name {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
            /// An event of a newer server.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl Name {
            /// Every event with its meaning.
            pub const ALL: &[(Name, &str)] = &[$((Name::$name, concat!($($doc),+))),+];

            /// The word as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Name::$name => $word,)+ Name::Unknown => "unknown" }
            }

            /// Reads a word; an unknown one is an event of a newer server.
            pub fn from_word(word: &str) -> Self {
                match word { $($word => Name::$name,)+ _ => Name::Unknown }
            }
        }
    };
}

names! {
    /// A message was sent, or came to match a new reader (then `addressedTo` names it).
    MessageNew = "message.new",
    /// A message stands in a session's context.
    MessageRead = "message.read",
    /// The turn that had the message has ended.
    MessageHandled = "message.handled",
    /// Somebody claimed it.
    MessageClaimed = "message.claimed",
    /// The claim ended without a result; it is open again.
    MessageClaimReleased = "message.claim_released",
    /// The claimed work is finished.
    MessageDone = "message.done",
    /// The text is gone.
    MessageDeleted = "message.deleted",
    /// An agent registered, or registered again.
    AgentRegistered = "agent.registered",
    /// An agent's status or description changed.
    AgentStatus = "agent.status",
    /// An agent was removed.
    AgentRemoved = "agent.removed",
    /// A task was created.
    TaskCreated = "task.created",
    /// A task was reported again, has progressed, or is finished; `taskEvent` tells which.
    TaskUpdated = "task.updated",
    /// Somebody claimed a task.
    TaskClaimed = "task.claimed",
    /// The claim of a task ended without a result; it is open again.
    TaskReleased = "task.released",
    /// An agent was invited to a pair.
    PairInvited = "pair.invited",
    /// The invitation was accepted.
    PairAccepted = "pair.accepted",
    /// The invitation was declined.
    PairRejected = "pair.rejected",
    /// The pair is over, or the invitation expired.
    PairEnded = "pair.ended",
    /// The first frame of a stream: where it resumes, and the server's version. Not stored.
    Hello = "hello",
    /// Events between two cursors were pruned before they could be sent. Not stored.
    Gap = "gap",
    /// The server is stopping; come back with the cursor. Not stored.
    ServerShutdown = "server.shutdown",
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a claim was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseReason {
    /// Its holder gave it back.
    Released,
    /// Its lease ran out.
    Lapsed,
    /// Its holder went offline or was removed.
    Offline,
    /// A reason of a newer server.
    #[serde(other)]
    Unknown,
}

/// One change, with the whole object as it is after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the order of everything; a stream's cursor.
    pub seq: Seq,
    /// What happened.
    pub name: Name,
    /// When.
    pub at: Timestamp,
    /// The message, for `message.new`, `.claimed`, `.claim_released`, `.done` and `.deleted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// The agent, for `agent.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The task, for `task.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// What happened to the task, as its history has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_event: Option<TaskEvent>,
    /// The pair, for `pair.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<Pair>,
    /// The message's id, for `message.read` and `.handled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Who did it: read, handled, claimed, released, finished or deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AgentId>,
    /// The path by which it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Slug>,
    /// Why a claim was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReleaseReason>,
    /// The one agent that a waiting message is now offered to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addressed_to: Option<AgentId>,
    /// True when somebody took an offline agent's id without its token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
    /// Whose message it was, for readers of `message.read` and `.handled`. Not on the wire.
    #[serde(skip)]
    pub sender: Option<AgentId>,
}

impl Event {
    /// An event with nothing but its name; the rest is filled in by who makes it.
    pub fn new(seq: Seq, name: Name, at: Timestamp) -> Self {
        Self {
            seq,
            name,
            at,
            message: None,
            agent: None,
            task: None,
            task_event: None,
            pair: None,
            message_id: None,
            by: None,
            via: None,
            reason: None,
            addressed_to: None,
            taken_over: false,
            sender: None,
        }
    }

    /// A message's own event: it carries the message's id as its number.
    pub fn of_message(message: Message) -> Self {
        let (seq, at) = (Seq(message.id.0), message.created_at);
        Self { message: Some(message), ..Self::new(seq, Name::MessageNew, at) }
    }

    /// The addresses whose listeners it concerns, whether they hear the message's channel and are
    /// not its sender apart ([`Event::concerns`]).
    pub fn addresses(&self) -> Vec<Address> {
        let mut all: Vec<Address> = self.by.iter().map(Address::of_agent).collect();
        if let Some(to) = &self.addressed_to {
            all = vec![Address::of_agent(to)];
        } else if let Some(message) = &self.message {
            if self.name == Name::MessageNew {
                all.clear();
            } else {
                all.push(Address::of_agent(&message.from));
            }
            all.push(message.to.address());
        } else if let Some(task) = &self.task {
            all.push(task.target.address());
            all.extend(task.parties().map(Address::of_agent));
        } else if let Some(pair) = &self.pair {
            all.extend([&pair.initiator, &pair.partner].map(Address::of_agent));
        } else if let Some(agent) = &self.agent {
            all = vec![Address::of_agent(&agent.id)];
        } else {
            all.extend(self.sender.as_ref().map(Address::of_agent));
        }
        all.sort();
        all.dedup();
        all
    }

    /// True when it concerns an agent that listens on one of its [addresses](Event::addresses):
    /// the sender does not get its own mail, and a channel's mail goes to subscribers.
    pub fn concerns(&self, agent: &Agent) -> bool {
        if self.addressed_to.is_some() {
            return true;
        }
        if let Some(message) = &self.message {
            let hears = agent.channels.hears(message.channel.as_ref());
            if self.name == Name::MessageNew {
                return message.from != agent.id && hears;
            }
            return hears || message.from == agent.id || self.by.as_ref() == Some(&agent.id);
        }
        let Some(task) = &self.task else { return true };
        let party = task.parties().any(|id| *id == agent.id) || self.by.as_ref() == Some(&agent.id);
        party || agent.channels.hears(task.channel.as_ref())
    }

    /// True when it tells of a task that this integration created.
    pub fn is_of(&self, integration: &AgentId) -> bool {
        let source = self.task.as_ref().map(|task| &task.source);
        matches!(source, Some(Source::Integration(name)) if name == integration)
    }

    /// True for what every listener of agents wants to know.
    pub fn is_about_an_agent(&self) -> bool {
        matches!(self.name, Name::AgentRegistered | Name::AgentStatus | Name::AgentRemoved)
    }
}

/// The data of the `hello` frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// The resume cursor: never ahead of what was sent.
    pub cursor: Seq,
    /// The server's version.
    pub version: String,
}

/// The data of the `gap` frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The first number that may be missing.
    pub from: Seq,
    /// The last number that may be missing.
    pub to: Seq,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::tests::agent;

    fn message(to: &str) -> Message {
        serde_json::from_value(json!({
            "id": 7, "from": "a", "to": to, "body": "hi", "kind": "chat", "urgency": "normal",
            "threadId": 7, "claimable": true, "verified": true, "createdAt": 5,
        }))
        .unwrap()
    }

    fn texts(event: &Event) -> Vec<String> {
        event.addresses().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_event_goes_to_those_it_concerns() {
        let new = Event::of_message(message("tag:x"));
        assert_eq!((new.seq, new.at), (Seq(7), Timestamp(5)));
        assert_eq!(texts(&new), ["tag:x"]);
        let claimed = Event {
            name: Name::MessageClaimed,
            by: Some("b".parse().unwrap()),
            ..Event::of_message(message("tag:x"))
        };
        assert_eq!(texts(&claimed), ["id:a", "id:b", "tag:x"]);
        let offered = Event {
            addressed_to: Some("C".parse().unwrap()),
            ..Event::of_message(message("tag:x"))
        };
        assert_eq!(texts(&offered), ["id:c"]);
        let mut read = Event::new(Seq(8), Name::MessageRead, Timestamp(6));
        read.by = Some("b".parse().unwrap());
        read.sender = Some("a".parse().unwrap());
        assert_eq!(texts(&read), ["id:a", "id:b"]);
    }

    #[test]
    fn the_sender_never_receives_its_own_but_sees_its_claim() {
        let new = Event::of_message(message("broadcast"));
        assert!(!new.concerns(&agent("a")));
        assert!(new.concerns(&agent("b")));
        let done = Event { name: Name::MessageDone, ..new };
        assert!(done.concerns(&agent("a")));
    }

    #[test]
    fn the_wire_form_leaves_out_what_is_not_there() {
        let event = Event::new(Seq(3), Name::AgentRemoved, Timestamp(9));
        assert_eq!(
            serde_json::to_value(&event).unwrap(),
            json!({"seq": 3, "name": "agent.removed", "at": 9})
        );
        let newer: Event =
            serde_json::from_value(json!({"seq": 4, "name": "moon.phase", "at": 9})).unwrap();
        assert_eq!(newer.name, Name::Unknown);
        for (name, _) in Name::ALL {
            assert_eq!(Name::from_word(name.as_str()), *name);
        }
    }
}
