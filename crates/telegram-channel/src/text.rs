//! How mail of the relay looks in a chat: a line that says who speaks, then the text, in parts
//! where it is long.
//!
//! The line is `backend-agent #42`, with what a reader must know in brackets. It stands above every
//! part, so that an answer to any of them finds its message even where our own records are lost.

use relay_core::{
    id::{AgentId, MessageId},
    message::{Message, Urgency},
    target::Target,
};

use crate::split::{MOST_UNITS, split, units};

/// What marks a part that may have arrived before.
const AGAIN: &str = "perhaps sent before";
/// Room for `(99/99, perhaps sent before)`, brackets and commas.
const MARK: usize = AGAIN.len() + 12;

/// A message as it is sent to a chat.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    from: String,
    notes: Vec<String>,
    subject: Option<String>,
    parts: Vec<String>,
}

impl Letter {
    /// Writes a message to `me`, the channel's own agent.
    pub fn new(message: &Message, me: &AgentId) -> Self {
        let mut letter = Self {
            from: format!("{} #{}", message.from, message.id),
            notes: notes(message, me),
            subject: message.subject.as_ref().map(ToString::to_string),
            parts: Vec::new(),
        };
        let room = MOST_UNITS - units(&letter.head(&[])) - MARK;
        letter.parts = split(&message.body, room).into_iter().map(str::to_owned).collect();
        letter
    }

    /// How many parts there are; one at least.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// One part, counted from 0, under its line; with a mark when it may have arrived before.
    pub fn part(&self, index: usize, again: bool) -> String {
        let mut marks = Vec::new();
        if self.parts.len() > 1 {
            marks.push(format!("{}/{}", index + 1, self.parts.len()));
        }
        if again {
            marks.push(AGAIN.to_owned());
        }
        format!("{}{}", self.head(&marks), self.parts[index])
    }

    fn head(&self, marks: &[String]) -> String {
        let notes: Vec<&str> = self.notes.iter().chain(marks).map(String::as_str).collect();
        let notes =
            if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        let subject = self.subject.as_ref().map(|line| format!("{line}\n")).unwrap_or_default();
        format!("{}{notes}\n{subject}", self.from)
    }
}

fn notes(message: &Message, me: &AgentId) -> Vec<String> {
    let mut notes = Vec::new();
    if !message.verified {
        notes.push("unverified".to_owned());
    }
    if message.to != Target::Agent(me.clone()) {
        notes.push(format!("to {}", message.to));
    }
    if message.kind.as_str() != "chat" {
        notes.push(message.kind.to_string());
    }
    if message.claimable {
        notes.push("claimable".to_owned());
    }
    if message.urgency == Urgency::Interrupt {
        notes.push("urgent".to_owned());
    }
    notes
}

/// The message that a text in a chat is, by the line above it.
pub fn message_of(text: &str) -> Option<MessageId> {
    let (from, rest) = text.lines().next()?.split_once(" #")?;
    from.parse::<AgentId>().ok()?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn message(extra: &Value) -> Message {
        let mut message = json!({
            "id": 42, "from": "backend", "to": "telegram", "body": "Tests pass.", "kind": "chat",
            "urgency": "normal", "threadId": 42, "claimable": false, "verified": true, "createdAt": 0,
        });
        message.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value(message).unwrap()
    }

    fn letter(extra: &Value) -> Letter {
        Letter::new(&message(extra), &"telegram".parse().unwrap())
    }

    #[test]
    fn the_line_above_says_what_a_reader_must_know() {
        for (extra, expected) in [
            (json!({}), "backend #42\nTests pass."),
            (json!({"verified": false}), "backend #42 (unverified)\nTests pass."),
            (json!({"to": "broadcast"}), "backend #42 (to broadcast)\nTests pass."),
            (json!({"to": "Telegram"}), "backend #42\nTests pass."),
            (json!({"subject": "Build 7"}), "backend #42\nBuild 7\nTests pass."),
            (
                json!({"kind": "task", "claimable": true, "urgency": "interrupt"}),
                "backend #42 (task, claimable, urgent)\nTests pass.",
            ),
        ] {
            assert_eq!(letter(&extra).part(0, false), expected);
        }
        assert_eq!(
            letter(&json!({"verified": false})).part(0, true),
            "backend #42 (unverified, perhaps sent before)\nTests pass."
        );
    }

    #[test]
    fn long_mail_is_counted() {
        let letter = letter(&json!({"body": "word ".repeat(2000)}));
        assert_eq!(letter.parts(), 3);
        assert!(letter.part(1, false).starts_with("backend #42 (2/3)\nword "));
        assert!(letter.part(1, true).starts_with("backend #42 (2/3, perhaps sent before)\n"));
    }

    #[test]
    fn a_chats_text_names_its_message() {
        for (text, expected) in [
            ("backend #42\nTests pass.", Some(MessageId(42))),
            ("backend #42 (2/3, unverified)\nx", Some(MessageId(42))),
            ("backend #0\nx", None),
            ("see issue #42", None),
            ("", None),
        ] {
            assert_eq!(message_of(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_part_fits_and_names_its_message(
            body in "(?s)[a-z😀\n é]{1,9000}", subject in "[a-zß]{1,200}", id in "[a-z]{1,128}",
        ) {
            let extra = json!({"body": body, "subject": subject, "from": id, "verified": false});
            let letter = letter(&extra);
            for index in 0..letter.parts() {
                let part = letter.part(index, true);
                prop_assert!(units(&part) <= MOST_UNITS);
                prop_assert_eq!(message_of(&part), Some(MessageId(42)));
            }
            prop_assert_eq!(letter.parts.concat(), body);
        }
    }
}
