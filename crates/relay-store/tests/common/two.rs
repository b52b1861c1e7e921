//! What the stories of several servers share.

use std::{sync::Arc, time::Duration};

use relay_core::{
    api::request::{RegisterAgent, SendMessage},
    caller::Verified,
    event::Event,
    id::MessageId,
    identity::Mode,
};
use relay_store::{Config, Delivery, Place, Presented, Store, testing};
use serde_json::json;
use sqlx::{Executor, PgConnection};
use tokio::time::timeout;

use super::id;

/// Whatever takes longer than this has hung.
pub const PATIENCE: Duration = Duration::from_mins(4);

/// Waits until something holds, looking again whenever the runtime has a moment.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let reached = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.expect(what);
}

pub async fn open(place: &Place) -> Store {
    Store::open(Config::at(place.clone())).await.unwrap()
}

/// Two servers on a new database; `None`, said aloud, where there is no PostgreSQL.
pub async fn two() -> Option<(Place, [Store; 2])> {
    let place = testing::postgres().await?;
    let servers = [open(&place).await, open(&place).await];
    Some((place, servers))
}

pub async fn raw(place: &Place) -> PgConnection {
    let Place::Server(address) = place else { panic!("not a server") };
    testing::connect(address).await.unwrap()
}

pub async fn join(store: &Store, name: &str) -> String {
    let request = RegisterAgent::new(id(name));
    let joined = store.register_agent(request, Presented::default(), Mode::Mark).await.unwrap();
    joined.reply.token.unwrap()
}

pub fn message(to: &str, body: &str, key: Option<&str>) -> SendMessage {
    serde_json::from_value(json!({ "to": to, "body": body, "idempotencyKey": key })).unwrap()
}

/// Sends until it is acknowledged, as a client does with a key.
pub async fn send(store: &Store, to: &str, key: &str) -> MessageId {
    loop {
        match store.send_message(id("a"), Verified(true), message(to, "x", Some(key))).await {
            Ok(Delivery::Stored(sent) | Delivery::Repeated(sent)) => return sent.message.id,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

pub fn ids(events: &[Arc<Event>]) -> impl Iterator<Item = i64> {
    events.iter().filter_map(|event| event.message.as_ref().map(|message| message.id.0))
}

/// Ends every connection of this database that listens.
pub async fn cut_listeners(connection: &mut PgConnection) -> u64 {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = 'agent-relay listen' AND datname = current_database()";
    connection.execute(sql).await.unwrap().rows_affected()
}
