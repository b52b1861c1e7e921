//! Query strings, parsed once into types: each parameter at most once, unknown ones refused.

use serde_json::{Value, json};

use crate::{
    agent::Status,
    error::{Code, Refused},
    id::{AgentId, CallbackId, MessageId, PairId, Seq, TaskId},
    pair,
    target::Target,
    task::{self, Source},
    text::{Label, Line, Slug, Word},
};

/// What the documents say of one parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub purpose: &'static str,
    /// True when it must be there.
    pub required: bool,
    /// Its JSON schema.
    pub schema: fn() -> Value,
}

/// A type that stands in a query string.
pub trait QueryValue: Sized {
    /// Reads the decoded text; the error follows the parameter's name.
    fn read(text: &str) -> Result<Self, String>;
    /// Writes the text that reads back.
    fn write(&self) -> String;
    /// Its JSON schema.
    fn schema() -> Value;
}

macro_rules! parsed {
    ($($type:ty),+) => {$(
        impl QueryValue for $type {
            fn read(text: &str) -> Result<Self, String> { text.parse().map_err(|e| format!("{e}")) }
            fn write(&self) -> String { self.to_string() }
            fn schema() -> Value { schemars::schema_for!($type).to_value() }
        }
    )+};
}

parsed!(AgentId, MessageId, TaskId, CallbackId, Seq, Target, Label, Line, Slug, Word);
parsed!(Status, pair::Status, PairId, Source);

impl QueryValue for bool {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("must be true or false".into()),
        }
    }
    fn write(&self) -> String {
        self.to_string()
    }
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl QueryValue for String {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("must not be empty".into()),
            text if text.contains('\0') => Err("holds the character U+0000".into()),
            text if text.len() > 1000 => Err("is longer than 1,000 bytes".into()),
            text => Ok(text.to_owned()),
        }
    }
    fn write(&self) -> String {
        self.clone()
    }
    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": 1000 })
    }
}

/// A number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within<const LOW: u32, const HIGH: u32>(pub u32);

impl<const LOW: u32, const HIGH: u32> QueryValue for Within<LOW, HIGH> {
    fn read(text: &str) -> Result<Self, String> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(number) if digits && (LOW..=HIGH).contains(&number) => Ok(Self(number)),
            _ => Err(format!("must be a whole number from {LOW} to {HIGH}")),
        }
    }
    fn write(&self) -> String {
        self.0.to_string()
    }
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": LOW, "maximum": HIGH })
    }
}

/// How many entries a page holds: 1 to 500, 100 by default.
pub type Limit = Within<1, 500>;
/// How long a poll waits, in seconds.
pub type Wait = Within<1, 60>;

/// The page size where none is asked for.
pub const DEFAULT_LIMIT: u32 = 100;

macro_rules! query {
    ($(#[$doc:meta])* $type:ident { $($(#[doc = $purpose:literal])+ $field:ident: $value:ty = $name:literal $($required:ident)?,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $type { $($(#[doc = $purpose])+ pub $field: Option<$value>,)* }

        impl $type {
            /// The table from which the documents are made.
            pub const PARAMETERS: &[Parameter] = &[$(Parameter {
                name: $name,
                purpose: concat!($($purpose),+),
                required: query!(@required $($required)?),
                schema: <$value as QueryValue>::schema,
            }),*];

            /// Reads decoded pairs.
            pub fn read(pairs: &[(String, String)]) -> Result<Self, Refused> {
                let mut query = Self::default();
                for (name, text) in pairs {
                    match name.as_str() {
                        $($name => {
                            if query.$field.is_some() {
                                return Err(Refused::field($name, "stands more than once"));
                            }
                            query.$field = Some(
                                <$value as QueryValue>::read(text).map_err(|why| Refused::field($name, why))?,
                            );
                        })*
                        _ => return Err(unknown(name, Self::PARAMETERS)),
                    }
                }
                Ok(query)
            }

            /// Writes the pairs that are set, not escaped yet.
            pub fn write(&self) -> Vec<(&'static str, String)> {
                let mut pairs = Vec::new();
                $(if let Some(value) = &self.$field { pairs.push(($name, value.write())); })*
                pairs
            }
        }
    };
    (@required) => { false };
    (@required required) => { true };
}

fn unknown(name: &str, known: &[Parameter]) -> Refused {
    let name: String = name.chars().take(64).collect();
    let refused = Refused::new(Code::UnknownField, format!("there is no parameter `{name}` here"))
        .with(json!({ "field": name }));
    match known.iter().map(|p| p.name).collect::<Vec<_>>().join(", ") {
        list if list.is_empty() => refused.hint("this route takes no parameters"),
        list => refused.hint(format!("this route takes {list}")),
    }
}

/// Refuses every parameter, on a route that takes none.
pub fn none(pairs: &[(String, String)]) -> Result<(), Refused> {
    pairs.first().map_or(Ok(()), |(name, _)| Err(unknown(name, &[])))
}

query! {
    /// Which agents to list.
    Agents {
        /// Only agents with this tag.
        tag: Word = "tag",
        /// Only agents on this machine.
        machine: Word = "machine",
        /// Only agents with this status.
        status: Status = "status",
        /// Only agents with this capability.
        capability: Word = "capability",
        /// Only agents with this label, compared without case.
        label: Label = "label",
        /// Only agents of this provider.
        provider: Slug = "provider",
        /// Only agents in this project.
        project: Line = "project",
        /// The most agents to list, 1 to 500 (100).
        limit: Limit = "limit",
        /// Only agents whose id comes after this one, for the next page.
        after: AgentId = "after",
    }
}

/// The parameters of [`Agents`] whose text may be one that no agent can have.
const FILTERS: &[&str] = &["tag", "machine", "capability", "label", "provider", "project"];

impl Agents {
    /// Reads decoded pairs; `None` where a filter asks for what no agent can have, such as a tag
    /// with a space in it: it fits nobody, and is no mistake in the request.
    pub fn read_filters(pairs: &[(String, String)]) -> Result<Option<Self>, Refused> {
        let refused = match Self::read(pairs) {
            Ok(query) => return Ok(Some(query)),
            Err(refused) => refused,
        };
        let field = refused.details.as_ref().and_then(|details| details["field"].as_str());
        let mut given = pairs.iter().filter(|(name, _)| Some(name.as_str()) == field);
        match (given.next(), given.next()) {
            (Some((name, text)), None) if !text.is_empty() && FILTERS.contains(&name.as_str()) => {
                Ok(None)
            }
            _ => Err(refused),
        }
    }
}

query! {
    /// Which capability to find.
    Find {
        /// The capability that the agents must have.
        capability: Word = "capability" required,
    }
}

query! {
    /// Which tasks to list.
    Tasks {
        /// Only tasks that are this far; `active` lists all that are not finished.
        status: TaskFilter = "status",
        /// Only tasks of this source.
        source: Source = "source",
        /// Only tasks for this target.
        target: Target = "target",
        /// Only tasks with a smaller id, for the page before.
        before: TaskId = "before",
        /// The most tasks to list, 1 to 500 (100).
        limit: Limit = "limit",
    }
}

/// Which tasks by how far they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFilter {
    /// All that are not finished.
    Active,
    /// Those of one status.
    Status(task::Status),
}

impl QueryValue for TaskFilter {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "active" => Ok(Self::Active),
            text => text.parse().map(Self::Status).map_err(|e| format!("{e}, or active")),
        }
    }
    fn write(&self) -> String {
        match self {
            Self::Active => "active".to_owned(),
            Self::Status(status) => status.to_string(),
        }
    }
    fn schema() -> Value {
        let words = task::Status::ALL.iter().map(|s| s.as_str()).chain(["active", "resolved"]);
        json!({ "type": "string", "enum": words.collect::<Vec<_>>() })
    }
}

query! {
    /// Which pairs to list.
    Pairs {
        /// Only pairs of this agent.
        agent: AgentId = "agent",
        /// Only pairs that are this far.
        status: pair::Status = "status",
        /// Only pairs that are older than this one, for the page before.
        before: PairId = "before",
        /// The most pairs to list, 1 to 500 (100).
        limit: Limit = "limit",
    }
}

query! {
    /// Which dead letters to list.
    DeadLetters {
        /// Only those of this integration.
        integration: AgentId = "integration",
        /// Only those with a larger id, for the next page.
        after: CallbackId = "after",
        /// The most to list, 1 to 500 (100).
        limit: Limit = "limit",
    }
}

query! {
    /// Which messages to list.
    Messages {
        /// The mail of this agent: what it may read as a recipient.
        reader: AgentId = "for",
        /// Only what `for` has not read, oldest first.
        unread: bool = "unread",
        /// Only messages after this id, oldest first.
        since: Seq = "since",
        /// Only messages before this id, the newest of them.
        before: Seq = "before",
        /// Only messages from this agent.
        from: AgentId = "from",
        /// Only messages to exactly this target.
        to: Target = "to",
        /// Only messages of this kind.
        kind: Slug = "kind",
        /// Only messages on this channel.
        channel: Word = "channel",
        /// Only messages of this thread.
        thread: MessageId = "thread",
        /// Only messages that were sent as claimable (true), or only others (false).
        claimable: bool = "claimable",
        /// Only messages in which all these words stand; the last may be a word's beginning.
        q: String = "q",
        /// The most messages to list, 1 to 500 (100).
        limit: Limit = "limit",
        /// Waits up to this many seconds, 1 to 60, for a first message.
        wait: Wait = "wait",
    }
}

query! {
    /// What to stream, and from where.
    Events {
        /// The mail, claims and status of this agent; without it, everything the caller may see.
        reader: AgentId = "for",
        /// The cursor to resume after; `Last-Event-ID` wins over it.
        since: String = "since",
    }
}

query! {
    /// Which minutes to count.
    Series {
        /// How many minutes back, 1 to 1440 (60).
        minutes: Within<1, 1440> = "minutes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn what_is_wrong_is_named() {
        let code = |list: &[(&str, &str)]| {
            let refused = Messages::read(&pairs(list)).unwrap_err();
            (refused.code, refused.details.unwrap()["field"].as_str().unwrap().to_owned())
        };
        let field = |name: &str| (Code::InvalidField, name.to_owned());
        assert_eq!(code(&[("unread", "banana")]), field("unread"));
        assert_eq!(code(&[("limit", "0")]), field("limit"));
        assert_eq!(code(&[("limit", "1e3")]), field("limit"));
        assert_eq!(code(&[("limit", "+5")]), field("limit"));
        assert_eq!(code(&[("for", "a"), ("for", "b")]), field("for"));
        assert_eq!(code(&[("callback", "x")]), (Code::UnknownField, "callback".to_owned()));
    }

    #[test]
    fn a_filter_for_the_impossible_fits_nobody() {
        let read = |list: &[(&str, &str)]| Agents::read_filters(&pairs(list)).map(|q| q.is_some());
        assert_eq!(read(&[("tag", "x")]), Ok(true));
        assert_eq!(read(&[("tag", "' OR 1=1--")]), Ok(false));
        assert_eq!(read(&[("provider", "Claude Code")]), Ok(false));
        for wrong in [
            &[("tag", "")][..],
            &[("tag", "a b"), ("tag", "c d")],
            &[("status", "banana")],
            &[("limit", "0")],
            &[("callback", "x")],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_query_reads_what_it_writes() {
        let list = pairs(&[
            ("for", "a"),
            ("unread", "true"),
            ("since", "9"),
            ("to", "tag:x"),
            ("wait", "60"),
        ]);
        let query = Messages::read(&list).unwrap();
        let written: Vec<_> = query.write().into_iter().map(|(a, b)| (a.to_owned(), b)).collect();
        assert_eq!(Messages::read(&written).unwrap(), query);
    }
}
