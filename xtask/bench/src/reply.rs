//! Where a reply ends: just enough of HTTP and RESP to wait for one answer, cheaply.

use std::io;

/// How a server frames its replies.
#[derive(Clone, Copy)]
pub enum Framing {
    Http,
    Resp,
}

impl Framing {
    /// The length of the first whole reply in `bytes`, or `None` while more must be read.
    /// A refusal is an error: a bench that counts refusals measures nothing.
    pub fn whole(self, bytes: &[u8]) -> io::Result<Option<usize>> {
        match self {
            Self::Http => http(bytes),
            Self::Resp => resp(bytes),
        }
    }
}

/// A response with a `content-length`, as every JSON answer has.
fn http(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let end = head + 4 + content_length(&bytes[..head])?;
    if bytes.len() < end {
        return Ok(None);
    }
    match bytes.get(9) {
        Some(b'2') => Ok(Some(end)),
        _ => Err(refused(&bytes[..end])),
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    head.split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))
        .and_then(|line| str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok())
        .ok_or_else(|| refused(head))
}

/// A bulk string (`$5\r\nhello\r\n`) or a simple one (`+PONG\r\n`), as `XADD` and `PING` answer.
fn resp(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(line) = find(bytes, b"\r\n") else { return Ok(None) };
    match bytes[0] {
        b'+' => Ok(Some(line + 2)),
        b'$' => {
            let length = str::from_utf8(&bytes[1..line]).ok().and_then(|text| text.parse().ok());
            let length: usize = length.ok_or_else(|| refused(bytes))?;
            let end = line + 2 + length + 2;
            Ok((bytes.len() >= end).then_some(end))
        }
        _ => Err(refused(bytes)),
    }
}

fn refused(bytes: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]);
    io::Error::other(format!("refused: {}", text.trim()))
}

/// The first place of `needle`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_only_with_its_body() {
        let reply = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..reply.len() {
            assert_eq!(http(&reply[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(http(reply).unwrap(), Some(reply.len()));
    }

    #[test]
    fn a_refusal_is_an_error_that_shows_it() {
        let error = http(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnope").unwrap_err();
        assert!(error.to_string().contains("nope"), "{error}");
        assert!(resp(b"-ERR unknown command\r\n").is_err());
    }

    #[test]
    fn a_bulk_string_ends_after_its_length() {
        assert_eq!(resp(b"$5\r\nhel").unwrap(), None);
        assert_eq!(resp(b"$5\r\nhello\r\n+PONG").unwrap(), Some(11));
        assert_eq!(resp(b"+PONG\r\n").unwrap(), Some(7));
    }
}
