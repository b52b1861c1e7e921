//! Headers that let the pages of allowed origins read answers. Others get none at all.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use super::{Body, guard::Visitor, reply};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, last-event-id, mcp-protocol-version, \
     mcp-session-id, x-agent-relay-token",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("link, mcp-session-id, retry-after, www-authenticate");
const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");
const ASK_PRIVATE: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// True for the question that browsers ask before a page's own request.
pub fn is_preflight(method: &http::Method, headers: &HeaderMap) -> bool {
    method == http::Method::OPTIONS && headers.contains_key(header::ORIGIN)
}

/// The answer to that question, for a visitor who was let in.
pub fn preflight(asked: &HeaderMap) -> Response<Body> {
    let mut response = reply::no_content();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
    if asked.get(ASK_PRIVATE).is_some_and(|value| value == "true") {
        headers.insert(ALLOW_PRIVATE, HeaderValue::from_static("true"));
    }
    response
}

/// Lets an allowed origin's page read the answer.
pub fn open(response: &mut Response<Body>, visitor: &Visitor) {
    let Visitor::Allowed(origin) = visitor else { return };
    let Ok(origin) = HeaderValue::from_str(origin.as_str()) else { return };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
