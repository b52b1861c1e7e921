//! What the doctor finds: the rules that make a finding of a fact. Looking is done elsewhere.

mod agent;
mod file;
mod relay;

use serde::{Deserialize, Serialize};

pub use self::{
    agent::{Progress, delivery, doubles},
    file::{Entry, Space, entries, space},
    relay::{Answer, Reached, TokenAnswer, clock, reached, token, version},
};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but perhaps not as meant.
    Warning,
    /// It does not work, or it is not safe.
    Failed,
    /// It could not be looked at, or need not be.
    Skipped,
}

impl State {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at; the word stays the same from version to version.
    pub check: String,
    /// How bad it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do: a command where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// A finding without advice.
    pub fn new(check: &str, state: State, found: impl Into<String>) -> Self {
        Self { check: check.to_owned(), state, found: found.into(), hint: None }
    }

    /// As it should be.
    pub fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, State::Ok, found)
    }

    /// It works, but perhaps not as meant.
    pub fn warning(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, State::Warning, found)
    }

    /// It does not work.
    pub fn failed(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, State::Failed, found)
    }

    /// It was not looked at.
    pub fn skipped(check: &str, why: impl Into<String>) -> Self {
        Self::new(check, State::Skipped, why)
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
