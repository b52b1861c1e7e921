//! MCP as a client speaks it: lines of JSON to a program, or requests to `/mcp`.

use std::{
    cell::Cell,
    collections::HashMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{ChildStdin, Command, Stdio},
};

use serde_json::{Value, json};

use super::{PATIENCE, Running};

/// The version that is asked for.
pub const VERSION: &str = "2025-06-18";

/// What a tool answered.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub is_error: bool,
}

impl Said {
    pub fn of(answer: &Value) -> Self {
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str();
        Self {
            text: text.unwrap_or_else(|| panic!("no text in {answer}")).to_owned(),
            is_error: result["isError"] == true,
        }
    }

    /// The text of a call that did what it should.
    #[track_caller]
    pub fn done(self) -> String {
        assert!(!self.is_error, "{}", self.text);
        self.text
    }

    /// The text of a call that did not.
    #[track_caller]
    pub fn failed(self) -> String {
        assert!(self.is_error, "{}", self.text);
        self.text
    }
}

/// The server on standard input and output.
pub struct Mcp {
    pub server: Running,
    input: Option<ChildStdin>,
    last: i64,
    early: HashMap<i64, Value>,
}

impl Mcp {
    /// Starts it and says hello as a client of this name.
    pub fn connect(command: &mut Command, name: &str) -> Self {
        let mut mcp = Self::start(command);
        mcp.hello(name);
        mcp
    }

    /// Starts it and says nothing.
    pub fn start(command: &mut Command) -> Self {
        let mut server = Running::start(command.stdin(Stdio::piped()));
        let input = server.child.stdin.take();
        Self { server, input, last: 0, early: HashMap::new() }
    }

    /// Says who the client is; the answer says who the server is.
    pub fn hello(&mut self, name: &str) -> Value {
        let hello = self.begin_hello(name);
        let answer = self.answer(hello);
        self.initialized();
        answer
    }

    pub fn begin_hello(&mut self, name: &str) -> i64 {
        self.begin("initialize", &hello(name))
    }

    pub fn initialized(&mut self) {
        self.line(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
    }

    /// Sends a line as it is.
    pub fn line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).unwrap();
    }

    /// Asks for something and does not wait.
    pub fn begin(&mut self, method: &str, params: &Value) -> i64 {
        self.last += 1;
        let request =
            json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params});
        self.line(&request.to_string());
        self.last
    }

    /// Waits for one answer; those of others that come first are kept for them.
    pub fn answer(&mut self, id: i64) -> Value {
        loop {
            if let Some(answer) = self.early.remove(&id) {
                return answer;
            }
            let line = self.server.line();
            let answer: Value = serde_json::from_str(&line).expect("a line is JSON");
            if let Some(id) = answer["id"].as_i64() {
                self.early.insert(id, answer);
            }
        }
    }

    /// True when the answer has come with those that were waited for.
    pub fn has_answered(&self, id: i64) -> bool {
        self.early.contains_key(&id)
    }

    pub fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.begin(method, params);
        self.answer(id)
    }

    pub fn begin_call(&mut self, tool: &str, arguments: &Value) -> i64 {
        self.begin("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    pub fn call(&mut self, tool: &str, arguments: &Value) -> Said {
        let id = self.begin_call(tool, arguments);
        self.said(id)
    }

    pub fn said(&mut self, id: i64) -> Said {
        Said::of(&self.answer(id))
    }

    /// Calls as a thread of Codex does.
    pub fn call_from(&mut self, thread: &str, tool: &str, arguments: &Value) -> Said {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"threadId": thread}});
        Said::of(&self.request("tools/call", &params))
    }

    pub fn cancel(&mut self, id: i64) {
        let params = json!({"requestId": id, "reason": "the user stopped it"});
        let note = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        self.line(&note.to_string());
    }

    /// The id of the agent for which a call speaks.
    pub fn me(&mut self) -> String {
        me(&self.call("status", &json!({})).done())
    }

    /// Closes the input, as a client does that ends, and waits for the server's end.
    pub fn close(mut self) -> (Option<i32>, String) {
        drop(self.input.take());
        self.server.end()
    }
}

/// The id in what `status` says.
pub fn me(status: &str) -> String {
    let rest = status.strip_prefix("you are ").expect("it begins with who one is");
    rest.split(' ').next().unwrap().to_owned()
}

fn hello(name: &str) -> Value {
    json!({
        "protocolVersion": VERSION,
        "capabilities": {},
        "clientInfo": {"name": name, "version": "1.0.0"},
    })
}

/// A request to `/mcp` and what came back, over a connection of its own.
#[derive(Debug)]
pub struct Exchange {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Exchange {
    /// Sends a request with these headers. HTTP/1.0, so that an answer ends with its connection.
    pub fn make(port: u16, method: &str, headers: &[(&str, &str)], body: &str) -> Self {
        read(send(([127, 0, 0, 1], port).into(), method, headers, body)).unwrap()
    }

    /// The value of a header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The message in the answer: alone, or the last event of a stream.
    pub fn message(&self) -> Value {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let text = events.rfind(|data| !data.is_empty()).unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|_| panic!("no message in {self:?}"))
    }

    /// The code of the relay's own refusal.
    pub fn code(&self) -> String {
        self.message()["error"]["code"].as_str().expect("the relay's form of error").to_owned()
    }
}

/// Sends a request and leaves the answer on its way.
pub fn send(to: SocketAddr, method: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} /mcp HTTP/1.0\r\ncontent-length: {}\r\n", body.len());
    let usual = [
        ("host", "localhost"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let given = |name: &str| headers.iter().any(|(own, _)| *own == name);
    for (name, value) in usual.iter().filter(|(name, _)| !given(name)).chain(headers) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    stream
}

/// Reads an answer to its end.
pub fn read(stream: TcpStream) -> io::Result<Exchange> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        head.push_str(&line);
        line.clear();
    }
    let mut body = String::new();
    reader.read_to_string(&mut body)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    Ok(Exchange { status, head, body })
}

/// A session over HTTP.
pub struct Web {
    relay: SocketAddr,
    pub session: String,
    token: Option<String>,
    last: Cell<i64>,
}

impl Web {
    /// Begins a session, with a token where one is asked for.
    pub fn connect(port: u16, token: Option<&str>, name: &str) -> Self {
        Self::connect_to(([127, 0, 0, 1], port).into(), token, name)
    }

    /// The same with a relay that listens elsewhere.
    pub fn connect_to(relay: SocketAddr, token: Option<&str>, name: &str) -> Self {
        let token = token.map(str::to_owned);
        let mut web = Self { relay, session: String::new(), token, last: Cell::new(0) };
        let answer = web.exchange("initialize", &hello(name));
        web.session = answer.header("mcp-session-id").map(str::to_owned).expect("a session");
        web.notify("notifications/initialized");
        web
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let token = self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
        let session = (!self.session.is_empty()).then(|| ("mcp-session-id", self.session.clone()));
        token.into_iter().chain(session).collect()
    }

    fn post(&self, message: &Value) -> TcpStream {
        let headers = self.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        send(self.relay, "POST", &headers, &message.to_string())
    }

    fn notify(&self, method: &str) {
        let answer = read(self.post(&json!({"jsonrpc": "2.0", "method": method}))).unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    pub fn exchange(&self, method: &str, params: &Value) -> Exchange {
        read(self.begin(method, params)).unwrap()
    }

    /// Asks for something and leaves the answer on its way.
    pub fn begin(&self, method: &str, params: &Value) -> TcpStream {
        let id = self.last.get() + 1;
        self.last.set(id);
        self.post(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    pub fn begin_call(&self, tool: &str, arguments: &Value) -> TcpStream {
        self.begin("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    pub fn call(&self, tool: &str, arguments: &Value) -> Said {
        said(self.begin_call(tool, arguments))
    }

    pub fn me(&self) -> String {
        me(&self.call("status", &json!({})).done())
    }

    /// Opens the stream on which a server may speak first.
    pub fn listen(&self) -> TcpStream {
        let headers = self.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        send(self.relay, "GET", &headers, "")
    }

    /// Ends the session.
    pub fn delete(&self) -> Exchange {
        let headers = self.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        read(send(self.relay, "DELETE", &headers, "")).unwrap()
    }
}

/// What a tool said whose answer was on its way.
pub fn said(stream: TcpStream) -> Said {
    Said::of(&read(stream).unwrap().message())
}
