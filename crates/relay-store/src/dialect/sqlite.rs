//! SQLite: one file, one writer, a write-ahead log that is flushed at every commit.

use std::{path::Path, sync::OnceLock, time::Duration};

use relay_core::{message::Message, token::Digest};
use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Executor, Row,
    any::{AnyArguments, AnyPoolOptions, AnyRow},
    migrate::Migrator,
    query::Query,
};

use super::{Access, Found, NEW_MESSAGE, Standing, Step};
use crate::{error::StoreError, row};

/// The oldest SQLite without the bug that loses commits when a checkpoint races a writer.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// Opens the writer's transaction with the lock taken, so that it can never lose a race for it.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

/// How long a statement waits for another connection.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// The values of a JSON list.
pub(super) const EACH: &str = "IN (SELECT value FROM json_each({}))";
pub(super) const NONE: &str = "NOT IN (SELECT value FROM json_each({}))";

/// Stores a batch of messages in one statement. There is one text for each power of two, so that a
/// few prepared statements serve every batch. Rows that are not needed are bound as nulls, and left
/// out.
pub(super) fn insert_messages(
    messages: &[(Message, Option<Digest>)],
) -> Query<'static, Any, AnyArguments> {
    static TEXTS: [OnceLock<String>; 12] = [const { OnceLock::new() }; 12];
    let places = messages.len().next_power_of_two();
    let text = TEXTS[places.trailing_zeros() as usize].get_or_init(|| {
        // Not `$1`: SQLite looks names up one by one, which is quadratic in a long list.
        let row = format!("({})", ["?"; NEW_MESSAGE.len()].join(","));
        let values = vec![row; places];
        format!(
            "INSERT INTO message ({}, claim_generation) SELECT *, 0 FROM (VALUES {}) WHERE column1 IS NOT NULL",
            NEW_MESSAGE.join(", "),
            values.join(",")
        )
    });
    let mut query = sqlx::query(text.as_str());
    for (message, digest) in messages {
        query = row::bind_message(query, message, digest.as_ref());
    }
    for _ in messages.len()..places {
        query = row::bind_nothing(query);
    }
    query
}

/// Stores a batch of events in one statement: one parameter, a JSON list of rows.
pub(super) const INSERT_EVENTS: &str = "INSERT INTO event (seq, name, at, message_id, actor, recipient, data, task_id) \
     SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7 FROM json_each($1)";

/// Makes new messages searchable, up to and including an id.
pub(crate) const INDEX_TEXT: &str = "INSERT INTO message_text (rowid, subject, body) \
     SELECT id, subject, body FROM message WHERE id > $1 AND id <= $2 AND deleted_at IS NULL";

/// The condition that a message's text fits the search words of a parameter.
pub(super) const TEXT_FITS: &str =
    "m.id IN (SELECT rowid FROM message_text WHERE message_text MATCH {})";

/// Writes the words of a search as the full-text engine reads them: every word must stand there,
/// the last may be a word's beginning. Quoting makes operators out of nobody's text.
pub(super) fn search_words(text: &str) -> Option<String> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\""))
        .collect();
    (!words.is_empty()).then(|| format!("{}*", words.join(" ")))
}

/// The migrations, oldest first.
const MIGRATIONS: &[Step] = &[
    (1, "messages", include_str!("../../migrations/sqlite/0001_messages.sql")),
    (2, "tasks", include_str!("../../migrations/sqlite/0002_tasks.sql")),
    (3, "pairs", include_str!("../../migrations/sqlite/0003_pairs.sql")),
];

pub(crate) fn migrator() -> Migrator {
    super::migrator(MIGRATIONS)
}

fn url(path: &Path, access: Access) -> String {
    let mode = if access == Access::Write { "rw" } else { "ro" };
    let path: String = path
        .to_string_lossy()
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                char::from(b).to_string()
            }
            b => format!("%{b:02X}"),
        })
        .collect();
    format!("sqlite://{path}?mode={mode}")
}

/// What makes a commit durable and a connection safe. `FULL` flushes the log at every commit;
/// `fullfsync` makes macOS flush the drive too. Memory mapping stays off: a truncated file would
/// kill the process instead of failing a read.
async fn prepare(connection: &mut AnyConnection, access: Access) -> Result<(), sqlx::Error> {
    let pragmas: &[&str] = match access {
        Access::Write => &[
            BUSY_TIMEOUT,
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA fullfsync = 1",
            "PRAGMA checkpoint_fullfsync = 1",
            // Checkpoints are made beside the writer; this is the net below them.
            "PRAGMA wal_autocheckpoint = 6000",
            "PRAGMA journal_size_limit = 16777216",
            "PRAGMA mmap_size = 0",
            "PRAGMA trusted_schema = 0",
            "PRAGMA cache_size = -4096",
        ],
        // It may write, but into another file only: this one is opened for reading.
        Access::Copy => &[BUSY_TIMEOUT, "PRAGMA mmap_size = 0", "PRAGMA trusted_schema = 0"],
        Access::Read => &[
            BUSY_TIMEOUT,
            "PRAGMA query_only = 1",
            "PRAGMA mmap_size = 0",
            "PRAGMA trusted_schema = 0",
            "PRAGMA cache_size = -2048",
        ],
    };
    for pragma in pragmas {
        connection.execute(*pragma).await?;
    }
    Ok(())
}

/// Opens the connection that writes.
pub(crate) async fn connect(path: &Path, access: Access) -> Result<AnyConnection, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&url(path, access)).await?;
    prepare(&mut connection, access).await?;
    Ok(connection)
}

/// Opens the pool that reads.
pub(crate) async fn readers(path: &Path, size: u32) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(prepare(connection, Access::Read)))
        .connect(&url(path, Access::Read))
        .await
}

/// Runs the migrations that are missing, each in a transaction of its own.
pub(crate) async fn migrate(path: &Path) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| Box::pin(prepare(connection, Access::Write)))
        .connect(&url(path, Access::Write))
        .await?;
    let done = migrator().run(&pool).await;
    pool.close().await;
    done.map_err(|e| StoreError::Failed(format!("migration: {e}")))
}

/// Refuses a SQLite that loses data.
pub(crate) async fn check_engine(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let found: String = connection.fetch_one("SELECT sqlite_version()").await?.try_get(0)?;
    let mut parts = found.split('.').map(|p| p.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SQLITE {
        Err(StoreError::SqliteTooOld { found })
    } else {
        Ok(())
    }
}

/// Looks at a database without writing to it.
pub(crate) async fn look(connection: &mut AnyConnection) -> Result<Found, sqlx::Error> {
    let tables: i64 = connection
        .fetch_one("SELECT count(*) FROM sqlite_master WHERE type = 'table'")
        .await?
        .try_get(0)?;
    if tables == 0 {
        return Ok(Found::Empty);
    }
    if !schema_is_text(connection).await? {
        return Ok(Found::Damaged("its schema cannot be read"));
    }
    let ours: i64 = connection
        .fetch_one("SELECT count(*) FROM sqlite_master WHERE name IN ('_sqlx_migrations', 'membership', 'message')")
        .await?
        .try_get(0)?;
    let schemas: i64 = connection
        .fetch_one("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .await?
        .try_get(0)?;
    if schemas == 0 || (tables > 1 && ours < 3) {
        return Ok(Found::Foreign);
    }
    let version = connection
        .fetch_one("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .await?
        .try_get(0)?;
    Ok(Found::Schema(version))
}

/// SQLite takes any bytes for a name or a type; the driver panics unless they are UTF-8.
async fn schema_is_text(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let rows =
        connection.fetch_all("SELECT CAST(coalesce(sql, '') AS BLOB) FROM sqlite_master").await?;
    for row in rows {
        if std::str::from_utf8(&row.try_get::<Vec<u8>, _>(0)?).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The largest numbers ever given to a message and to an event, whatever was deleted since.
pub(crate) async fn highest(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    let sql =
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name IN ('message', 'event')";
    connection.fetch_one(sql).await?.try_get(0)
}

/// Where the log stands.
pub(super) async fn standing(connection: &mut AnyConnection) -> Result<Standing, sqlx::Error> {
    let highest = highest(connection).await?;
    let sql = "SELECT coalesce((SELECT value FROM counter WHERE name = 'pruned_through'), 0)";
    let pruned = connection.fetch_one(sql).await?.try_get(0)?;
    Ok(Standing { highest, pruned, ..Standing::default() })
}

/// Writes a consistent copy of the database into a file that is there and empty, and flushes it.
pub(crate) async fn copy_into(
    connection: &mut AnyConnection,
    file: &Path,
) -> Result<(), sqlx::Error> {
    sqlx::query("VACUUM INTO $1")
        .bind(file.to_string_lossy().into_owned())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Makes every new number larger than `floor`, and says of what is below it that it may be missing.
pub(crate) async fn raise(connection: &mut AnyConnection, floor: i64) -> Result<(), sqlx::Error> {
    connection.execute(BEGIN).await?;
    let done = raise_within(connection, floor).await;
    connection.execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}

async fn raise_within(connection: &mut AnyConnection, floor: i64) -> Result<(), sqlx::Error> {
    for sql in [
        // The table knows no conflicts: SQLite made it.
        "DELETE FROM sqlite_sequence WHERE name IN ('message', 'event')",
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('message', $1), ('event', $1)",
        "INSERT INTO counter (name, value) VALUES ('pruned_through', $1) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    ] {
        let query = sqlx::query(sql);
        let query = if sql.contains("$1") { query.bind(floor) } else { query };
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// A quick look over the whole file; `ok` when nothing is wrong.
pub(crate) async fn quick_check<'e>(
    executor: impl Executor<'e, Database = Any>,
) -> Result<String, sqlx::Error> {
    executor.fetch_one("PRAGMA quick_check(1)").await?.try_get(0)
}

/// A thorough look over the whole file; `ok` when nothing is wrong.
pub(crate) async fn integrity_check<'e>(
    executor: impl Executor<'e, Database = Any>,
) -> Result<String, sqlx::Error> {
    executor.fetch_one("PRAGMA integrity_check(1)").await?.try_get(0)
}

/// Moves the log into the database file and flushes it. False when not all of it could be moved.
pub(crate) async fn checkpoint(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let pragmas = ["PRAGMA busy_timeout = 1000", "PRAGMA wal_checkpoint(TRUNCATE)"];
    let row = with_patience(connection, pragmas).await?;
    let (busy, pages, moved): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    // A reader may keep the log from being cut off when all of it is in the file already.
    Ok(busy == 0 || (pages >= 0 && moved == pages))
}

/// Moves what can be moved without holding anybody up. Returns how many pages the log has.
pub(crate) async fn checkpoint_beside(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    connection.fetch_one("PRAGMA wal_checkpoint(PASSIVE)").await?.try_get(1)
}

/// Moves the rest and lets the log begin again. Everybody who writes waits meanwhile, so it waits
/// for readers only a moment; where one takes longer, the log grows until the next time.
pub(crate) async fn begin_log_again(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let pragmas = ["PRAGMA busy_timeout = 50", "PRAGMA wal_checkpoint(RESTART)"];
    with_patience(connection, pragmas).await.map(|_| ())
}

/// Runs the second statement with the patience that the first one sets.
async fn with_patience(
    connection: &mut AnyConnection,
    [patience, statement]: [&'static str; 2],
) -> Result<AnyRow, sqlx::Error> {
    connection.execute(patience).await?;
    let row = connection.fetch_one(statement).await;
    connection.execute(BUSY_TIMEOUT).await?;
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_text_becomes_an_operator() {
        assert_eq!(search_words("flaky OR auth").as_deref(), Some("\"flaky\" \"OR\" \"auth\"*"));
        assert_eq!(search_words("a\"b -c* (d)").as_deref(), Some("\"a\" \"b\" \"c\" \"d\"*"));
        assert_eq!(search_words(" -- "), None);
    }

    #[test]
    fn a_path_is_escaped_for_the_address() {
        assert_eq!(
            url(Path::new("/a b/ü?.db"), Access::Read),
            "sqlite:///a%20b/%C3%BC%3F.db?mode=ro"
        );
    }

    #[tokio::test]
    async fn the_linked_sqlite_is_new_enough() {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect("sqlite::memory:").await.unwrap();
        check_engine(&mut connection).await.unwrap();
    }
}
