//! What can go wrong between a client and its relay, sorted by what the caller can do about it.

use std::{error::Error, time::Duration};

use relay_core::error::{Code, ErrorDetail};
use serde_json::Value;

use crate::config::ConfigError;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The relay understood and said no: busy, taken, not found, not valid.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The relay does not let this caller do it (401 and 403).
    #[error("{0}")]
    Unauthorized(Box<Refusal>),
    /// Nothing answered, or the answer broke off.
    #[error("no relay answers at {url}: {}", innermost(source.as_ref()))]
    Unreachable {
        /// The relay's address.
        url: String,
        /// What the network said.
        source: Box<dyn Error + Send + Sync>,
        /// True when the request may have arrived, so that its outcome is unknown.
        sent: bool,
    },
    /// Something answered that does not speak as a relay does.
    #[error("{url} does not answer as a relay does: {what}")]
    Protocol {
        /// The relay's address.
        url: String,
        /// What was wrong with the answer.
        what: String,
    },
    /// The settings do not make a relay to talk to.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A refusal as the relay wrote it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable word; [`Refusal::is`] compares it.
    pub code: String,
    /// What was refused and why, for people.
    pub message: String,
    /// What to do about it, where the relay knows.
    pub hint: Option<String>,
    /// Facts for programs: candidates, the holder, the field.
    pub details: Option<Value>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Puts the parts of an answer together.
    pub(crate) fn new(status: u16, error: ErrorDetail, retry_after: Option<Duration>) -> Self {
        let ErrorDetail { code, message, hint, details } = error;
        Self { status, code, message, hint, details, retry_after }
    }

    /// True when this is the refusal with that code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
    }

    /// The error that a refusal with this status is.
    pub(crate) fn into_error(self) -> ClientError {
        match self.status {
            401 | 403 => ClientError::Unauthorized(Box::new(self)),
            _ => ClientError::Refused(Box::new(self)),
        }
    }
}

impl ClientError {
    /// What the relay wrote, where it answered.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::Unauthorized(refusal) => Some(refusal),
            Self::Unreachable { .. } | Self::Protocol { .. } | Self::Config(_) => None,
        }
    }

    /// True when the relay refused with that code.
    pub fn is(&self, code: Code) -> bool {
        self.refusal().is_some_and(|refusal| refusal.is(code))
    }

    /// The status of the relay's answer, where it answered.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// True when nobody can tell whether the relay did it: the answer was lost, or its disk failed
    /// while storing.
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unreachable { sent: true, .. }) || self.is(Code::OutcomeUnknown)
    }

    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) | Self::Unauthorized(refusal) => refusal.hint.clone(),
            Self::Unreachable { source, .. } if is_distrusted(source.as_ref()) => Some(
                "its certificate is from an authority that this machine does not know, or for another \
                 name; SSL_CERT_FILE names a file with an authority of your own"
                    .into(),
            ),
            Self::Unreachable { .. } => Some(
                "start it with `agent-relay serve`, or set AGENT_RELAY_URL to where it runs".into(),
            ),
            Self::Protocol { .. } => {
                Some("check AGENT_RELAY_URL: another program may have this address".into())
            }
            Self::Config(_) => None,
        }
    }

    /// The exit code for a command that ends with this error: 1 refused, 2 wrong settings, 3 relay
    /// unreachable or not allowed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Config(_) => 2,
            Self::Unauthorized(_) | Self::Unreachable { .. } | Self::Protocol { .. } => 3,
        }
    }
}

/// The last error of a chain is the one that says something ("connection refused"); those before
/// it only repeat that a request failed.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// True where the other side's certificate was not believed: somebody answers, only not to us.
fn is_distrusted(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // An input error names the source of what it holds, and not that itself.
    let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    held.is_some_and(|held| is_distrusted(held)) || error.source().is_some_and(is_distrusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: Code) -> ClientError {
        Refusal {
            status,
            code: code.as_str().into(),
            message: "no".into(),
            hint: None,
            details: None,
            retry_after: None,
        }
        .into_error()
    }

    #[test]
    fn exit_codes_tell_refused_from_not_allowed() {
        assert_eq!(refused(409, Code::AlreadyClaimed).exit_code(), 1);
        assert_eq!(refused(404, Code::NotFound).exit_code(), 1);
        assert_eq!(refused(401, Code::Unauthorized).exit_code(), 3);
        assert_eq!(refused(403, Code::SenderMismatch).exit_code(), 3);
        assert!(refused(403, Code::SenderMismatch).is(Code::SenderMismatch));
        assert_eq!(ClientError::from(ConfigError::NoHome).exit_code(), 2);
    }

    #[test]
    fn an_unreachable_relay_is_named_with_the_innermost_cause() {
        let inner = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let error = ClientError::Unreachable {
            url: "http://localhost:4850".into(),
            source: Box::new(std::io::Error::other(inner)),
            sent: false,
        };
        assert_eq!(error.to_string(), "no relay answers at http://localhost:4850: refused");
        assert!(error.hint().unwrap().contains("agent-relay serve"));
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_no_relay_to_start() {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = ClientError::Unreachable {
            url: "https://relay.example".into(),
            source: Box::new(std::io::Error::other(unknown)),
            sent: false,
        };
        let hint = error.hint().unwrap();
        assert!(hint.contains("SSL_CERT_FILE"), "{hint}");
    }
}
