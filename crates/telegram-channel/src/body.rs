//! How what people write looks to an agent: who says it, the words, and what came with them.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::update::Said;

/// Writes what somebody said as a message's text. `words` is what is left of the text when whom it
/// is for was taken off.
pub fn write(said: &Said, words: &str) -> String {
    let mut text = format!("{}:", said.name);
    if let Some(origin) = &said.origin {
        text = format!("{} (forwarded from {origin}):", said.name);
    }
    for line in said.quote.iter().flat_map(|quote| quote.lines()) {
        text.push_str("\n> ");
        text.push_str(line);
    }
    if !words.is_empty() {
        text.push(if said.quote.is_some() { '\n' } else { ' ' });
        text.push_str(words);
    }
    if !said.missing.is_empty() {
        text.push(if words.is_empty() { ' ' } else { '\n' });
        let _ = write!(text, "({}: not carried)", said.missing.join(", "));
    }
    text
}

/// The same for what was changed: an agent has read the first words already.
pub fn write_change(said: &Said, words: &str) -> String {
    format!("(changed) {}", write(said, words))
}

/// Facts for programs, and for finding the way back to the chat.
pub fn facts(said: &Said) -> Map<String, Value> {
    let facts = json!({
        "chat": said.chat, "message": said.number, "chatTitle": said.title,
        "sender": said.name, "senderId": said.person,
    });
    Map::from_iter([(KEY.to_owned(), facts)])
}

/// Under which key the facts stand in `meta`.
pub const KEY: &str = "telegram";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        Said {
            chat: 12,
            title: "Ada".into(),
            number: 7,
            name: "Ada".into(),
            person: Some(12),
            text: text.into(),
            origin: None,
            quote: None,
            missing: Vec::new(),
            answers: None,
        }
    }

    #[test]
    fn the_writer_stands_before_the_words_and_what_is_missing_after_them() {
        let check = |said: &Said, expected: &str| assert_eq!(write(said, &said.text), expected);
        check(&said("hello\nthere"), "Ada: hello\nthere");
        check(
            &Said { missing: vec!["a photo"], ..said("look") },
            "Ada: look\n(a photo: not carried)",
        );
        check(&Said { missing: vec!["a sticker"], ..said("") }, "Ada: (a sticker: not carried)");
        let forwarded = Said { origin: Some("Bob".into()), ..said("fyi") };
        check(&forwarded, "Ada (forwarded from Bob): fyi");
        check(&Said { quote: Some("a\nb".into()), ..said("why?") }, "Ada:\n> a\n> b\nwhy?");
        assert_eq!(write_change(&said("hi"), "hi"), "(changed) Ada: hi");
    }

    #[test]
    fn the_facts_lead_back_to_the_chat() {
        let facts = facts(&said("x"));
        assert_eq!((&facts[KEY]["chat"], &facts[KEY]["message"]), (&json!(12), &json!(7)));
    }
}
