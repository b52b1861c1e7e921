//! Answers that succeed.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::Body;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with an object.
pub fn ok<T: Serialize>(value: &T) -> Response<Body> {
    json(StatusCode::OK, value)
}

/// 201 for what is new, 200 for what was there.
pub fn stored<T: Serialize>(new: bool, value: &T) -> Response<Body> {
    json(if new { StatusCode::CREATED } else { StatusCode::OK }, value)
}

/// 204.
pub fn no_content() -> Response<Body> {
    with(StatusCode::NO_CONTENT, Bytes::new())
}

/// 200 with a bare array, and where the next page is.
pub fn list<T: Serialize>(items: &[T], next: Option<Link>) -> Response<Body> {
    let mut response = ok(&items);
    if let Some(link) = next.and_then(|next| HeaderValue::try_from(next.header()).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// 200 with text of this media type.
pub fn text(media_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = with(StatusCode::OK, text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// `ready`, or 503 with the one word that says why not.
pub fn readiness(ready: Result<&'static str, &'static str>) -> Response<Body> {
    let word = ready.unwrap_or_else(|why| why);
    let mut response = text("text/plain; charset=utf-8", word);
    if ready.is_err() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// An object under any status.
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    // The types of the API hold no maps with keys other than strings, so this cannot fail.
    let body = serde_json::to_vec(value).expect("a reply is JSON");
    let mut response = with(status, body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn with(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response
}

/// An answer that goes on: a stream of events.
pub fn stream<S>(frames: S) -> Response<Body>
where
    S: futures_util::Stream<Item = Bytes> + Send + 'static,
{
    use futures_util::StreamExt as _;
    let frames = frames.map(|bytes| Ok(hyper::body::Frame::data(bytes)));
    let body = http_body_util::StreamBody::new(frames).boxed_unsync();
    let mut response = Response::new(Either::Right(body));
    event_stream_headers(&mut response);
    response
}

/// What `HEAD` gets where `GET` is a stream.
pub fn stream_head() -> Response<Body> {
    let mut response = with(StatusCode::OK, Bytes::new());
    event_stream_headers(&mut response);
    response
}

fn event_stream_headers(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A buffering proxy would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}

/// Where the next page of a list is.
pub struct Link {
    path: String,
    pairs: Vec<(&'static str, String)>,
}

impl Link {
    /// The route's path with the next page's query, not escaped yet.
    pub fn new(path: String, pairs: Vec<(&'static str, String)>) -> Self {
        Self { path, pairs }
    }

    fn header(&self) -> String {
        let escape = |(name, value): &(&str, String)| {
            format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
        };
        let query: Vec<String> = self.pairs.iter().map(escape).collect();
        format!("<{}?{}>; rel=\"next\"", self.path, query.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_a_link_with_its_query_escaped() {
        let link =
            Link::new("/api/messages".into(), vec![("q", "a b&c".into()), ("since", "9".into())]);
        let response = list(&[1, 2], Some(link));
        assert_eq!(
            response.headers()[header::LINK],
            "</api/messages?q=a%20b%26c&since=9>; rel=\"next\""
        );
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }
}
