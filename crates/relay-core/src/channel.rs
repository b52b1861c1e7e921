//! Channels: named conversations that agents subscribe to.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::Word;

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
