//! How much integrations report, counted over all servers that share a database.

use std::time::Duration;

use relay_core::id::AgentId;
use sqlx::Row;

use crate::{error::StoreError, place::Place, queue::Command, store::Store, tx::Tx};

/// Microseconds in a minute: the bucket that empties in that time is finer than a millisecond where
/// many reports are allowed.
const MINUTE: i64 = 60_000_000;

impl Store {
    /// Counts a report of an integration that may post so many in a minute, over all servers. Returns how
    /// long it must wait where it has posted too many. A relay that has its database to itself counts by
    /// itself, and nothing is written here.
    pub async fn count_report(
        &self,
        integration: &AgentId,
        per_minute: u32,
    ) -> Result<Option<Duration>, StoreError> {
        match self.place {
            Place::File(_) => Ok(None),
            Place::Server(_) => {
                let each = MINUTE / i64::from(per_minute.max(1));
                self.queue.run(Count { integration: integration.folded(), each }).await
            }
        }
    }
}

struct Count {
    integration: String,
    /// What one report puts into the bucket.
    each: i64,
}

impl Command for Count {
    type Reply = Option<Duration>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Duration>, StoreError> {
        let now = tx.now().0 * 1000;
        let sql = "SELECT full_at FROM rate WHERE integration = $1";
        let query = sqlx::query(sql).bind(self.integration.clone());
        let row = query.fetch_optional(&mut *tx.connection).await?;
        let level: i64 = row.map(|row| row.try_get("full_at")).transpose()?.unwrap_or(now);
        let full_at = level.max(now) + self.each;
        if full_at - now > MINUTE {
            let wait = u64::try_from(full_at - now - MINUTE).unwrap_or(0);
            return Ok(Some(Duration::from_micros(wait)));
        }
        let sql = "INSERT INTO rate (integration, full_at) VALUES ($1, $2) \
             ON CONFLICT (integration) DO UPDATE SET full_at = $2";
        tx.execute(sqlx::query(sql).bind(self.integration.clone()).bind(full_at)).await?;
        Ok(None)
    }
}
