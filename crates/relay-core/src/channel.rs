//! Channels: named conversations that agents subscribe to, and the bridges that carry them to where
//! people already talk.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    agent::{Agent, Status},
    id::AgentId,
    target::Target,
    text::{Line, Slug, Word},
    time::Timestamp,
};

/// What an agent of the provider `channel` bridges to: where people already talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bridge {
    /// What it is: `telegram`, `slack`, `matrix`, `mail` or any slug.
    #[serde(rename = "type")]
    pub kind: Slug,
    /// What people call it there: the bot's name, the workspace.
    pub name: Line,
    /// Which conversation there belongs to whom here; 64 at most.
    #[serde(default, deserialize_with = "bindings")]
    #[schemars(length(max = 64))]
    pub bindings: Vec<Binding>,
}

/// One conversation there, and whom it is with here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The conversation, as the other side names it.
    pub chat: Line,
    /// Whom what is written there is for.
    pub target: Target,
}

/// Reads what a newer server may say more of.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Bridge>, D::Error> {
    #[derive(Deserialize)]
    struct Lenient {
        #[serde(rename = "type")]
        kind: Slug,
        name: Line,
        #[serde(default)]
        bindings: Vec<LenientBinding>,
    }
    #[derive(Deserialize)]
    struct LenientBinding {
        chat: Line,
        target: Target,
    }
    let Some(Lenient { kind, name, bindings }) = Option::deserialize(d)? else { return Ok(None) };
    let strict = |b: LenientBinding| Binding { chat: b.chat, target: b.target };
    Ok(Some(Bridge { kind, name, bindings: bindings.into_iter().map(strict).collect() }))
}

fn bindings<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Binding>, D::Error> {
    let list = Vec::<Binding>::deserialize(d)?;
    if list.len() > 64 { Err(de::Error::custom("has more than 64 entries")) } else { Ok(list) }
}

/// A channel as the API lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// The agent that it registered as; mail to it goes out.
    pub id: AgentId,
    /// What it bridges to.
    #[serde(flatten)]
    pub bridge: Bridge,
    /// How it is doing.
    pub status: Status,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
}

impl Channel {
    /// The channel that an agent is, if it is one.
    pub fn of(agent: &Agent) -> Option<Self> {
        Some(Self {
            id: agent.id.clone(),
            bridge: agent.channel.clone()?,
            status: agent.status,
            last_seen_at: agent.last_seen_at,
        })
    }
}

/// The channels an agent listens on. Mail without a channel always arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subscription {
    /// Every channel.
    #[default]
    All,
    /// These only.
    Only(Vec<Word>),
}

impl Subscription {
    /// True when mail on the channel (or on none) arrives.
    pub fn hears(&self, channel: Option<&Word>) -> bool {
        match (self, channel) {
            (_, None) | (Self::All, _) => true,
            (Self::Only(channels), Some(channel)) => channels.contains(channel),
        }
    }

    /// Reads `all` or a comma-separated list, as it stands in the environment.
    pub fn from_list(text: &str) -> Result<Self, crate::text::TextError> {
        match text.trim() {
            "all" => Ok(Self::All),
            list => Ok(Self::Only(
                list.split(',')
                    .map(str::trim)
                    .filter(|w| !w.is_empty())
                    .map(str::parse)
                    .collect::<Result<_, _>>()?,
            )),
        }
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Only(channels) => {
                f.write_str(&channels.iter().map(Word::as_str).collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl Serialize for Subscription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Only(channels) => channels.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Subscription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Word(String),
            List(Vec<Word>),
        }
        match Form::deserialize(deserializer) {
            Ok(Form::Word(word)) if word == "all" => Ok(Self::All),
            Ok(Form::List(list)) if list.len() <= 32 => Ok(Self::Only(list)),
            Ok(Form::List(_)) => Err(de::Error::custom("has more than 32 entries")),
            _ => Err(de::Error::custom(
                "must be \"all\" or a list of words without white space, `:` and `,`",
            )),
        }
    }
}

impl JsonSchema for Subscription {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Subscription".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<Word>();
        json_schema!({
            "description": "The channels an agent listens on: \"all\" or a list.",
            "oneOf": [{ "const": "all" }, { "type": "array", "items": word, "maxItems": 32 }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_without_a_channel_always_arrives() {
        let ops: Word = "ops".parse().unwrap();
        let none = Subscription::Only(vec![]);
        assert!(none.hears(None));
        assert!(!none.hears(Some(&ops)));
        assert!(Subscription::All.hears(Some(&ops)));
        assert!(Subscription::from_list("ops, dev").unwrap().hears(Some(&ops)));
    }

    #[test]
    fn it_reads_what_it_writes() {
        for json in [r#""all""#, r#"["a","b"]"#, "[]"] {
            let subscription: Subscription = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&subscription).unwrap(), json);
        }
        for json in [r#""some""#, "3", r#"[["a"]]"#, r#"["a b"]"#] {
            assert!(serde_json::from_str::<Subscription>(json).is_err(), "{json}");
        }
    }
}
