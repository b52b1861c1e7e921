//! The one refusal that every rule speaks: a stable code, what happened, and what to do.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal),+ $(,)?) => {
        /// The stable words of the API's errors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name),+ }

        impl Code {
            /// Every code with its meaning, in the order of the documentation.
            pub const ALL: &[(Code, &str)] = &[$((Code::$name, concat!($($doc),+))),+];

            /// The word as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word),+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or nests deeper than 32 levels.
    InvalidJson = "invalid_json",
    /// The body is not UTF-8.
    InvalidUtf8 = "invalid_utf8",
    /// A field or parameter has a value that is not allowed.
    InvalidField = "invalid_field",
    /// A required field or parameter is missing.
    MissingField = "missing_field",
    /// The request names a field or parameter that does not exist.
    UnknownField = "unknown_field",
    /// The id is a word with a meaning of its own.
    ReservedId = "reserved_id",
    /// The stream's cursor is not a number.
    InvalidCursor = "invalid_cursor",
    /// The request line, a header or the framing is not HTTP as the relay speaks it.
    InvalidRequest = "invalid_request",
    /// No token, a wrong one, or two that disagree.
    Unauthorized = "unauthorized",
    /// The caller may not do this to somebody else's thing.
    Forbidden = "forbidden",
    /// The token lacks the scope that the route needs.
    ForbiddenScope = "forbidden_scope",
    /// The integration's settings do not name this target.
    ForbiddenTarget = "forbidden_target",
    /// The integration's settings do not name this channel.
    ForbiddenChannel = "forbidden_channel",
    /// A page of another origin asked.
    ForbiddenOrigin = "forbidden_origin",
    /// The Host header names a host that this relay is not.
    ForbiddenHost = "forbidden_host",
    /// The token belongs to another agent than `from`, or strict identity asks for the sender's own.
    SenderMismatch = "sender_mismatch",
    /// There is no such thing or route.
    NotFound = "not_found",
    /// No agent has this id or fits this word.
    TargetNotFound = "target_not_found",
    /// The path exists, the method does not; `Allow` lists those that do.
    MethodNotAllowed = "method_not_allowed",
    /// The id belongs to a live agent and the caller did not prove to be it.
    AgentIdTaken = "agent_id_taken",
    /// A newer process of the same agent has taken over.
    StaleSession = "stale_session",
    /// The message was not sent as claimable.
    NotClaimable = "not_claimable",
    /// Nobody holds the claim, so there is nothing to finish or release.
    NotClaimed = "not_claimed",
    /// Somebody else holds the claim.
    AlreadyClaimed = "already_claimed",
    /// The work is finished and never opens again.
    AlreadyDone = "already_done",
    /// The lease lapsed or was granted anew.
    LeaseLost = "lease_lost",
    /// The state does not allow this step.
    InvalidTransition = "invalid_transition",
    /// One of the two is in another pair.
    Busy = "busy",
    /// The pair is not active: not accepted yet, or over.
    NotActive = "not_active",
    /// More than one agent fits the word.
    AmbiguousTarget = "ambiguous_target",
    /// The request is larger than 1 MiB.
    BodyTooLarge = "body_too_large",
    /// The body is not `application/json`, or is compressed.
    UnsupportedMediaType = "unsupported_media_type",
    /// The idempotency key was used for another request.
    IdempotencyMismatch = "idempotency_mismatch",
    /// Too many attempts; `Retry-After` says when to come back.
    RateLimited = "rate_limited",
    /// The agent, or the server, has as many streams open as allowed.
    TooManyStreams = "too_many_streams",
    /// The request line is too long.
    UriTooLong = "uri_too_long",
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout",
    /// The relay failed; the log says more.
    Internal = "internal",
    /// Too much is waiting to be written; `Retry-After` says when to come back.
    Overloaded = "overloaded",
    /// The disk refused; nothing was stored.
    StorageFailed = "storage_failed",
    /// The disk failed while storing: the outcome is known after a look or a keyed retry.
    OutcomeUnknown = "outcome_unknown",
    /// The relay is stopping.
    ShuttingDown = "shutting_down",
    /// The disk is full; nothing was stored.
    StorageFull = "storage_full",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a rule said no. The message is a lowercase fragment that names the thing and its state;
/// the hint says what to do next.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The stable word.
    pub code: Code,
    /// What was refused and why.
    pub message: String,
    /// What to do about it, where we know.
    pub hint: Option<String>,
    /// Facts for programs: candidates, the holder, the field.
    pub details: Option<Value>,
}

impl Refused {
    /// A refusal without hint and details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, details: None }
    }

    /// A field with a value that is not allowed.
    pub fn field(name: &str, why: impl fmt::Display) -> Self {
        Self::new(Code::InvalidField, format!("`{name}` {why}"))
            .with(serde_json::json!({ "field": name }))
    }

    /// Something that does not exist.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{what} does not exist"))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds facts for programs.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The refusal as the API writes it.
    pub fn to_body(&self) -> ErrorBody {
        ErrorBody {
            error: ErrorDetail {
                code: self.code.as_str().to_owned(),
                message: self.message.clone(),
                hint: self.hint.clone(),
                details: self.details.clone(),
            },
        }
    }
}

/// The body of every answer that is no success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, for programs and people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDetail {
    /// A stable word.
    pub code: String,
    /// What was refused and why, for people.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Facts for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}
