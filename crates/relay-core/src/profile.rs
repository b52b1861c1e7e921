//! Profiles: what an agent says of itself by default, by name, from one file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::Approval,
    channel::Subscription,
    text::{Label, Word},
};

/// Defaults for an agent; explicit variables win over them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
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

/// The profiles file: an object of profiles by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Profiles(pub BTreeMap<String, Profile>);

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
}

fn list(known: &[String]) -> String {
    if known.is_empty() { "none".into() } else { known.join(", ") }
}

impl Profiles {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The profile of that name.
    pub fn get(&self, name: &str) -> Result<&Profile, ProfileError> {
        self.0.get(name).ok_or_else(|| ProfileError::Unknown {
            name: name.to_owned(),
            known: self.0.keys().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_profile_says_where_and_an_unknown_one_what_there_is() {
        let profiles =
            Profiles::parse(r#"{"review": {"tags": ["ci"], "channels": "all"}}"#).unwrap();
        assert_eq!(profiles.get("review").unwrap().tags.as_ref().unwrap().len(), 1);
        assert_eq!(
            profiles.get("reviews").unwrap_err().to_string(),
            "there is no profile `reviews`; the file has review"
        );
        let wrong = Profiles::parse(r#"{"review": {"tag": ["ci"]}}"#).unwrap_err().to_string();
        assert!(wrong.contains("unknown field `tag`"), "{wrong}");
    }
}
