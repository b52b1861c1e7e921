//! Plain HTTP over one connection, without our client: what a stranger's program would send, and
//! nothing that repeats or repairs behind the test's back.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;

use super::PATIENCE;

/// One connection that is kept.
pub struct Connection {
    reader: BufReader<TcpStream>,
    token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    pub body: Value,
}

impl Connection {
    pub fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream), token: String::new() })
    }

    /// The same, speaking with a token.
    pub fn with_token(port: u16, token: &str) -> io::Result<Self> {
        let token = format!("authorization: Bearer {token}\r\n");
        Ok(Self { token, ..Self::open(port)? })
    }

    pub fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.tell("POST", path, body)
    }

    pub fn patch(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.tell("PATCH", path, body)
    }

    fn tell(&mut self, method: &str, path: &str, body: &Value) -> io::Result<Answer> {
        let body = body.to_string();
        let (length, token) = (body.len(), &self.token);
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{token}content-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))?;
        self.answer()
    }

    /// Registers an agent, as which one may then send.
    pub fn register(&mut self, id: &str) {
        let answer = self.post("/api/agents", &serde_json::json!({ "id": id })).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        let token = &self.token;
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{token}\r\n"))?;
        self.answer()
    }

    /// The texts of every message after an id, by id, page by page.
    pub fn messages(&mut self, since: i64) -> BTreeMap<i64, String> {
        let mut all = BTreeMap::new();
        loop {
            let last = all.keys().next_back().copied().unwrap_or(since);
            let page = self.get(&format!("/api/messages?since={last}&limit=500")).unwrap();
            let Value::Array(messages) = page.body else { panic!("{page:?}") };
            if messages.is_empty() {
                return all;
            }
            for message in messages {
                let text = message["body"].as_str().unwrap().to_owned();
                all.insert(message["id"].as_i64().unwrap(), text);
            }
        }
    }

    /// Opens a stream and reads its head; what follows is read with [`Connection::rest`].
    pub fn stream(port: u16, path: &str) -> io::Result<Self> {
        let mut connection = Self::open(port)?;
        connection.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))?;
        let (status, _) = connection.head()?;
        assert_eq!(status, 200);
        Ok(connection)
    }

    /// Begins a request whose body does not come, and waits until the relay asks for it.
    pub fn expecting(port: u16, path: &str) -> io::Result<Self> {
        let mut connection = Self::open(port)?;
        connection.send(&format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: 100\r\nexpect: 100-continue\r\n\r\n"
        ))?;
        connection.read_until("100 Continue")?;
        Ok(connection)
    }

    /// Everything until the relay closes the connection.
    pub fn rest(mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads until a text has come.
    pub fn read_until(&mut self, text: &str) -> io::Result<()> {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn send(&mut self, request: &str) -> io::Result<()> {
        self.reader.get_mut().write_all(request.as_bytes())
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let (status, length) = self.head()?;
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }

    fn head(&mut self) -> io::Result<(u16, usize)> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_ascii_lowercase());
        }
        let status = lines[0].split(' ').nth(1).and_then(|code| code.parse().ok());
        let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
        Ok((status.expect("a status line"), length.map_or(0, |length| length.parse().unwrap())))
    }
}
