//! A PostgreSQL for tests, and a place of its own in it for each test.
//!
//! It is the one of `RELAY_TEST_POSTGRES_URL`; else one that runs on this machine and lets us in; else
//! one in a throw-away folder, from the installed programs. Where there is none, tests run on SQLite
//! and say so, and with `RELAY_TEST_FULL=1` they fail.

mod cluster;

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

pub use cluster::Cluster;

use crate::place::{Address, Place};

/// What a database of a test's process is called, before its number.
const PREFIX: &str = "relay_test_";

/// How many connections the tests that run at once may have open, for each of the machine's cores.
const CONNECTIONS: usize = 40;

/// A new schema in a PostgreSQL; `None`, said aloud, where there is none.
///
/// # Panics
///
/// Where there is none and nothing may be left out, or it does not do what it is asked.
pub async fn postgres() -> Option<Place> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let address = database().await?;
    let schema = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = connect(&address).await.expect("the database that was just made");
    let sql = format!("CREATE SCHEMA {schema}");
    connection.execute(AssertSqlSafe(sql)).await.expect("a new schema");
    let _ = connection.close().await;
    let within = format!("{}?options=-csearch_path%3D{schema}", address.url());
    Some(Place::Server(within.parse().expect("a good address")))
}

/// The address with its password, for programs that a test starts.
pub fn url(place: &Place) -> Option<String> {
    match place {
        Place::File(_) => None,
        Place::Server(address) => Some(address.url().to_owned()),
    }
}

/// The database of this process.
async fn database() -> Option<Address> {
    static DATABASE: OnceCell<Option<Address>> = OnceCell::const_new();
    DATABASE.get_or_init(make_database).await.clone()
}

async fn make_database() -> Option<Address> {
    let Some(server) = server().await else {
        let why = "no PostgreSQL: none answers at RELAY_TEST_POSTGRES_URL or on this machine, and none \
             is installed";
        assert!(!is_set("RELAY_TEST_FULL"), "{why}");
        eprintln!("SKIPPED on PostgreSQL ({why}); it runs on SQLite");
        return None;
    };
    let mut connection = connect(&server).await.expect("a server that has just answered");
    drop_old(&mut connection).await;
    let name = format!("{PREFIX}{}", process::id());
    let sql = format!("CREATE DATABASE {name}");
    connection.execute(AssertSqlSafe(sql)).await.expect("a database of our own");
    let _ = connection.close().await;
    let mut url = url::Url::parse(server.url()).expect("a good address");
    url.set_path(&name);
    Some(url.as_str().parse().expect("a good address"))
}

/// Drops what processes have left behind that are gone: what is in use cannot be dropped.
async fn drop_old(connection: &mut PgConnection) {
    let sql = "SELECT datname::text FROM pg_database d WHERE datname LIKE 'relay\\_test\\_%' \
         AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = d.datname) \
         AND (pg_stat_file('base/' || d.oid || '/PG_VERSION')).modification < now() - interval '1 hour'";
    // Whoever may not look at files leaves them to others.
    let Ok(rows) = connection.fetch_all(sql).await else { return };
    for row in rows {
        let Ok(name) = row.try_get::<String, _>(0) else { continue };
        let _ = connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await;
    }
}

async fn server() -> Option<Address> {
    if let Some(url) = variable("RELAY_TEST_POSTGRES_URL") {
        let address: Address = url.parse().expect("RELAY_TEST_POSTGRES_URL is an address");
        connect(&address).await.expect("RELAY_TEST_POSTGRES_URL answers");
        return Some(address);
    }
    let user = variable("USER").unwrap_or_else(|| "root".to_owned());
    for host in ["127.0.0.1:5432", "%2Fvar%2Frun%2Fpostgresql:5432"] {
        let Ok(address) = format!("postgres://{user}@{host}/postgres").parse::<Address>() else {
            continue;
        };
        if may_make_databases(&address).await {
            return Some(address);
        }
    }
    Cluster::of_process().map(Cluster::address)
}

/// True when a server lets us make databases, and has room for as many tests as run at once.
async fn may_make_databases(address: &Address) -> bool {
    let Ok(mut connection) = connect(address).await else { return false };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let sql = format!(
        "SELECT (rolcreatedb OR rolsuper) AND current_setting('max_connections')::int >= {} \
         FROM pg_roles WHERE rolname = current_user",
        threads * CONNECTIONS
    );
    let row = connection.fetch_one(AssertSqlSafe(sql)).await;
    row.is_ok_and(|row| row.try_get::<bool, _>(0).unwrap_or(false))
}

/// A connection of the driver's own.
pub async fn connect(address: &Address) -> Result<PgConnection, sqlx::Error> {
    let options: &PgConnectOptions = address.options();
    PgConnection::connect_with(options).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the tests' PostgreSQL is, which is no setting"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| value == "1")
}
