//! A transaction as the commands see it: the connection, the moment, the next number, the directory
//! as this batch has left it, and what is to be told once it is on disk.

use std::{sync::Arc, time::Duration};

use relay_core::{
    event::Event,
    id::{AgentId, Seq},
    time::Timestamp,
};
use serde_json::Value;
use sqlx::{Any, AnyConnection, query::Query};

use crate::{
    dialect::Dialect,
    directory::{Change, Directory},
    error::StoreError,
    event,
};

/// How long a grant lasts without a sign of life.
pub(crate) const LEASE: Duration = relay_core::lease::DEFAULT_SPAN;

pub(crate) struct Tx<'w> {
    pub(crate) dialect: Dialect,
    pub(crate) connection: &'w mut AnyConnection,
    pub(crate) directory: &'w mut Directory,
    last: &'w mut i64,
    now: Timestamp,
    pub(crate) outcome: Outcome,
}

/// What a batch has done, told to everybody once it is on disk.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) changes: Vec<Change>,
    pub(crate) pruned_through: Option<Seq>,
    /// True where callbacks were written, or are due again.
    pub(crate) callbacks: bool,
    unwritten: Vec<Value>,
    alive: Vec<AgentId>,
}

impl Outcome {
    /// True where other servers shall hear of it at once. Signs of life can wait until they look.
    pub(crate) fn is_news(&self) -> bool {
        let said = |change: &Change| !matches!(change, Change::Put(_));
        !self.events.is_empty() || self.callbacks || self.changes.iter().any(said)
    }
}

impl<'w> Tx<'w> {
    pub(crate) fn new(
        dialect: Dialect,
        connection: &'w mut AnyConnection,
        directory: &'w mut Directory,
        last: &'w mut i64,
        now: Timestamp,
    ) -> Self {
        Self { dialect, connection, directory, last, now, outcome: Outcome::default() }
    }

    /// The moment of this transaction, the same for all in it.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Draws the next number of the one sequence of messages and events.
    pub(crate) fn next_seq(&mut self) -> Seq {
        *self.last += 1;
        Seq(*self.last)
    }

    /// The last number that was drawn.
    pub(crate) fn last_seq(&self) -> Seq {
        Seq(*self.last)
    }

    /// Appends an event to the log; its row is written with the batch's others.
    pub(crate) fn append(&mut self, event: Event) -> Result<(), StoreError> {
        self.outcome.unwritten.push(event::new_row(&event)?);
        self.outcome.events.push(Arc::new(event));
        Ok(())
    }

    /// Tells of a message, whose own row is its event.
    pub(crate) fn publish(&mut self, event: Event) {
        self.outcome.events.push(Arc::new(event));
    }

    /// Changes the directory, here now and for everybody at the commit.
    pub(crate) fn change(&mut self, change: Change) {
        self.directory.apply(&change);
        self.outcome.changes.push(change);
    }

    /// Notes that an agent is alive: what it holds is renewed, in one statement for the batch.
    pub(crate) fn alive(&mut self, id: &AgentId) {
        self.outcome.alive.push(id.clone());
    }

    /// Runs a statement.
    pub(crate) async fn execute(
        &mut self,
        query: Query<'_, Any, sqlx::any::AnyArguments>,
    ) -> Result<u64, StoreError> {
        Ok(query.execute(&mut *self.connection).await?.rows_affected())
    }

    /// Writes the events that were appended so far, for a statement that is about to read them.
    pub(crate) async fn flush_events(&mut self) -> Result<(), StoreError> {
        if self.outcome.unwritten.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.outcome.unwritten);
        for list in self.dialect.lists(rows) {
            self.execute(sqlx::query(self.dialect.insert_events()).bind(list)).await?;
        }
        Ok(())
    }

    /// Writes what was gathered, and hands over what is to be told.
    pub(crate) async fn finish(mut self) -> Result<Outcome, StoreError> {
        self.flush_events().await?;
        if !self.outcome.alive.is_empty() {
            self.renew().await?;
        }
        let mut outcome = self.outcome;
        outcome.events.sort_by_key(|event| event.seq);
        Ok(outcome)
    }

    /// Notes when the living were last seen, and renews what they hold.
    async fn renew(&mut self) -> Result<(), StoreError> {
        let alive = serde_json::to_string(&self.outcome.alive)?;
        let seen = self.dialect.sql("UPDATE agent SET last_seen_at = $1 WHERE id IN (EACH($2))");
        self.execute(sqlx::query(seen).bind(self.now.0).bind(alive.clone())).await?;
        let held = self.dialect.sql(
            "UPDATE message SET claim_expires_at = $1 WHERE claim_state = 'held' AND claim_expires_at > $2 \
             AND claim_by IN (EACH($3))",
        );
        let until = self.now.plus(LEASE);
        self.execute(sqlx::query(held).bind(until.0).bind(self.now.0).bind(alive)).await?;
        Ok(())
    }
}
