//! PostgreSQL: any number of relays, which take turns at writing.
//!
//! A batch takes one lock before it draws its first number, and holds it to the commit. So numbers are
//! committed in their order, `id > cursor` misses nothing, and whoever decides has seen all that was
//! decided before: what others have committed is looked up right behind the lock.

use std::time::Duration;

use relay_core::{message::Message, time::Timestamp, token::Digest};
use serde_json::{Value, json};
use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row, SqlSafeStr, SqlStr,
    any::{AnyArguments, AnyPoolOptions},
    migrate::Migrator,
    query::Query,
};

use super::{Access, End, Found, Standing, Step};
use crate::{error::StoreError, place::Address};

/// One writer at a time, of all servers: the first half of the lock's name. The second is the
/// schema's, so that relays in several schemas of one database do not wait for each other.
const WRITING: i32 = 4850;
/// One server at a time does what happens by itself.
pub(crate) const DUTY: i32 = 4851;

/// The texts of a JSON list, as an array: with `IN (SELECT …)` the planner would not use indexes
/// while it knows nothing of the table.
pub(super) const EACH: &str = "= ANY (ARRAY(SELECT jsonb_array_elements_text({}::jsonb)))";
pub(super) const EACH_ID: &str =
    "= ANY (ARRAY(SELECT jsonb_array_elements_text({}::jsonb)::bigint))";
pub(super) const NO_ID: &str =
    "<> ALL (ARRAY(SELECT jsonb_array_elements_text({}::jsonb)::bigint))";

/// The condition that a message's text fits the search words of a parameter.
pub(super) const TEXT_FITS: &str =
    "m.id IN (SELECT id FROM message_text WHERE words @@ {}::tsquery)";

/// Stores a batch of messages in one statement: one parameter, a JSON list of rows.
const INSERT_MESSAGES: &str = "INSERT INTO message (id, sender, target, address, subject, body, kind, urgency, channel, \
     reply_to, thread_id, idempotency_key, request_digest, payload, meta, verified, created_at, expires_at, \
     claim_state, claim_generation) \
     SELECT (r->>0)::bigint, r->>1, r->>2, r->>3, r->>4, r->>5, r->>6, r->>7, r->>8, (r->>9)::bigint, \
     (r->>10)::bigint, r->>11, r->>12, r->>13, r->>14, (r->>15)::bigint, (r->>16)::bigint, (r->>17)::bigint, \
     r->>18, 0 FROM jsonb_array_elements($1::jsonb) AS rows(r)";

/// Stores a batch of events in one statement: one parameter, a JSON list of rows.
pub(super) const INSERT_EVENTS: &str = "INSERT INTO event (seq, name, at, message_id, actor, recipient, data, task_id) \
     SELECT (r->>0)::bigint, r->>1, (r->>2)::bigint, (r->>3)::bigint, r->>4, r->>5, r->>6, (r->>7)::bigint \
     FROM jsonb_array_elements($1::jsonb) AS rows(r)";

/// Makes messages searchable: one parameter, a JSON list of ids, each with its words.
pub(crate) const INDEX_WORDS: &str = "INSERT INTO message_text (id, words) \
     SELECT (r->>0)::bigint, array_to_tsvector(ARRAY(SELECT jsonb_array_elements_text(r->1))) \
     FROM jsonb_array_elements($1::jsonb) AS rows(r) ON CONFLICT (id) DO NOTHING";

/// How far the log has come, what was removed of it, which version the directory has, and the time.
const STANDING: &str = "SELECT greatest(coalesce((SELECT max(id) FROM message), 0), \
     coalesce((SELECT max(seq) FROM event), 0), \
     coalesce((SELECT max(value) FROM counter WHERE name IN ('pruned_through', 'floor')), 0)) AS highest, \
     coalesce((SELECT value FROM counter WHERE name = 'pruned_through'), 0) AS pruned, \
     greatest(coalesce((SELECT max(version) FROM agent), 0), coalesce((SELECT max(version) FROM token), 0), \
     coalesce((SELECT value FROM counter WHERE name = 'directory_reset'), 0)) AS directory, \
     coalesce((SELECT value FROM counter WHERE name = 'directory_reset'), 0) AS reset, \
     (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now";

/// The migrations, oldest first.
const MIGRATIONS: &[Step] = &[
    (1, "messages", include_str!("../../migrations/postgres/0001_messages.sql")),
    (2, "tasks", include_str!("../../migrations/postgres/0002_tasks.sql")),
    (3, "pairs", include_str!("../../migrations/postgres/0003_pairs.sql")),
];

/// Bytes of a parameter that fit one record of TLS, which holds 16 KiB, beside what is sent with it.
const RECORD: usize = 16_000;

/// With it the server finds within 25 seconds that a relay's machine is gone.
macro_rules! keepalive {
    () => {
        "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
         SET tcp_user_timeout = '20s'; "
    };
}

/// The settings of the connection that listens.
pub(crate) const LISTENING: &str = concat!(keepalive!(), "SET statement_timeout = '5s'");

/// How long a connection may take to come about; nobody waits for a database that is not there.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long whoever reads waits for a connection, among many who read.
const CROWDED: Duration = Duration::from_secs(10);
/// A pooled connection that was idle for so long is tried before it is used.
const IDLE: Duration = Duration::from_secs(1);

pub(super) fn insert_messages(
    messages: &[(Message, Option<Digest>)],
) -> Vec<Query<'static, Any, AnyArguments>> {
    let rows = messages.iter().map(|(message, digest)| row(message, digest.as_ref()));
    lists(rows).into_iter().map(|list| sqlx::query(INSERT_MESSAGES).bind(list)).collect()
}

/// Rows as JSON lists, each a parameter of one statement that fits one record of TLS; a row that is
/// larger stands alone. The driver leaves Nagle's algorithm on (sqlx 0.9.0, issue 4335), with which a
/// second record waits for the server's delayed acknowledgement of the first: 40 ms, with the lock held.
pub(crate) fn lists(rows: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for row in rows {
        let row = row.to_string();
        match lists.last_mut().filter(|list| list.len() + row.len() < RECORD) {
            Some(list) => {
                list.push(',');
                list.push_str(&row);
            }
            None => lists.push(format!("[{row}")),
        }
    }
    for list in &mut lists {
        list.push(']');
    }
    lists
}

/// A new message as its row in the batch, in the order of the columns.
fn row(message: &Message, digest: Option<&Digest>) -> Value {
    let facts =
        |map: &serde_json::Map<String, Value>| (!map.is_empty()).then(|| json!(map).to_string());
    json!([
        message.id,
        message.from,
        message.to.to_string(),
        message.to.address().to_string(),
        message.subject,
        message.body,
        message.kind,
        message.urgency.as_str(),
        message.channel,
        message.reply_to,
        message.thread_id,
        message.idempotency_key,
        digest.map(Digest::as_str),
        facts(&message.payload),
        facts(&message.meta),
        i64::from(message.verified),
        message.created_at,
        message.expires_at,
        message.claimable.then_some("open"),
    ])
}

/// Stores rows of one of our own tables as they come from elsewhere: one parameter, a JSON list of
/// objects. What is there already stays: a new database has the operator's membership.
pub(crate) fn insert_rows(table: &'static str) -> SqlStr {
    AssertSqlSafe(format!(
        "INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1::jsonb) ON CONFLICT DO NOTHING"
    ))
    .into_sql_str()
}

/// The words of a search: each must stand there, the last may be a word's beginning.
pub(super) fn search_words(text: &str) -> Option<String> {
    let words = words(text);
    let (last, others) = words.split_last()?;
    let words = others.iter().map(|word| format!("'{word}'")).chain([format!("'{last}':*")]);
    Some(words.collect::<Vec<_>>().join(" & "))
}

/// The words of a text, without case. We split and fold ourselves: what a database takes for a word or
/// a letter depends on how it was set up.
pub(crate) fn words(text: &str) -> Vec<String> {
    /// A longer lexeme would be refused.
    const LONGEST: usize = 255;
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().chars().take(LONGEST).collect())
        .collect()
}

pub(crate) fn migrator() -> Migrator {
    super::migrator(MIGRATIONS)
}

/// What makes a commit durable and a connection safe. Timeouts bound what one server can do to the
/// others: who stalls with the lock in hand loses it. A session that would not flush at its commits is made to.
async fn prepare(connection: &mut AnyConnection, access: Access) -> Result<(), sqlx::Error> {
    let common = concat!(
        keepalive!(),
        "SET application_name = 'agent-relay'; \
         SET client_min_messages = warning; \
         SET lock_timeout = '5s'; \
         SET statement_timeout = '30s'; \
         SET idle_in_transaction_session_timeout = '10s'; \
         SELECT set_config('synchronous_commit', 'on', false) \
         FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off';"
    );
    sqlx::raw_sql(common).execute(&mut *connection).await?;
    if access == Access::Read {
        // A plan that suits every reader would suit few: each looks for something else.
        let reading =
            "SET default_transaction_read_only = on; SET plan_cache_mode = force_custom_plan";
        sqlx::raw_sql(reading).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Opens a connection.
pub(crate) async fn connect(
    address: &Address,
    access: Access,
) -> Result<AnyConnection, StoreError> {
    sqlx::any::install_default_drivers();
    let connecting = async {
        let mut connection = AnyConnection::connect(address.url()).await?;
        prepare(&mut connection, access).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    let why = match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(connection)) => return Ok(connection),
        Ok(Err(sqlx::Error::Io(error))) => error.to_string(),
        Ok(Err(sqlx::Error::Database(error))) => error.message().to_owned(),
        Ok(Err(sqlx::Error::Tls(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "does not answer".to_owned(),
    };
    Err(StoreError::Unreachable { address: address.to_string(), why })
}

/// Opens the pool that reads.
pub(crate) async fn readers(address: &Address, size: u32) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(CROWDED)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < IDLE {
                    return Ok(true);
                }
                // One that does not answer is replaced.
                Ok(tokio::time::timeout(PATIENCE, connection.ping()).await.is_ok_and(|p| p.is_ok()))
            })
        })
        .after_connect(|connection, _| Box::pin(prepare(connection, Access::Read)))
        .connect(address.url())
        .await
}

/// Runs the migrations that are missing. Servers that start at once wait for each other: the driver
/// takes a lock of its own.
pub(crate) async fn migrate(address: &Address) -> Result<(), StoreError> {
    let mut connection = connect(address, Access::Write).await?;
    // It waits for as long as another server needs.
    sqlx::raw_sql("SET lock_timeout = 0; SET statement_timeout = 0")
        .execute(&mut connection)
        .await?;
    let done = migrator().run(&mut connection).await;
    let _ = connection.close().await;
    done.map_err(|error| StoreError::Failed(format!("migration: {error}")))
}

/// Looks at a database without writing to it.
pub(crate) async fn look(connection: &mut AnyConnection) -> Result<Found, sqlx::Error> {
    let sql = "SELECT count(*) AS tables, \
         count(*) FILTER (WHERE table_name = '_sqlx_migrations') AS schemas, \
         count(*) FILTER (WHERE table_name IN ('membership', 'message')) AS ours \
         FROM information_schema.tables WHERE table_schema = current_schema()";
    let row = connection.fetch_one(sql).await?;
    let (tables, schemas, ours): (i64, i64, i64) =
        (row.try_get("tables")?, row.try_get("schemas")?, row.try_get("ours")?);
    match (tables, schemas, ours) {
        // Or a migration that did not come to its end.
        (0, ..) | (1, 1, 0) => Ok(Found::Empty),
        (_, 1, 2) => {
            let sql = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";
            Ok(Found::Schema(connection.fetch_one(sql).await?.try_get(0)?))
        }
        _ => Ok(Found::Foreign),
    }
}

/// What makes a commit less than durable in the server's settings, if anything does.
pub(crate) async fn reduced(connection: &mut AnyConnection) -> Result<Option<String>, sqlx::Error> {
    let sql = "SELECT coalesce(string_agg(name, ', ' ORDER BY name), '') FROM pg_settings \
         WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'";
    let off: String = connection.fetch_one(sql).await?.try_get(0)?;
    Ok((!off.is_empty()).then(|| format!("{off} is off in PostgreSQL's settings")))
}

/// Begins a transaction, takes the lock, and looks at what others have committed. Each statement sees
/// what was committed when it began, so looking must come behind the lock and not with it.
pub(super) async fn begin(connection: &mut AnyConnection) -> Result<Standing, StoreError> {
    let sql = format!(
        "BEGIN; SELECT 1 AS locked FROM pg_advisory_xact_lock({WRITING}, hashtext(current_schema())); {STANDING}"
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
    let row = rows.last().ok_or_else(|| StoreError::Failed("no standing was told".into()))?;
    Ok(read_standing(row)?)
}

/// What others have committed, as far as it can be seen without the lock.
pub(crate) async fn standing<'e>(
    executor: impl Executor<'e, Database = Any>,
) -> Result<Standing, sqlx::Error> {
    read_standing(&executor.fetch_one(STANDING).await?)
}

fn read_standing(row: &sqlx::any::AnyRow) -> Result<Standing, sqlx::Error> {
    Ok(Standing {
        highest: row.try_get("highest")?,
        pruned: row.try_get("pruned")?,
        directory: row.try_get("directory")?,
        reset: row.try_get("reset")?,
        now: Some(Timestamp(row.try_get("now")?)),
    })
}

/// Ends a transaction. With news, the others are told where the log and the directory stand now. Returns
/// the directory's version, where it may have changed.
pub(super) async fn commit(
    connection: &mut AnyConnection,
    end: End<'_>,
) -> Result<Option<i64>, sqlx::Error> {
    let version = "SELECT d.last_value AS version FROM directory_version d";
    let sql = match (end.news, end.changed) {
        (None, false) => "COMMIT".to_owned(),
        (None, true) => format!("{version}; COMMIT"),
        // The channel is of our own making and needs no quotes.
        (Some((channel, last)), _) => {
            format!("{version}, LATERAL pg_notify('{channel}', '{last} ' || d.last_value); COMMIT")
        }
    };
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.first().map(|row| row.try_get("version")).transpose()
}

/// The channel on which the servers of this schema tell each other that there is news.
pub(crate) async fn channel(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    let sql = "SELECT 'agent_relay_' || (hashtext(current_schema())::bigint & 4294967295)";
    connection.fetch_one(sql).await?.try_get(0)
}

/// A look at the database; `ok` when it answers.
pub(crate) async fn check<'e>(
    executor: impl Executor<'e, Database = Any>,
) -> Result<String, sqlx::Error> {
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN 'this is a standby, which takes no writes' ELSE 'ok' END";
    executor.fetch_one(sql).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_fit_a_record_and_lose_nothing() {
        let texts: Vec<String> =
            [9_000, 6_000, 9_000, 40_000, 1, 2].map(|size| "x".repeat(size)).into();
        let lists = lists(texts.iter().map(|text| json!([text])));
        let read: Vec<Vec<(String,)>> =
            lists.iter().map(|list| serde_json::from_str(list).unwrap()).collect();
        assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1, 2]);
        assert_eq!(read.into_iter().flatten().map(|row| row.0).collect::<Vec<_>>(), texts);
        assert!(lists.iter().all(|list| list.len() <= 16_384 || list.len() > 40_000));
        assert!(super::lists([]).is_empty());
    }

    #[test]
    fn nobodys_text_becomes_an_operator() {
        assert_eq!(search_words("Flaky OR auth").as_deref(), Some("'flaky' & 'or' & 'auth':*"));
        assert_eq!(search_words("a'b -c* (d)").as_deref(), Some("'a' & 'b' & 'c' & 'd':*"));
        assert_eq!(search_words(" -- "), None);
    }
}
