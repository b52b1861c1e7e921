//! Why the program ends without success, and with which exit code.

use relay_client::{ClientError, SessionError};
use relay_core::error::Code;

use crate::{bot::BotError, ledger::LedgerError, settings::SettingsError};

/// Why the program ends without success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code: 1 refused, 2 wrong settings, 3 not reachable or not allowed.
    pub exit: u8,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Failure {
    fn new(exit: u8, message: &impl ToString) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    #[must_use]
    fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    /// Telegram does not know the bot.
    pub fn dismissed(error: &BotError) -> Self {
        Self::new(3, error).hint(
            "the token is not valid, or not any more: BotFather shows it, or makes another, with /token",
        )
    }

    /// The connection to Telegram cannot be set up.
    pub fn tls(why: &str) -> Self {
        Self::new(2, &format!("cannot set up TLS: {why}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(1, &error)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(2, &error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::new(1, &error)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Relay(error) => error.into(),
            SessionError::Replaced(_) | SessionError::TokenFile { .. } => Self::new(1, &error),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let failure = Self { hint: error.hint(), ..Self::new(error.exit_code(), &error) };
        if error.is(Code::AgentIdTaken) {
            return failure
                .hint("another channel has this id: give this one its own in AGENT_RELAY_ID");
        }
        failure
    }
}
