//! Reading requests: bounded bodies, strict JSON, strict queries, and errors that name the field
//! and never repeat what was sent.

use std::{net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use relay_core::{
    caller::Caller,
    error::{Code, Refused},
    text::Key,
};
use serde::de::DeserializeOwned;

use super::{error::HttpError, json};

/// The most bytes of a body.
pub const MOST_BODY_BYTES: usize = 1 << 20;
/// What is read and thrown away after a refusal, so that its answer is not lost to a reset.
const MOST_LINGER_BYTES: usize = 16 << 20;
const LINGER: Duration = Duration::from_secs(2);

/// A request whose sender is known.
pub struct Request {
    /// Who asks.
    pub caller: Caller,
    /// The token that was sent along.
    pub token: Option<String>,
    /// The address it came from.
    pub peer: IpAddr,
    /// Method, target and headers.
    pub parts: Parts,
    /// The body, until it is read.
    pub body: Payload,
}

impl Request {
    /// The parameters, decoded.
    pub fn pairs(&self) -> Result<Vec<(String, String)>, Refused> {
        self.parts.uri.query().map_or(Ok(Vec::new()), pairs)
    }

    /// Reads the body as JSON.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, HttpError> {
        json::parse(&self.bytes().await?).map_err(Into::into)
    }

    /// Reads the body, which is said to be JSON, as it is.
    pub async fn bytes(&mut self) -> Result<Bytes, HttpError> {
        check_media_type(&self.parts.headers)?;
        self.body.read(&self.parts.headers).await
    }

    /// Reads the body as JSON; none at all counts as `{}`, for `curl -X POST` without more.
    pub async fn json_or_nothing<T: DeserializeOwned>(&mut self) -> Result<T, HttpError> {
        if self.parts.headers.contains_key(header::CONTENT_TYPE) || !self.body.is_empty() {
            check_media_type(&self.parts.headers)?;
        }
        match self.body.read(&self.parts.headers).await? {
            bytes if bytes.is_empty() => json::parse(b"{}"),
            bytes => json::parse(&bytes),
        }
        .map_err(Into::into)
    }

    /// Refuses a body where none belongs, unless it is JSON, which is then ignored.
    pub fn ignore_body(&self) -> Result<(), Refused> {
        if self.body.is_empty() { Ok(()) } else { check_media_type(&self.parts.headers) }
    }

    /// The key against doing it twice, from the header or the field.
    pub fn idempotency_key(&self, field: Option<Key>) -> Result<Option<Key>, Refused> {
        let named = |why: String| Refused::field("idempotencyKey", why);
        let mut headers = self.parts.headers.get_all("idempotency-key").iter();
        let Some(first) = headers.next() else { return Ok(field) };
        let text = first.to_str().map_err(|_| named("must be printable ASCII".into()))?;
        let key: Key = text.parse().map_err(|why| named(format!("{why}")))?;
        if headers.next().is_some() || field.is_some_and(|field| field != key) {
            return Err(named("is given more than once, and differently".into()));
        }
        Ok(Some(key))
    }
}

/// A body that has not been read yet.
pub struct Payload {
    incoming: Option<Incoming>,
    expected: bool,
    timeout: Duration,
}

impl Payload {
    /// Wraps what hyper hands over.
    pub fn new(incoming: Incoming, headers: &HeaderMap, timeout: Duration) -> Self {
        let expected = headers.contains_key(header::EXPECT);
        Self { incoming: Some(incoming), expected, timeout }
    }

    fn is_empty(&self) -> bool {
        self.incoming.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    /// Reads it whole, within the bounds of size and time.
    async fn read(&mut self, headers: &HeaderMap) -> Result<Bytes, HttpError> {
        let Some(incoming) = &mut self.incoming else { return Ok(Bytes::new()) };
        if announced(headers) > MOST_BODY_BYTES {
            return Err(too_large().into());
        }
        let collected = tokio::time::timeout(self.timeout, collect(incoming)).await;
        collected
            .unwrap_or_else(|_| {
                Err(Refused::new(Code::RequestTimeout, "the body did not arrive in time"))
            })
            .inspect(|_| self.incoming = None)
            .map_err(Into::into)
    }

    /// Reads on for a little while after a refusal: closing a socket with unread bytes resets it,
    /// and the caller would never see the answer.
    ///
    /// Whoever asks before it sends (`Expect`) has sent nothing, and is not told to go on.
    pub fn linger(self) {
        let Some(mut incoming) = self.incoming.filter(|body| !body.is_end_stream()) else { return };
        if self.expected {
            return;
        }
        let drain = async move {
            let mut left = MOST_LINGER_BYTES;
            while let Some(Ok(frame)) = incoming.frame().await {
                let read = frame.data_ref().map_or(0, Bytes::len);
                let Some(rest) = left.checked_sub(read) else { break };
                left = rest;
            }
        };
        tokio::spawn(tokio::time::timeout(LINGER, drain));
    }
}

async fn collect(incoming: &mut Incoming) -> Result<Bytes, Refused> {
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let broken = |_| Refused::new(Code::InvalidRequest, "the body ended early");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if body.len() + data.len() > MOST_BODY_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&data);
    }
    Ok(body.freeze())
}

fn announced(headers: &HeaderMap) -> usize {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn too_large() -> Refused {
    Refused::new(Code::BodyTooLarge, "the request is larger than 1 MiB")
        .hint("a message's text may have 64 KiB; send a path or an address instead of the data")
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refused> {
    let refused = |what: &str| {
        Err(Refused::new(Code::UnsupportedMediaType, what)
            .hint("send `Content-Type: application/json`, uncompressed UTF-8"))
    };
    // hyper takes `gzip, chunked` for chunks and leaves what is in them to us.
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let plain = codings.all(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if headers.contains_key(header::CONTENT_ENCODING) || !plain {
        return refused("compressed bodies are not read");
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(text)), None) = (types.next().map(|value| value.to_str()), types.next()) else {
        return refused("the body has no media type");
    };
    let mut parts = text.split(';').map(str::trim);
    if !parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
        return refused("the body is not application/json");
    }
    let charset = |part: &str| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_owned())
    };
    match parts.find_map(charset) {
        Some(name) if !name.eq_ignore_ascii_case("utf-8") && !name.eq_ignore_ascii_case("utf8") => {
            refused("the body is not in UTF-8")
        }
        _ => Ok(()),
    }
}

/// Splits and decodes a query string.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Refused> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Result<String, Refused> {
    let bad = |why| Refused::new(Code::InvalidField, format!("the query string {why}"));
    let escaped = |rest: &str| {
        let mut digits = rest.bytes();
        digits.next().is_some_and(|b| b.is_ascii_hexdigit())
            && digits.next().is_some_and(|b| b.is_ascii_hexdigit())
    };
    if text.split('%').skip(1).any(|rest| !escaped(rest)) {
        return Err(bad("holds a `%` that is no escape; write %25"));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| bad("is not UTF-8"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_strictly() {
        let one = |name: &str, value: &str| Ok(vec![(name.to_owned(), value.to_owned())]);
        let read = |query| pairs(query).map_err(|refused| refused.code);
        assert_eq!(read("q=a+b%20c%26"), one("q", "a b c&"));
        assert_eq!(read("&flag&"), one("flag", ""));
        assert_eq!(read("a=b=c"), one("a", "b=c"));
        for bad in ["q=%zz", "q=%", "q=%4", "%ff=1", "q=%ff%fe"] {
            assert_eq!(read(bad), Err(Code::InvalidField), "{bad}");
        }
    }

    #[test]
    fn only_plain_utf8_json_is_read() {
        let check = |name: header::HeaderName, value: &str| {
            let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            check_media_type(&headers).is_ok()
        };
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;v=1"]
        {
            assert!(check(header::CONTENT_TYPE, good), "{good}");
        }
        for bad in [
            "text/plain",
            "application/json-patch+json",
            "application/json; charset=iso-8859-1",
            "",
        ] {
            assert!(!check(header::CONTENT_TYPE, bad), "{bad}");
        }
        let gzip = HeaderMap::from_iter([
            (header::CONTENT_TYPE, "application/json".parse().unwrap()),
            (header::CONTENT_ENCODING, "gzip".parse().unwrap()),
        ]);
        assert!(check_media_type(&gzip).is_err());
    }
}
