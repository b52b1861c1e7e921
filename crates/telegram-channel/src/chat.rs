//! Which chats are allowed, and whom what is written there is for.

use std::str::FromStr;

use relay_core::{agent::Agent, channel::Binding, env, target::Target};

/// A chat's number as Telegram gives it: a person's is positive, a group's negative.
pub type ChatId = i64;

/// A message's number within its chat.
pub type Number = i32;

/// As many as the relay lists for one channel.
const MOST: usize = 64;

/// A chat that is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Chat {
    /// Its number.
    pub id: ChatId,
    /// Whom it is bound to; without one, everything written there must be addressed.
    pub target: Option<Target>,
}

/// The chats that are allowed, in the order in which they were given. Every other is ignored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chats(Vec<Chat>);

impl Chats {
    /// The chat with that number, if it is allowed.
    pub fn get(&self, id: ChatId) -> Option<&Chat> {
        self.0.iter().find(|chat| chat.id == id)
    }

    /// True when no chat is allowed, so that nothing can be carried.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where mail of that sender goes when it answers nothing: to the chats that are bound to it,
    /// else to the first of all. Nothing is known of a sender that was removed.
    pub fn of_sender(&self, sender: Option<&Agent>) -> Vec<ChatId> {
        let bound = |chat: &&Chat| match (&chat.target, sender) {
            (Some(target), Some(sender)) => target.matches(sender),
            _ => false,
        };
        let fitting: Vec<ChatId> = self.0.iter().filter(bound).map(|chat| chat.id).collect();
        if fitting.is_empty() {
            self.0.iter().take(1).map(|chat| chat.id).collect()
        } else {
            fitting
        }
    }

    /// The bindings as the relay shows them.
    pub fn bindings(&self) -> Vec<Binding> {
        let bound = |chat: &Chat| {
            let name = chat.id.to_string().parse().expect("a number is a line");
            Some(Binding { chat: name, target: chat.target.clone()? })
        };
        self.0.iter().filter_map(bound).collect()
    }
}

impl FromStr for Chats {
    type Err = String;

    /// Reads `CHAT=TARGET` and `CHAT`, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut chats = Self::default();
        for entry in env::list(text) {
            let chat = entry.parse::<Chat>()?;
            if chats.get(chat.id).is_some() {
                return Err(format!("names chat {} twice", chat.id));
            }
            chats.0.push(chat);
        }
        if chats.0.len() > MOST {
            return Err(format!("has more than {MOST} chats"));
        }
        Ok(chats)
    }
}

impl FromStr for Chat {
    type Err = String;

    fn from_str(entry: &str) -> Result<Self, String> {
        let (number, target) = match entry.split_once('=') {
            Some((number, target)) => (number, Some(target.trim())),
            None => (entry, None),
        };
        let id = number.trim().parse::<ChatId>().ok().filter(|id| *id != 0).ok_or_else(|| {
            format!("`{number}` is no chat's number; it must be as in 123456=tag:backend")
        })?;
        let target =
            target.map(|text| text.parse::<Target>().map_err(|e| format!("`{text}`: {e}")));
        Ok(Self { id, target: target.transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use relay_core::{api::request::RegisterAgent, time::Timestamp};

    use super::*;

    fn agent(id: &str, label: Option<&str>) -> Agent {
        let mut register = RegisterAgent::new(id.parse().unwrap());
        register.label = label.map(|label| label.parse().unwrap());
        Agent::register(register, Timestamp(0))
    }

    #[test]
    fn chats_are_numbers_with_or_without_a_target() {
        let chats: Chats = " 12=backend, -1001=label:Night Shift ,7".parse().unwrap();
        assert_eq!(chats.get(12).unwrap().target, Some("backend".parse().unwrap()));
        assert_eq!(chats.get(-1001).unwrap().target, Some("label:Night Shift".parse().unwrap()));
        assert_eq!(chats.get(7).unwrap().target, None);
        assert_eq!(chats.get(8), None);
        assert_eq!(chats.bindings().len(), 2);
        assert!("".parse::<Chats>().unwrap().is_empty());
    }

    #[test]
    fn what_is_no_chat_says_why() {
        let why = |text: &str| text.parse::<Chats>().unwrap_err();
        for (text, expected) in [
            ("@ops=backend", "`@ops` is no chat's number"),
            ("0=backend", "`0` is no chat's number"),
            ("1=group:x", "`group:x`: `group:` is no kind of target"),
            ("1=", "``: must be 1 to 128"),
            ("1=a,1=b", "names chat 1 twice"),
        ] {
            assert!(why(text).contains(expected), "{text}: {}", why(text));
        }
    }

    #[test]
    fn a_senders_mail_goes_to_the_chats_bound_to_it_else_to_the_first() {
        let chats: Chats = "1=web,2=label:backend,3=api".parse().unwrap();
        for (sender, expected) in [
            (Some(agent("web", None)), vec![1]),
            (Some(agent("api", Some("Backend"))), vec![2, 3]),
            (Some(agent("other", None)), vec![1]),
            (None, vec![1]),
        ] {
            assert_eq!(chats.of_sender(sender.as_ref()), expected, "{sender:?}");
        }
        assert!(Chats::default().of_sender(None).is_empty());
    }
}
