//! Profiles: what an agent says of itself by default, by name, from one file.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    agent::Approval,
    api::{facts, request::MOST_WORDS},
    channel::Subscription,
    text::{Label, Word},
};

/// The fields of a profile, in the order of the documentation.
pub const FIELDS: [&str; 7] =
    ["label", "tags", "capabilities", "channels", "approval", "interrupt", "meta"];
/// How much of a bad value is shown.
const MOST_SHOWN: usize = 60;

/// Defaults for an agent; explicit variables win over them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// What people call it.
    pub label: Option<Label>,
    /// Groups it belongs to.
    pub tags: Option<Vec<Word>>,
    /// What it can do.
    pub capabilities: Option<Vec<Word>>,
    /// The channels it subscribes to.
    pub channels: Option<Subscription>,
    /// What it may do without asking a person.
    pub approval: Option<Approval>,
    /// Whether a message of urgency `interrupt` may stop its turn.
    pub interrupt: Option<bool>,
    /// Free facts.
    pub meta: Option<Map<String, Value>>,
}

/// The profiles file: an object of profiles by name. Each is read when it is asked for, so that a
/// bad one is in nobody's way but its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles(BTreeMap<String, Value>);

/// Why a profile cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file is not what it should be.
    #[error("not a profiles file: {0}")]
    Invalid(#[from] serde_json::Error),
    /// The name is not in the file.
    #[error("there is no profile `{name}`; the file has {}", list(known))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that are there.
        known: Vec<String>,
    },
    /// What stands under the name is no profile.
    #[error("profile `{name}` must be an object with any of {}", FIELDS.join(", "))]
    Shape {
        /// The profile.
        name: String,
    },
    /// A profile has a field that none has.
    #[error("profile `{name}` has the field `{field}`, which no profile has; there are {}", FIELDS.join(", "))]
    UnknownField {
        /// The profile.
        name: String,
        /// The field.
        field: String,
    },
    /// A field has a value that is not allowed.
    #[error("profile `{name}`, field `{field}` is {value}: {why}")]
    Field {
        /// The profile.
        name: String,
        /// The field.
        field: &'static str,
        /// What stands there, the beginning of it.
        value: String,
        /// What is allowed.
        why: String,
    },
}

fn list(known: &[String]) -> String {
    if known.is_empty() { "none".into() } else { known.join(", ") }
}

impl Profiles {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        Ok(Self(serde_json::from_str(text)?))
    }

    /// The names that are there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The profile of that name.
    pub fn get(&self, name: &str) -> Result<Profile, ProfileError> {
        match self.0.get(name) {
            Some(Value::Object(fields)) => Profile::read(name, fields),
            Some(_) => Err(ProfileError::Shape { name: name.to_owned() }),
            None => Err(ProfileError::Unknown {
                name: name.to_owned(),
                known: self.0.keys().cloned().collect(),
            }),
        }
    }
}

impl Profile {
    fn read(name: &str, fields: &Map<String, Value>) -> Result<Self, ProfileError> {
        if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            let (name, field) = (name.to_owned(), field.clone());
            return Err(ProfileError::UnknownField { name, field });
        }
        let fields = Fields { name, fields };
        let words = "must be a list of at most 32 words without white space, `:` and `,`";
        Ok(Self {
            label: fields.read("label", "must be a text of 1 to 128 visible characters")?,
            tags: fields.checked("tags", words, |words: &Vec<Word>| few(words))?,
            capabilities: fields.checked("capabilities", words, |words: &Vec<Word>| few(words))?,
            channels: fields.read("channels", "must be \"all\" or a list of channels")?,
            approval: fields.read("approval", "must be one of open, guarded, read-only")?,
            interrupt: fields.read("interrupt", "must be true or false")?,
            meta: fields.checked("meta", "must be an object", facts::check)?,
        })
    }
}

fn few(words: &[Word]) -> Result<(), String> {
    if words.len() > MOST_WORDS { Err("has more than 32 entries".to_owned()) } else { Ok(()) }
}

/// The fields of one profile.
struct Fields<'a> {
    name: &'a str,
    fields: &'a Map<String, Value>,
}

impl Fields<'_> {
    /// What is absent or null says nothing.
    fn read<T: DeserializeOwned>(
        &self,
        field: &'static str,
        allowed: &str,
    ) -> Result<Option<T>, ProfileError> {
        self.checked(field, allowed, |_| Ok(()))
    }

    fn checked<T: DeserializeOwned>(
        &self,
        field: &'static str,
        allowed: &str,
        check: impl Fn(&T) -> Result<(), String>,
    ) -> Result<Option<T>, ProfileError> {
        let Some(value) = self.fields.get(field).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let bad = |why: String| ProfileError::Field {
            name: self.name.to_owned(),
            field,
            value: shown(value),
            why,
        };
        let read = serde_json::from_value::<T>(value.clone()).map_err(|error| {
            // What a type of ours says of itself is more exact; what the library says of JSON is not.
            let said = error.to_string();
            let own =
                said.starts_with("must ") || said.starts_with("is ") || said.starts_with("has ");
            bad(if own && said != allowed {
                format!("{said} ({allowed})")
            } else {
                allowed.to_owned()
            })
        })?;
        check(&read).map_err(bad)?;
        Ok(Some(read))
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        Profiles::parse(text).and_then(|p| p.get("review").map(drop)).unwrap_err().to_string()
    }

    #[test]
    fn a_profile_says_what_it_says_and_nothing_else() {
        let text = r#"{"review": {"label": "Reviewer", "tags": ["ci"], "capabilities": ["review"],
            "channels": ["ops"], "approval": "read-only", "interrupt": true, "meta": {"a": {"b": 1}}},
            "empty": {"label": null}, "bad": 5}"#;
        let profiles = Profiles::parse(text).unwrap();
        let profile = profiles.get("review").unwrap();
        assert_eq!(profile.label.as_deref(), Some("Reviewer"));
        assert_eq!((profile.approval, profile.interrupt), (Some(Approval::ReadOnly), Some(true)));
        assert_eq!(profile.meta.unwrap()["a"]["b"], 1);
        assert_eq!(profiles.get("empty").unwrap(), Profile::default());
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["bad", "empty", "review"]);
    }

    #[test]
    fn a_bad_profile_is_named_with_field_value_and_what_is_allowed() {
        let many = format!(r#"{{"review": {{"tags": [{}]}}}}"#, vec!["\"x\""; 33].join(","));
        let large = format!(r#"{{"review": {{"meta": {{"a": "{}"}}}}}}"#, "x".repeat(9000));
        for (text, parts) in [
            (r#"{"review": {"tag": ["ci"]}}"#, &["profile `review`", "`tag`", "tags"][..]),
            (r#"{"review": []}"#, &["profile `review` must be an object", "label"]),
            (
                r#"{"review": {"approval": "no"}}"#,
                &["profile `review`, field `approval` is \"no\": must be one of open, guarded"],
            ),
            (r#"{"review": {"label": 5}}"#, &["field `label` is 5: must be a text"]),
            (r#"{"review": {"label": ""}}"#, &["field `label` is \"\": must not be empty"]),
            (r#"{"review": {"tags": "ci"}}"#, &["field `tags` is \"ci\": must be a list"]),
            (
                r#"{"review": {"tags": ["a b"]}}"#,
                &["field `tags` is [\"a b\"]: must not contain ' '", "must be a list"],
            ),
            (&many, &["field `tags` is [\"x\"", "…: has more than 32 entries"]),
            (r#"{"review": {"channels": "some"}}"#, &["field `channels` is \"some\": must be"]),
            (r#"{"review": {"interrupt": "yes"}}"#, &["`interrupt` is \"yes\": must be true or"]),
            (r#"{"review": {"meta": []}}"#, &["field `meta` is []: must be an object"]),
            (&large, &["field `meta`", "…: is larger than 8 KiB"]),
            ("{", &["not a profiles file: EOF"]),
            ("[]", &["not a profiles file"]),
            (r#"{"a": {}, "b": {}}"#, &["there is no profile `review`; the file has a, b"]),
            ("{}", &["the file has none"]),
        ] {
            let said = why(text);
            assert!(
                parts.iter().all(|part| said.contains(part)),
                "{said}\nhas not all of {parts:?}"
            );
            assert!(said.chars().count() < 400, "{said}");
        }
    }
}
