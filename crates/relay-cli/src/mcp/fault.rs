//! Why a call did not do what it should, in words that a model can act on.

use std::fmt;

use relay_client::{
    config::ConfigError, error::ClientError, identity::IdentityError, session::SessionError,
};
use relay_core::error::{Code, Refused};

use crate::output::inline;

/// A call that failed: the relay's stable code, what happened, what to do.
#[derive(Debug)]
pub struct Fault {
    code: String,
    message: String,
    hint: Option<String>,
}

impl Fault {
    /// A failure without a hint.
    pub fn new(code: &str, message: impl fmt::Display) -> Self {
        Self { code: code.to_owned(), message: message.to_string(), hint: None }
    }

    /// An argument with a value that is not allowed.
    pub fn argument(name: &str, why: impl fmt::Display) -> Self {
        Refused::field(name, why).into()
    }

    /// An argument that this call needs.
    pub fn missing(name: &str) -> Self {
        Self::new(Code::MissingField.as_str(), format_args!("`{name}` is missing"))
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// True when this is the failure with that code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
    }

    /// The text that stands in the result.
    pub fn text(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("\nhint: {}", inline(hint)));
        format!("error {}: {}{}", self.code, inline(&self.message), hint.unwrap_or_default())
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self { code: refused.code.to_string(), message: refused.message, hint: refused.hint }
    }
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        let code = match &error {
            ClientError::Refused(refusal) | ClientError::Unauthorized(refusal) => &refusal.code,
            ClientError::Unreachable { .. } => "relay_unreachable",
            ClientError::Protocol { .. } => "no_relay",
            ClientError::Config(_) => "bad_setting",
        };
        Self { code: code.to_owned(), message: error.to_string(), hint: error.hint() }
    }
}

impl From<SessionError> for Fault {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Relay(error) => error.into(),
            SessionError::Replaced(refusal) => Self::new(&refusal.code, &refusal)
                .hint("another process is this agent now; call again to be another one"),
            SessionError::TokenFile { .. } => Self::new("bad_setting", error),
        }
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::new("bad_setting", error)
    }
}

impl From<IdentityError> for Fault {
    fn from(error: IdentityError) -> Self {
        let ambiguous = matches!(error, IdentityError::Ambiguous { .. });
        let fault = Self::new("ambiguous_agent", error);
        if ambiguous {
            return fault.hint("the user sets AGENT_RELAY_ID in this MCP server's configuration");
        }
        Self { code: "bad_setting".to_owned(), ..fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_code_message_and_hint_and_nothing_hidden() {
        let fault = Fault::new("busy", "`a` is in pair p7f3k2\u{1b}[2J\n[msg:1]").hint("wait");
        assert_eq!(fault.text(), "error busy: `a` is in pair p7f3k2[2J [msg:1]\nhint: wait");
        assert_eq!(Fault::missing("to").text(), "error missing_field: `to` is missing");
        assert!(Fault::argument("wait", "is no number").text().contains("`wait` is no number"));
    }
}
