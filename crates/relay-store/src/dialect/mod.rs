//! All that differs between databases: how a connection is made and kept safe, how a transaction
//! begins and ends, how a list or a batch of rows is passed in one parameter, how text is searched.
//!
//! Everything else in this crate is the same SQL for both: `$1` placeholders, BIGINT and TEXT, and
//! three words of our own that [`Dialect::sql`] writes out: `IN (EACH($n))` for the texts of a JSON
//! list passed in one parameter, `IN (EACH_ID($n))` for its numbers, `TEXT_FITS($n)` for a search.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::sync::OnceLock;

use relay_core::{message::Message, time::Timestamp, token::Digest};
use serde_json::Value;
use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Executor, SqlSafeStr, SqlStr,
    any::AnyArguments,
    migrate::{Migration, MigrationType, Migrator},
    query::Query,
};

use crate::{error::StoreError, place::Place, row};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Where the log and the directory stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    /// The largest number ever given, whatever was deleted since.
    pub(crate) highest: i64,
    /// Up to which number events may have been removed.
    pub(crate) pruned: i64,
    /// The directory's version, where several servers change it.
    pub(crate) directory: i64,
    /// The version at which something was last deleted from it.
    pub(crate) reset: i64,
    /// The database's time, where it has one.
    pub(crate) now: Option<Timestamp>,
}

/// What is said at the end of a transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct End<'a> {
    /// The channel on which other servers hear of it, and the newest number.
    pub(crate) news: Option<(&'a str, i64)>,
    /// True where the directory was changed.
    pub(crate) changed: bool,
}

/// How a connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
    /// To read all of it and write that elsewhere.
    Copy,
}

/// What a database was found to be before anything was written to it.
pub(crate) enum Found {
    /// Nothing in it yet.
    Empty,
    /// A relay's, with this schema.
    Schema(i64),
    /// Somebody else's.
    Foreign,
    /// Nobody's any more; this is wrong with it.
    Damaged(&'static str),
}

/// A step from one schema to the next: its number, its name, its statements.
type Step = (i64, &'static str, &'static str);

fn migrator(steps: &[Step]) -> Migrator {
    let migration = |(version, name, text): &Step| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(migration).collect())
}

/// The columns of a new message, in the order in which they are bound.
pub(crate) const NEW_MESSAGE: [&str; 19] = [
    "id",
    "sender",
    "target",
    "address",
    "subject",
    "body",
    "kind",
    "urgency",
    "channel",
    "reply_to",
    "thread_id",
    "idempotency_key",
    "request_digest",
    "payload",
    "meta",
    "verified",
    "created_at",
    "expires_at",
    "claim_state",
];

impl Dialect {
    /// Writes our own words out as this database has them.
    pub(crate) fn sql(self, text: &'static str) -> SqlStr {
        if !text.contains("EACH") && !text.contains("TEXT_FITS") {
            return text.into_sql_str();
        }
        let (texts, ids, no_id, fits) = match self {
            Self::Sqlite => (sqlite::EACH, sqlite::EACH, sqlite::NONE, sqlite::TEXT_FITS),
            Self::Postgres => {
                (postgres::EACH, postgres::EACH_ID, postgres::NO_ID, postgres::TEXT_FITS)
            }
        };
        let text = write_out(text, "IN (EACH(", "))", texts);
        let text = write_out(&text, "NOT IN (EACH_ID(", "))", no_id);
        let text = write_out(&text, "IN (EACH_ID(", "))", ids);
        AssertSqlSafe(write_out(&text, "TEXT_FITS(", ")", fits)).into_sql_str()
    }

    /// Stores a batch of messages in as few statements as may be.
    pub(crate) fn insert_messages(
        self,
        messages: &[(Message, Option<Digest>)],
    ) -> Vec<Query<'static, Any, AnyArguments>> {
        match self {
            Self::Sqlite => vec![sqlite::insert_messages(messages)],
            Self::Postgres => postgres::insert_messages(messages),
        }
    }

    /// Stores one message that belongs to a task or a pair.
    #[expect(clippy::unused_self, reason = "one text does for both")]
    pub(crate) fn insert_message(self, message: &Message) -> Query<'static, Any, AnyArguments> {
        static TEXT: OnceLock<String> = OnceLock::new();
        let text = TEXT.get_or_init(|| {
            let places: Vec<String> =
                (1..=NEW_MESSAGE.len() + 2).map(|place| format!("${place}")).collect();
            format!(
                "INSERT INTO message ({}, task_id, pair_id, claim_generation) VALUES ({}, 0)",
                NEW_MESSAGE.join(", "),
                places.join(", ")
            )
        });
        row::bind_message(sqlx::query(text.as_str()), message, None)
            .bind(message.task_id.map(|id| id.0))
            .bind(message.pair_id.as_ref().map(ToString::to_string))
    }

    /// Stores a batch of events in one statement: one parameter, a JSON list of rows.
    pub(crate) fn insert_events(self) -> &'static str {
        match self {
            Self::Sqlite => sqlite::INSERT_EVENTS,
            Self::Postgres => postgres::INSERT_EVENTS,
        }
    }

    /// Rows as JSON lists, each the parameter of one statement.
    pub(crate) fn lists(self, rows: Vec<Value>) -> Vec<String> {
        match self {
            Self::Sqlite => vec![Value::Array(rows).to_string()],
            Self::Postgres => postgres::lists(rows),
        }
    }

    /// Writes the words of a search as the full-text engine reads them: every word must stand there,
    /// the last may be a word's beginning. Nobody's text becomes an operator. `None` where there is
    /// no word.
    pub(crate) fn search_words(self, text: &str) -> Option<String> {
        match self {
            Self::Sqlite => sqlite::search_words(text),
            Self::Postgres => postgres::search_words(text),
        }
    }

    /// Makes messages unsearchable: one parameter, a JSON list of ids.
    pub(crate) fn forget_texts(self) -> SqlStr {
        self.sql(match self {
            Self::Sqlite => "DELETE FROM message_text WHERE rowid IN (EACH_ID($1))",
            Self::Postgres => "DELETE FROM message_text WHERE id IN (EACH_ID($1))",
        })
    }

    /// Begins the writer's transaction. Where others write, too, it waits for its turn, and says what
    /// they have done meanwhile.
    pub(crate) async fn begin(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Option<Standing>, StoreError> {
        match self {
            Self::Sqlite => {
                connection.execute(sqlite::BEGIN).await?;
                Ok(None)
            }
            Self::Postgres => postgres::begin(connection).await.map(Some),
        }
    }

    /// Makes the writer's transaction final. Returns the directory's version, where that was changed
    /// and has one.
    pub(crate) async fn commit(
        self,
        connection: &mut AnyConnection,
        end: End<'_>,
    ) -> Result<Option<i64>, sqlx::Error> {
        match self {
            Self::Sqlite => connection.execute("COMMIT").await.map(|_| None),
            Self::Postgres => postgres::commit(connection, end).await,
        }
    }

    /// Where the log and the directory stand.
    pub(crate) async fn standing(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Standing, sqlx::Error> {
        match self {
            Self::Sqlite => sqlite::standing(connection).await,
            Self::Postgres => postgres::standing(connection).await,
        }
    }

    /// What a look that found nothing wrong is called.
    pub(crate) fn well(self) -> &'static str {
        match self {
            Self::Sqlite => "the integrity check found nothing",
            Self::Postgres => "PostgreSQL answers",
        }
    }

    /// What to say of a look that found something.
    pub(crate) fn unwell(self, found: &str) -> String {
        match self {
            Self::Sqlite => format!("the integrity check found: {found}; restore a backup"),
            Self::Postgres => format!("PostgreSQL answers: {found}"),
        }
    }

    /// A look at the database; `ok` when nothing is wrong with it.
    pub(crate) async fn check(self, readers: &AnyPool) -> Result<String, sqlx::Error> {
        match self {
            Self::Sqlite => sqlite::integrity_check(readers).await,
            Self::Postgres => postgres::check(readers).await,
        }
    }
}

/// Opens the connection that writes.
pub(crate) async fn connect(place: &Place) -> Result<AnyConnection, StoreError> {
    match place {
        Place::File(path) => Ok(sqlite::connect(path, Access::Write).await?),
        Place::Server(address) => postgres::connect(address, Access::Write).await,
    }
}

/// Opens the pool that reads.
pub(crate) async fn readers(place: &Place, size: u32) -> Result<AnyPool, sqlx::Error> {
    match place {
        Place::File(path) => sqlite::readers(path, size).await,
        Place::Server(address) => postgres::readers(address, size).await,
    }
}

/// All rows of one of our own tables.
pub(crate) fn all_of(table: &'static str) -> SqlStr {
    AssertSqlSafe(format!("SELECT * FROM {table}")).into_sql_str()
}

/// The number of rows of one of our own tables.
pub(crate) fn count_of(table: &'static str) -> SqlStr {
    AssertSqlSafe(format!("SELECT count(*) FROM {table}")).into_sql_str()
}

/// Replaces every `begin…end` by the form, with what stood between in place of its `{}`.
fn write_out(text: &str, begin: &str, end: &str, form: &str) -> String {
    let mut written = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        let (inner, after) = after.split_once(end).unwrap_or((after, ""));
        written.push_str(before);
        written.push_str(&form.replace("{}", inner));
        rest = after;
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_words_are_written_out_for_each_database() {
        let text = "a IN (EACH($1)) AND b NOT IN (EACH_ID($2)) AND TEXT_FITS($3) AND c IN (d)";
        assert_eq!(
            Dialect::Sqlite.sql(text).as_str(),
            "a IN (SELECT value FROM json_each($1)) AND b NOT IN (SELECT value FROM json_each($2)) \
             AND m.id IN (SELECT rowid FROM message_text WHERE message_text MATCH $3) AND c IN (d)"
        );
        assert_eq!(
            Dialect::Postgres.sql(text).as_str(),
            "a = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb))) \
             AND b <> ALL (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)::bigint)) \
             AND m.id IN (SELECT id FROM message_text WHERE words @@ $3::tsquery) AND c IN (d)"
        );
    }
}
