//! What a person means by what they write: an order to the channel, or something to carry.

/// A text, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// How do I use this?
    Help,
    /// Who is there?
    Agents,
    /// To somebody by name: `/to backend …` or `@backend …`.
    To {
        /// The name: a target, or what an agent is called.
        name: String,
        /// The rest.
        text: String,
    },
    /// To whom the chat is bound, or whom it answers.
    Say(String),
    /// For another bot in the same group.
    NotOurs,
}

impl Command {
    /// Reads a text; `bot` is the bot's own name, without the `@`. An order that is not ours is a
    /// text like any other.
    pub fn read(text: &str, bot: &str) -> Self {
        let text = text.trim();
        if let Some(order) = text.strip_prefix('/') {
            return Self::order(order, text, bot);
        }
        match text.strip_prefix('@').map(first_word) {
            Some((name, rest)) if name.eq_ignore_ascii_case(bot) => Self::Say(rest.to_owned()),
            Some((name, rest)) if !name.is_empty() => Self::to(name, rest),
            _ => Self::Say(text.to_owned()),
        }
    }

    fn order(order: &str, whole: &str, bot: &str) -> Self {
        let (word, rest) = first_word(order);
        let (word, whom) = word.split_once('@').unwrap_or((word, bot));
        if !whom.eq_ignore_ascii_case(bot) {
            return Self::NotOurs;
        }
        match word {
            "start" | "help" => Self::Help,
            "agents" => Self::Agents,
            "to" => {
                let (name, text) = first_word(rest);
                Self::to(name, text)
            }
            _ => Self::Say(whole.to_owned()),
        }
    }

    fn to(name: &str, text: &str) -> Self {
        Self::To { name: name.trim_end_matches([':', ',']).to_owned(), text: text.to_owned() }
    }
}

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(name: &str, text: &str) -> Command {
        Command::To { name: name.into(), text: text.into() }
    }

    fn say(text: &str) -> Command {
        Command::Say(text.into())
    }

    #[test]
    fn orders_names_and_texts_are_told_apart() {
        for (text, expected) in [
            ("/start", Command::Help),
            ("/start now", Command::Help),
            ("/help@relay_bot", Command::Help),
            ("/help@Relay_Bot", Command::Help),
            ("/help@other_bot", Command::NotOurs),
            (" /agents ", Command::Agents),
            ("/to backend fix it\nplease", to("backend", "fix it\nplease")),
            ("/to@relay_bot tag:backend fix it", to("tag:backend", "fix it")),
            ("/to backend", to("backend", "")),
            ("/to", to("", "")),
            ("@backend fix it", to("backend", "fix it")),
            ("@backend, fix it", to("backend", "fix it")),
            ("@label:night fix it", to("label:night", "fix it")),
            ("@relay_bot fix it", say("fix it")),
            ("@ home", say("@ home")),
            ("fix it @backend", say("fix it @backend")),
            ("/etc/hosts is wrong", say("/etc/hosts is wrong")),
            ("/pair codex", say("/pair codex")),
            ("", say("")),
        ] {
            assert_eq!(Command::read(text, "relay_bot"), expected, "{text}");
        }
    }
}
