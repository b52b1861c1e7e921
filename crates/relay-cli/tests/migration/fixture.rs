//! Databases as older relays left them: their schema from the very migrations they knew, their rows
//! from a relay of today, as far as that schema has room for them.

use std::path::{Path, PathBuf};

use serde_json::json;
use sqlx::{
    AnyConnection, Connection as _, Executor as _, Row as _, SqlSafeStr as _,
    any::{AnyPoolOptions, install_default_drivers},
    migrate::{Migration, MigrationType, Migrator},
};

use super::support::{Home, Relay, http::Connection};

/// Every migration there was, with the number that it made the schema.
const ALL: [(i64, &str, &str); 3] = [
    (1, "messages", include_str!("../../../relay-store/migrations/sqlite/0001_messages.sql")),
    (2, "tasks", include_str!("../../../relay-store/migrations/sqlite/0002_tasks.sql")),
    (3, "pairs", include_str!("../../../relay-store/migrations/sqlite/0003_pairs.sql")),
];
/// Every table of ours whose rows mean something; the search index is made anew.
const TABLES: [&str; 10] = [
    "agent",
    "membership",
    "message",
    "receipt",
    "event",
    "token",
    "task",
    "task_event",
    "callback",
    "pair",
];

/// The schema of this build.
pub const NEWEST: i64 = ALL[ALL.len() - 1].0;

/// A database of one schema, and the newest number in it.
pub struct Fixture {
    pub file: PathBuf,
    pub schema: i64,
    pub newest: i64,
}

/// Makes one.
pub fn of_schema(home: &Home, schema: i64) -> Fixture {
    let (source, file) = (home.join("source.db"), home.join("old.db"));
    let relay = Relay::start_with(home, &["--db", source.to_str().unwrap()]);
    fill(relay.port(), schema);
    relay.server.signal("TERM");
    assert_eq!(relay.server.end().0, Some(0));
    let newest = run(async {
        migrate(&file, schema).await;
        copy_rows(&source, &file).await
    });
    std::fs::remove_file(source).unwrap();
    Fixture { file, schema, newest }
}

/// Makes of a database what a newer relay would have left.
pub fn date_forward(file: &Path) {
    run(async {
        let mut connection = open(file).await;
        connection
            .execute(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (999, 'the future', 1, x'00', 0)",
            )
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

/// The schema that the file says it has, after a look over all of it.
pub fn schema(file: &Path) -> i64 {
    run(async {
        let mut connection = open(file).await;
        let verdict: String = connection.fetch_one("PRAGMA integrity_check").await.unwrap().get(0);
        assert_eq!(verdict, "ok");
        let sql = "SELECT max(version) FROM _sqlx_migrations WHERE success = 1";
        let schema = connection.fetch_one(sql).await.unwrap().get(0);
        // What a schema adds is there exactly when the schema is.
        for (since, table) in [(2, "task"), (2, "callback"), (3, "pair"), (3, "paired_pair")] {
            let sql = format!("SELECT count(*) FROM sqlite_master WHERE name = '{table}'");
            let count: i64 = connection.fetch_one(fixed(sql)).await.unwrap().get(0);
            assert_eq!(count, i64::from(since <= schema), "{table} in schema {schema}");
        }
        connection.close().await.unwrap();
        schema
    })
}

fn fill(port: u16, schema: i64) {
    let mut connection = Connection::open(port).unwrap();
    connection.register("alice");
    connection.register("bob");
    let ask = |connection: &mut Connection, path: &str, body: &serde_json::Value| {
        let answer = connection.post(path, body).unwrap();
        assert!(answer.status < 300, "{answer:?}");
        answer.body
    };
    for number in 0..20 {
        let text = format!("message {number}");
        let message =
            json!({"from": "alice", "to": "bob", "body": text, "claimable": number % 2 == 0});
        let sent = ask(&mut connection, "/api/messages", &message);
        if number == 4 {
            let claim = format!("/api/messages/{}/claim", sent["id"]);
            ask(&mut connection, &claim, &json!({"agentId": "bob"}));
        }
    }
    if schema >= 2 {
        let task = json!({"from": "alice", "title": "mend it", "target": "bob"});
        ask(&mut connection, "/api/tasks", &task);
    }
    if schema >= 3 {
        let pair = json!({"from": "alice", "target": "bob"});
        ask(&mut connection, "/api/pairs", &pair);
    }
}

async fn migrate(file: &Path, schema: i64) {
    install_default_drivers();
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let pool = AnyPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    pool.execute("PRAGMA journal_mode = WAL").await.unwrap();
    let known = ALL.iter().filter(|(version, ..)| *version <= schema);
    let migrations = known.map(|(version, name, text)| {
        Migration::new(
            *version,
            (*name).into(),
            MigrationType::Simple,
            (*text).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect()).run(&pool).await.unwrap();
    pool.close().await;
}

/// Copies what both databases have a place for; returns the newest number.
async fn copy_rows(source: &Path, file: &Path) -> i64 {
    let mut connection = open(file).await;
    let attach = format!("ATTACH '{}' AS source", source.display());
    connection.execute(fixed(attach)).await.unwrap();
    for table in TABLES {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns = connection.fetch_all(fixed(sql)).await.unwrap();
        let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
        if columns.is_empty() {
            continue;
        }
        let columns = columns.join(", ");
        let sql = format!(
            "INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM source.{table}"
        );
        connection.execute(fixed(sql)).await.unwrap();
    }
    for sql in [
        "DELETE FROM sqlite_sequence",
        "INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM source.sqlite_sequence",
    ] {
        connection.execute(sql).await.unwrap();
    }
    let newest = connection.fetch_one("SELECT max(seq) FROM sqlite_sequence").await.unwrap().get(0);
    connection.execute("DETACH source").await.unwrap();
    connection.close().await.unwrap();
    newest
}

/// A statement that is made here, of nothing but names of ours: it lives as long as the test.
fn fixed(sql: String) -> &'static str {
    Box::leak(sql.into_boxed_str())
}

async fn open(file: &Path) -> AnyConnection {
    install_default_drivers();
    AnyConnection::connect(&format!("sqlite://{}?mode=rw", file.display())).await.unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
