//! One line of a table.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    exchange::Sending,
    template::{Values, render},
};

/// What is sent and what must come back. All text is a [template](crate::template).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column that stands by itself")]
pub struct Case {
    /// Which case failed.
    pub name: String,
    /// Method and target. `Host` and `Content-Length` are added, everything else stands in the line.
    pub request: Option<String>,
    /// Whose token is sent as a bearer token; nobody's in a world without tokens.
    pub token: Option<String>,
    /// More headers; null leaves out one that would be added.
    pub headers: BTreeMap<String, Option<String>>,
    /// A body, as JSON or as text; it is announced as JSON where no header says otherwise.
    pub body: Option<Value>,
    /// The bytes for a plain socket, in place of a request.
    pub raw: Option<String>,
    /// How often they are sent in one go; each must get its answer.
    pub times: Option<usize>,
    /// One byte a second, for ever.
    pub drip: bool,
    /// The client closes its half after sending.
    pub half_close: bool,
    /// It takes the relay's time-outs, so it is told apart from the quick ones.
    pub slow: bool,
    /// The relay closes the connection after its answer.
    pub closes: bool,
    /// The status; 0 for a connection that is closed without an answer.
    pub status: u16,
    /// The status in a world without tokens, where it is another.
    pub open: Option<u16>,
    /// The error's code.
    pub code: Option<String>,
    /// What the body must contain.
    pub says: Vec<String>,
    /// What it must not contain.
    pub hides: Vec<String>,
    /// Headers that must be there: `name` or `name: value`.
    pub has: Vec<String>,
    /// Headers that must not be there.
    pub lacks: Vec<String>,
    /// A success that changes nothing all the same.
    pub unchanged: bool,
    /// What the case is about, for who reads the table.
    #[serde(rename = "why")]
    _why: Option<String>,
}

/// The cases of a table.
pub fn read(family: &str, table: &str) -> Vec<Case> {
    let line = |(index, line): (usize, &str)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{family}.jsonl, line {}: {error}", index + 1))
    };
    table.lines().enumerate().map(line).collect()
}

impl Case {
    /// The method, for a case that is a request.
    pub fn method(&self) -> Option<&str> {
        self.request.as_ref()?.split(' ').next()
    }

    /// True for what must not change anything even where it succeeds.
    pub fn only_reads(&self) -> bool {
        let raw = self.raw.as_ref().is_some_and(|raw| !raw.contains("POST"));
        self.unchanged || raw || matches!(self.method(), Some("GET" | "HEAD" | "OPTIONS"))
    }

    /// The bytes that go over the wire, and how.
    pub fn sending(&self, values: &Values) -> Sending {
        let bytes = match &self.raw {
            Some(raw) => render(raw, values).repeat(self.times.unwrap_or(1)),
            None => self.request_bytes(values),
        };
        Sending {
            bytes,
            answers: self.times.unwrap_or(1),
            head: self.method() == Some("HEAD"),
            drip: self.drip,
            half_close: self.half_close,
            closes: self.closes,
        }
    }

    fn request_bytes(&self, values: &Values) -> Vec<u8> {
        let request = self.request.as_ref().expect("a case has a request or raw bytes");
        let body = self.body.as_ref().map(|body| match body {
            Value::String(text) => render(text, values),
            json => render(&json.to_string(), values),
        });
        let chunked = self.headers.contains_key("Transfer-Encoding");
        let mut bytes = render(&format!("{request} HTTP/1.1\r\n"), values);
        for (name, value) in self.all_headers(body.as_deref(), chunked, values) {
            bytes.extend(render(&format!("{name}: {value}\r\n"), values));
        }
        bytes.extend(b"\r\n");
        match body {
            Some(body) if chunked => bytes.extend(in_chunks(&body)),
            Some(body) => bytes.extend(body),
            None => {}
        }
        bytes
    }

    fn all_headers(
        &self,
        body: Option<&[u8]>,
        chunked: bool,
        values: &Values,
    ) -> Vec<(String, String)> {
        let mut headers = BTreeMap::from([("Host".to_owned(), Some("{{HOST}}".to_owned()))]);
        if let Some(body) = body {
            headers.insert("Content-Type".into(), Some("application/json".into()));
            headers.insert("Content-Length".into(), (!chunked).then(|| body.len().to_string()));
        }
        if let Some(token) = self.token.as_ref().and_then(|name| values.token(name)) {
            headers.insert("Authorization".into(), Some(format!("Bearer {token}")));
        }
        headers.extend(self.headers.clone());
        headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 1024);
    for chunk in body.chunks(64 * 1024) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
