//! A receiver with every bad habit: it fails, hangs, redirects, and only sometimes takes what it is
//! sent. It checks each signature with the library of the standard.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use standardwebhooks::Webhook;

use crate::support::load::Chance;

/// Of a hundred attempts, so many fail, hang and redirect.
const FAIL: u64 = 30;
const HANG: u64 = 10;
const REDIRECT: u64 = 5;

/// What arrived, and what became of it.
#[derive(Default)]
pub struct Ledger {
    /// Per task, the sequence numbers in the order in which they were first taken.
    pub taken: BTreeMap<i64, Vec<i64>>,
    /// Attempts for a callback that was taken before.
    pub repeats: usize,
    pub attempts: usize,
    pub failed: usize,
    pub hung: usize,
    pub redirected: usize,
    /// What must never happen.
    pub wrong: Vec<String>,
    bodies: BTreeMap<String, String>,
}

/// It, while it receives.
pub struct Moody {
    pub url: String,
    pub ledger: Arc<Mutex<Ledger>>,
    /// Told whenever a callback was taken for the first time.
    pub taken: Receiver<()>,
    strayed: Arc<AtomicUsize>,
}

struct Habits {
    chance: Mutex<Chance>,
    webhook: Webhook,
    ledger: Arc<Mutex<Ledger>>,
    taken: Sender<()>,
    elsewhere: String,
}

enum Mood {
    Take,
    Fail,
    Hang,
    Redirect,
}

impl Moody {
    pub fn start(secret: &str, chance: Chance) -> Self {
        let (ledger, strayed) = (Arc::<Mutex<Ledger>>::default(), Arc::new(AtomicUsize::new(0)));
        let (taken, told) = channel();
        let habits = Arc::new(Habits {
            chance: Mutex::new(chance),
            webhook: Webhook::new(secret).unwrap(),
            ledger: ledger.clone(),
            taken,
            elsewhere: trap(strayed.clone()),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?key=canary-query", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let habits = habits.clone();
                // A connection ends with the relay, in the middle of anything.
                thread::spawn(move || habits.converse(stream).unwrap_or(()));
            }
        });
        Self { url, ledger, taken: told, strayed }
    }

    /// How many followed a redirect.
    pub fn strayed(&self) -> usize {
        self.strayed.load(Ordering::SeqCst)
    }
}

/// Where the redirects lead.
fn trap(strayed: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for _ in listener.incoming() {
            strayed.fetch_add(1, Ordering::SeqCst);
        }
    });
    url
}

impl Habits {
    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some((headers, body)) = read(&mut reader)? {
            match self.receive(&headers, &body) {
                Mood::Take => writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?,
                Mood::Fail => {
                    writer.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\noops")?;
                }
                Mood::Redirect => {
                    let to = &self.elsewhere;
                    let head = format!("HTTP/1.1 307 There\r\nlocation: {to}\r\n");
                    writer.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes())?;
                }
                Mood::Hang => {
                    reader.read_to_end(&mut Vec::new())?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Looks at what came, and decides.
    fn receive(&self, headers: &HeaderMap, body: &str) -> Mood {
        let mut ledger = self.ledger.lock().unwrap();
        ledger.attempts += 1;
        if let Err(why) = self.webhook.verify(body.as_bytes(), headers) {
            ledger.wrong.push(format!("{why}: {headers:?}"));
        }
        let callback: Value = serde_json::from_str(body).unwrap();
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        ledger.look(&id, body, &callback);
        let mood = match self.chance.lock().unwrap().within(0..100) {
            n if n < FAIL => Mood::Fail,
            n if n < FAIL + HANG => Mood::Hang,
            n if n < FAIL + HANG + REDIRECT => Mood::Redirect,
            _ => Mood::Take,
        };
        match mood {
            Mood::Take if ledger.take(&callback) => self.taken.send(()).unwrap_or(()),
            Mood::Take => {}
            Mood::Fail => ledger.failed += 1,
            Mood::Hang => ledger.hung += 1,
            Mood::Redirect => ledger.redirected += 1,
        }
        mood
    }
}

fn place(callback: &Value) -> (i64, i64) {
    (callback["task"]["id"].as_i64().unwrap(), callback["sequence"].as_i64().unwrap())
}

impl Ledger {
    /// A repeat says what was said before, and nothing comes before what precedes it was taken.
    fn look(&mut self, id: &str, body: &str, callback: &Value) {
        if *id != format!("evt_{}", callback["taskEvent"]["id"]) {
            self.wrong.push(format!("{id} is not the event's: {body}"));
        }
        let before = self.bodies.entry(id.to_owned()).or_insert_with(|| body.to_owned());
        if before != body {
            self.wrong.push(format!("{id} said {before} and then {body}"));
        }
        let (task, sequence) = place(callback);
        let taken = self.taken.entry(task).or_default().len() as i64;
        self.repeats += usize::from(sequence <= taken);
        if sequence > taken + 1 {
            self.wrong.push(format!("task {task}: {sequence} came when {taken} had been taken"));
        }
    }

    /// True where it is taken for the first time.
    fn take(&mut self, callback: &Value) -> bool {
        let (task, sequence) = place(callback);
        let taken = self.taken.entry(task).or_default();
        let new = !taken.contains(&sequence);
        if new {
            taken.push(sequence);
        }
        new
    }

    /// How many callbacks were taken.
    pub fn count(&self) -> usize {
        self.taken.values().map(Vec::len).sum()
    }
}

/// Reads one request; nothing at the end of the connection.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(HeaderMap, String)>> {
    let (mut headers, mut line) = (HeaderMap::new(), String::new());
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let length = headers["content-length"].to_str().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((headers, String::from_utf8(body).unwrap())))
}
