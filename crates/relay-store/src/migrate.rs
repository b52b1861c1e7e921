//! Moving a relay from its file into PostgreSQL: all of it, under the numbers that it has, in one
//! transaction.

use std::{collections::BTreeMap, path::Path};

use futures_util::TryStreamExt as _;
use relay_core::id::Seq;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _, any::AnyRow};

use crate::{
    backup::require,
    dialect::{self, Access, Dialect, End, Found, postgres, sqlite},
    error::StoreError,
    lock::Lock,
    open::{check_before_touching, judge},
    place::{Address, Place},
};

/// Every table that is moved. The index of texts is built anew, from the messages.
const TABLES: [&str; 11] = [
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
    "paired",
];
/// The rows that travel at once.
const CHUNK: usize = 500;
/// And the bytes, give or take a row.
const BYTES: usize = 4 << 20;

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// The file.
    pub from: String,
    /// The database, without its password.
    pub to: String,
    /// How many rows of each table.
    pub rows: BTreeMap<String, i64>,
    /// New numbers are larger than this.
    pub seq: Seq,
}

/// Moves a relay's data. Refused, with nothing changed, while a relay has the file open, and where the
/// database is not empty, somebody else's or newer. What was copied is counted before it is made final;
/// the file stays as it was.
pub async fn migrate(from: &Path, to: &Address) -> Result<Moved, StoreError> {
    require(from)?;
    check_before_touching(from).await?;
    let _lock = Lock::take(from)?;
    // An older file gets the present tables first.
    sqlite::migrate(from).await?;
    let mut source = sqlite::connect(from, Access::Read).await?;
    let mut target = prepare(to).await?;
    let moved = copy(&mut source, &mut target, to).await;
    match &moved {
        Ok(_) => {
            let end = End::default();
            Dialect::Postgres.commit(&mut target, end).await.map_err(StoreError::at_commit)?;
        }
        Err(_) => drop(target.execute("ROLLBACK").await),
    }
    let _ = (source.close().await, target.close().await);
    let (rows, seq) = moved?;
    Ok(Moved { from: from.display().to_string(), to: to.to_string(), rows, seq })
}

async fn prepare(to: &Address) -> Result<AnyConnection, StoreError> {
    let mut target = postgres::connect(to, Access::Write).await?;
    let found = postgres::look(&mut target).await?;
    let name = Place::Server(to.clone()).name();
    if matches!(found, Found::Schema(_)) {
        check_empty(&mut target, to).await?;
    }
    judge(&found, &postgres::migrator(), &name)?;
    postgres::migrate(to).await?;
    Ok(target)
}

/// A relay that has served has at least an event.
async fn check_empty(target: &mut AnyConnection, to: &Address) -> Result<(), StoreError> {
    if postgres::standing(&mut *target).await?.highest == 0 {
        return Ok(());
    }
    let why = "holds a relay's data already; nothing was changed".to_owned();
    Err(StoreError::Path { path: Place::Server(to.clone()).name(), why })
}

async fn copy(
    source: &mut AnyConnection,
    target: &mut AnyConnection,
    to: &Address,
) -> Result<(BTreeMap<String, i64>, Seq), StoreError> {
    Dialect::Postgres.begin(target).await?;
    // Now nobody else can begin to fill it.
    check_empty(target, to).await?;
    let mut rows = BTreeMap::new();
    for table in TABLES {
        copy_table(source, target, table).await?;
        let (there, here) = (count(source, table).await?, count(target, table).await?);
        if there != here {
            let why = format!("{table}: {there} rows were to be moved, and {here} arrived");
            return Err(StoreError::Failed(why));
        }
        rows.insert(table.to_owned(), here);
    }
    let standing = Dialect::Sqlite.standing(source).await?;
    // What was deleted had numbers, too.
    for (name, value) in [("pruned_through", standing.pruned), ("floor", standing.highest)] {
        let sql = "INSERT INTO counter (name, value) VALUES ($1, $2)";
        sqlx::query(sql).bind(name).bind(value).execute(&mut *target).await?;
    }
    let sql = "SELECT setval(pg_get_serial_sequence('token', 'id'), greatest((SELECT max(id) FROM token), 1))";
    target.execute(sql).await?;
    Ok((rows, Seq(standing.highest)))
}

async fn copy_table(
    source: &mut AnyConnection,
    target: &mut AnyConnection,
    table: &'static str,
) -> Result<(), StoreError> {
    let mut reading = source.fetch(dialect::all_of(table));
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while let Some(row) = reading.try_next().await? {
        let row = as_json(&row)?;
        bytes += row.as_object().into_iter().flatten().map(|(_, v)| size(v)).sum::<usize>();
        chunk.push(row);
        if chunk.len() >= CHUNK || bytes >= BYTES {
            insert(target, table, std::mem::take(&mut chunk)).await?;
            bytes = 0;
        }
    }
    insert(target, table, chunk).await
}

fn size(value: &Value) -> usize {
    value.as_str().map_or(8, str::len)
}

/// A row as an object: every column is a number or a text.
fn as_json(row: &AnyRow) -> Result<Value, StoreError> {
    use sqlx::Column as _;
    let mut object = Map::new();
    for column in row.columns() {
        let place = column.ordinal();
        let value = match row.try_get::<Option<i64>, _>(place) {
            Ok(number) => json!(number),
            Err(_) => json!(row.try_get::<Option<String>, _>(place)?),
        };
        object.insert(column.name().to_owned(), value);
    }
    Ok(Value::Object(object))
}

async fn insert(
    target: &mut AnyConnection,
    table: &'static str,
    rows: Vec<Value>,
) -> Result<(), StoreError> {
    for list in postgres::lists(rows) {
        sqlx::query(postgres::insert_rows(table)).bind(list).execute(&mut *target).await?;
    }
    Ok(())
}

async fn count(connection: &mut AnyConnection, table: &'static str) -> Result<i64, StoreError> {
    Ok(connection.fetch_one(dialect::count_of(table)).await?.try_get(0)?)
}
