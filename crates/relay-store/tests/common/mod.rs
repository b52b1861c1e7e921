//! What the stories share: a store in a place of its own, on a clock that stands still. The same
//! stories are told on SQLite by their own programs, and on PostgreSQL by `postgres.rs`.
#![allow(dead_code, reason = "each story uses its part")]

pub mod two;

use std::{path::PathBuf, sync::Arc, time::Duration};

use relay_core::{
    agent::Agent,
    api::{query, request::RegisterAgent},
    caller::Verified,
    error::Code,
    event::Event,
    id::{AgentId, MessageId, Seq},
    identity::Mode,
    message::Message,
    time::{ManualClock, Timestamp},
};
use relay_store::{
    Acting, Config, Delivery, Place, Presented, Reader, Registration, Store, StoreError,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const START: Timestamp = Timestamp(1_800_000_000_000);

/// True in the long run, in which nothing may be skipped.
#[expect(clippy::disallowed_methods, reason = "the switch between the short and the long run")]
pub fn full() -> bool {
    std::env::var("RELAY_TEST_FULL").is_ok_and(|full| full == "1")
}

/// True in the program that tells the stories on PostgreSQL.
pub fn on_postgres() -> bool {
    module_path!().starts_with("postgres::")
}

pub struct Fixture {
    pub store: Store,
    pub clock: ManualClock,
    pub place: Place,
    pub folder: TempDir,
}

/// A place for one test's data.
pub async fn place(folder: &TempDir) -> Place {
    let server = if on_postgres() { relay_store::testing::postgres().await } else { None };
    server.unwrap_or_else(|| Place::File(folder.path().join("relay.db")))
}

pub async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let place = place(&folder).await;
    let store = open_at(&place, &clock).await.unwrap();
    Fixture { store, clock, place, folder }
}

pub async fn open(path: &std::path::Path, clock: &ManualClock) -> Result<Store, StoreError> {
    open_at(&Place::File(path.to_owned()), clock).await
}

pub async fn open_at(place: &Place, clock: &ManualClock) -> Result<Store, StoreError> {
    Store::open(Config { clock: Some(Arc::new(clock.clone())), ..Config::at(place.clone()) }).await
}

pub fn id(text: &str) -> AgentId {
    text.parse().unwrap()
}

pub fn by(agent: &str) -> Acting {
    Acting { agent: id(agent), instance_id: None, epoch: None, generation: None }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Code {
    result.unwrap_err().code()
}

impl Fixture {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("relay.db")
    }

    /// Closes the store and opens it again.
    pub async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open_at(&self.place, &self.clock).await.unwrap();
    }

    pub async fn register(
        &self,
        mut about: Value,
        token: Option<&str>,
        mode: Mode,
    ) -> Result<Registration, StoreError> {
        if let Some(id) = about.as_str() {
            about = json!({ "id": id });
        }
        let request: RegisterAgent = serde_json::from_value(about).unwrap();
        let presented = Presented { token: token.map(str::to_owned), full: false };
        self.store.register_agent(request, presented, mode).await
    }

    /// Registers a new agent and returns its token.
    pub async fn join(&self, about: Value) -> String {
        self.register(about, None, Mode::Mark).await.unwrap().reply.token.unwrap()
    }

    pub async fn deliver(&self, from: &str, message: Value) -> Result<Delivery, StoreError> {
        self.store
            .send_message(id(from), Verified(true), serde_json::from_value(message).unwrap())
            .await
    }

    pub async fn send(&self, from: &str, to: &str, body: &str) -> MessageId {
        self.sent(from, json!({ "to": to, "body": body })).await.id
    }

    pub async fn sent(&self, from: &str, message: Value) -> Message {
        match self.deliver(from, message).await.unwrap() {
            Delivery::Stored(sent) => sent.message,
            Delivery::Repeated(sent) => panic!("repeated {}", sent.message.id),
        }
    }

    pub async fn work(&self, from: &str, to: &str) -> MessageId {
        self.sent(from, json!({ "to": to, "body": "work", "claimable": true })).await.id
    }

    pub async fn unread(&self, reader: &str) -> Vec<i64> {
        let query = query::Messages {
            reader: Some(id(reader)),
            unread: Some(true),
            ..query::Messages::default()
        };
        let page = self.store.messages(&query, None).await.unwrap();
        page.items.iter().map(|message| message.id.0).collect()
    }

    pub async fn read(&self, reader: &str, message: MessageId) {
        let mark = serde_json::from_value(json!({ "read": true })).unwrap();
        self.store.mark_message(message, by(reader), mark).await.unwrap();
    }

    pub async fn patch(&self, agent: &str, change: Value) -> Agent {
        self.store.update_agent(&id(agent), serde_json::from_value(change).unwrap()).await.unwrap()
    }

    pub async fn replay(&self, reader: &str, after: Seq) -> Vec<Arc<Event>> {
        let reader = Reader::Agent { id: id(reader), presence: false };
        let head = self.store.head();
        let mut cursor = after;
        let mut all = Vec::new();
        while cursor < head {
            let page = self.store.replay(&reader, cursor, head, 3).await.unwrap();
            assert!(page.cursor > cursor, "a replay moves on");
            cursor = page.cursor;
            all.extend(page.events);
        }
        all
    }

    pub fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }
}

/// The events as `name id` words.
pub fn words(events: &[Arc<Event>]) -> Vec<String> {
    let id = |event: &Event| {
        event.message.as_ref().map(|m| m.id).or(event.message_id).map(|id| format!(" {id}"))
    };
    events.iter().map(|event| format!("{}{}", event.name, id(event).unwrap_or_default())).collect()
}
