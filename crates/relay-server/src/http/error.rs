//! From what happened to what the caller is told: the only place that gives errors their status.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use relay_core::{
    api::route::{Method, NoRoute},
    error::{Code, Refused},
};
use relay_store::StoreError;

use super::{Body, reply};

/// A request that did not succeed.
#[derive(Debug)]
pub struct HttpError {
    refused: Box<Refused>,
    allow: Vec<Method>,
    retry_after: Option<Duration>,
}

impl HttpError {
    /// The stable word.
    pub fn code(&self) -> Code {
        self.refused.code
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The answer.
    pub fn into_response(self) -> Response<Body> {
        let status = status(self.refused.code);
        let mut response = reply::json(status, &self.refused.to_body());
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after.or_else(|| wait(self.refused.code)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if !self.allow.is_empty()
            && let Ok(methods) = HeaderValue::from_str(&allowed(&self.allow))
        {
            headers.insert(header::ALLOW, methods);
        }
        if matches!(self.refused.code, Code::BodyTooLarge | Code::RequestTimeout) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The status of each error.
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidJson
        | Code::InvalidUtf8
        | Code::InvalidField
        | Code::MissingField
        | Code::UnknownField
        | Code::ReservedId
        | Code::InvalidCursor
        | Code::InvalidRequest => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::ForbiddenScope
        | Code::ForbiddenTarget
        | Code::ForbiddenChannel
        | Code::ForbiddenOrigin
        | Code::ForbiddenHost
        | Code::SenderMismatch => StatusCode::FORBIDDEN,
        Code::NotFound | Code::TargetNotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::AgentIdTaken
        | Code::StaleSession
        | Code::NotClaimable
        | Code::NotClaimed
        | Code::AlreadyClaimed
        | Code::AlreadyDone
        | Code::LeaseLost
        | Code::InvalidTransition
        | Code::Busy
        | Code::NotActive
        | Code::AmbiguousTarget => StatusCode::CONFLICT,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UriTooLong => StatusCode::URI_TOO_LONG,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Code::RateLimited | Code::TooManyStreams => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Overloaded | Code::StorageFailed | Code::OutcomeUnknown | Code::ShuttingDown => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// When to come back, where nobody knows better.
fn wait(code: Code) -> Option<Duration> {
    match code {
        Code::Overloaded | Code::ShuttingDown => Some(Duration::from_secs(1)),
        Code::StorageFailed | Code::OutcomeUnknown => Some(Duration::from_secs(2)),
        Code::StorageFull | Code::RateLimited | Code::TooManyStreams => {
            Some(Duration::from_secs(5))
        }
        _ => None,
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn allowed(methods: &[Method]) -> String {
    let mut words: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    if methods.contains(&Method::Get) {
        words.push("HEAD");
    }
    words.join(", ")
}

impl From<Refused> for HttpError {
    fn from(refused: Refused) -> Self {
        Self { refused: Box::new(refused), allow: Vec::new(), retry_after: None }
    }
}

impl From<NoRoute> for HttpError {
    fn from(no: NoRoute) -> Self {
        let allow = match &no {
            NoRoute::NotFound => Vec::new(),
            NoRoute::MethodNotAllowed(methods) => methods.clone(),
        };
        Self { refused: Box::new(no.into()), allow, retry_after: None }
    }
}

impl From<StoreError> for HttpError {
    /// The text inside goes to the log, here and only here; the caller gets the text for outside.
    fn from(error: StoreError) -> Self {
        let code = error.code();
        let refused = match error {
            StoreError::Refused(refused) => return refused.into(),
            StoreError::Overloaded => {
                Refused::new(code, "too much is waiting to be stored").hint("try again shortly")
            }
            StoreError::Closed => {
                Refused::new(code, "the relay is stopping").hint("connect again once it is back")
            }
            StoreError::Full => {
                tracing::error!(error.code = %code, "the disk is full");
                Refused::new(code, "the relay's disk is full; nothing was stored")
                    .hint("free space on the relay's machine; it resumes by itself")
            }
            StoreError::OutcomeUnknown => {
                tracing::error!(error.code = %code, "the outcome of a commit is unknown");
                Refused::new(code, "the disk failed while storing; it may be stored or not")
                    .hint("look, or send again with the same idempotency key")
            }
            error => {
                tracing::error!(error.code = %code, %error, "the store failed");
                Refused::new(code, "the relay could not reach its storage; nothing was stored")
                    .hint("the relay's log says why; try again later")
            }
        };
        refused.into()
    }
}

/// A panic's answer: the text stays in the log.
pub fn internal() -> HttpError {
    Refused::new(Code::Internal, "the relay failed to answer")
        .hint("this is a defect; the relay's log says more")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(error: impl Into<HttpError>) -> (u16, Vec<String>) {
        let response = error.into().into_response();
        let mut names: Vec<_> = response
            .headers()
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "content-type" | "content-length"))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        names.sort();
        (response.status().as_u16(), names)
    }

    #[test]
    fn the_headers_that_go_with_a_status_are_there() {
        let refused = |code| Refused::new(code, "x");
        assert_eq!(
            headers(refused(Code::Unauthorized)),
            (401, vec!["www-authenticate: Bearer".into()])
        );
        assert_eq!(headers(refused(Code::TooManyStreams)), (429, vec!["retry-after: 5".into()]));
        assert_eq!(headers(StoreError::Overloaded), (503, vec!["retry-after: 1".into()]));
        assert_eq!(
            headers(NoRoute::MethodNotAllowed(vec![Method::Post, Method::Get])),
            (405, vec!["allow: POST, GET, HEAD".into()])
        );
        let late =
            HttpError::from(refused(Code::RateLimited)).retry_after(Duration::from_millis(1_001));
        assert_eq!(headers(late), (429, vec!["retry-after: 2".into()]));
    }

    #[test]
    fn every_code_is_an_error() {
        for (code, _) in Code::ALL {
            assert!(status(*code).as_u16() >= 400, "{code}");
        }
    }

    #[test]
    fn what_the_store_says_of_itself_stays_inside() {
        let error = HttpError::from(StoreError::Failed("unable to open /secret/path".into()));
        assert!(!format!("{:?}", error.refused).contains("secret"));
    }
}
