//! The requests, as the bytes that go on the wire.

use std::fmt::Write as _;

/// The text that carries the moment of sending inside a body: `@` and 20 digits of nanoseconds.
pub const MARK: &[u8] = b"bench@";
pub const MARK_DIGITS: usize = 20;

/// Registers an agent.
pub fn register(id: &str) -> Vec<u8> {
    post(
        "/api/agents",
        "",
        &format!(r#"{{"id":"{id}","name":"{id}","provider":"cli","machine":"bench"}}"#),
    )
}

/// Sends `length` bytes of text from one agent to another, with its token.
pub fn send(token: &str, from: &str, to: &str, length: usize) -> Vec<u8> {
    let text = text(length);
    post("/api/messages", token, &format!(r#"{{"from":"{from}","to":"{to}","body":"{text}"}}"#))
}

/// Follows an agent's events.
pub fn follow(token: &str, id: &str) -> Vec<u8> {
    let authorization = authorization(token);
    format!(
        "GET /api/events?for={id} HTTP/1.1\r\nhost: 127.0.0.1\r\n{authorization}\
         accept: text/event-stream\r\n\r\n"
    )
    .into_bytes()
}

/// What the server says when it is up.
pub fn health() -> Vec<u8> {
    b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_vec()
}

/// The same message as an entry of a Redis stream.
pub fn xadd(from: &str, to: &str, length: usize) -> Vec<u8> {
    let text = text(length);
    let words = ["XADD", "bench", "*", "from", from, "to", to, "body", &text];
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        let _ = write!(request, "${}\r\n{word}\r\n", word.len());
    }
    request.into_bytes()
}

/// Writes the moment of sending into a request made by [`send`].
pub fn stamp(request: &mut [u8], place: usize, nanoseconds: u128) {
    let digits = format!("{nanoseconds:0MARK_DIGITS$}");
    request[place..place + MARK_DIGITS].copy_from_slice(digits.as_bytes());
}

/// Where [`stamp`] writes.
pub fn stamp_place(request: &[u8]) -> usize {
    crate::reply::find(request, MARK).expect("a message carries its mark") + MARK.len()
}

fn post(path: &str, token: &str, body: &str) -> Vec<u8> {
    let authorization = authorization(token);
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{authorization}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn authorization(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") }
}

/// `length` bytes of text, the mark first.
fn text(length: usize) -> String {
    let mark = str::from_utf8(MARK).expect("the mark is text");
    let mut text = format!("{mark}{:0width$} ", 0, width = MARK_DIGITS);
    while text.len() < length {
        text.push_str("migration looks clean, tests pass; ");
    }
    text.truncate(length);
    text
}
