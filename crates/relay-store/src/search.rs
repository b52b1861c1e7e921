//! The full-text index, which follows the log behind the sends and never holds one up.

use relay_core::id::Seq;
use serde_json::json;
use sqlx::Row;

use crate::{
    dialect::{Dialect, postgres, sqlite},
    error::StoreError,
    queue::Command,
    store::Store,
    tx::Tx,
};

/// The most numbers of the log that one transaction indexes: whoever sends meanwhile waits for it.
const CHUNK: i64 = 256;

impl Store {
    /// Makes everything searchable that was stored before the call.
    pub async fn index(&self) -> Result<(), StoreError> {
        let through = self.head();
        while indexed(&self.readers).await? < through.0 {
            self.queue.run(IndexText { through }).await?;
        }
        Ok(())
    }
}

pub(crate) async fn indexed<'e>(
    executor: impl sqlx::Executor<'e, Database = sqlx::Any>,
) -> Result<i64, StoreError> {
    let sql = "SELECT value FROM counter WHERE name = 'indexed_through'";
    let row = sqlx::query(sql).fetch_optional(executor).await?;
    Ok(row.map(|row| row.try_get("value")).transpose()?.unwrap_or(0))
}

struct IndexText {
    through: Seq,
}

impl Command for IndexText {
    type Reply = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let from = indexed(&mut *tx.connection).await?;
        let to = self.through.0.min(from + CHUNK);
        if to > from {
            match tx.dialect {
                Dialect::Sqlite => {
                    tx.execute(sqlx::query(sqlite::INDEX_TEXT).bind(from).bind(to)).await?;
                }
                Dialect::Postgres => index_words(tx, from, to).await?,
            }
            set_counter(tx, "indexed_through", to).await?;
        }
        Ok(())
    }
}

/// Splits the texts into words here: what a database takes for a word or a letter depends on how it
/// was set up.
async fn index_words(tx: &mut Tx<'_>, from: i64, to: i64) -> Result<(), StoreError> {
    let sql =
        "SELECT id, subject, body FROM message WHERE id > $1 AND id <= $2 AND deleted_at IS NULL";
    let rows = sqlx::query(sql).bind(from).bind(to).fetch_all(&mut *tx.connection).await?;
    let mut words = Vec::with_capacity(rows.len());
    for row in rows {
        let subject: Option<String> = row.try_get("subject")?;
        let text = format!("{} {}", subject.unwrap_or_default(), row.try_get::<String, _>("body")?);
        words.push(json!([row.try_get::<i64, _>("id")?, postgres::words(&text)]));
    }
    for list in postgres::lists(words) {
        tx.execute(sqlx::query(postgres::INDEX_WORDS).bind(list)).await?;
    }
    Ok(())
}

pub(crate) async fn set_counter(
    tx: &mut Tx<'_>,
    name: &'static str,
    value: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
    tx.execute(sqlx::query(sql).bind(name).bind(value)).await?;
    Ok(())
}
