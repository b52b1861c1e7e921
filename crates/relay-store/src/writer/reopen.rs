//! After a failure: the database is opened again and checked before anything is written.

use std::sync::{PoisonError, atomic::Ordering};

use relay_core::id::Seq;
use sqlx::AnyConnection;

use super::Writer;
use crate::{
    dialect::{self, Dialect, sqlite},
    error::StoreError,
    event::Reader,
    feed::Told,
    load::{self, Loaded},
    store::WriterState,
};

impl Writer {
    /// Opens the database again after the disk failed, and checks it before anything is written:
    /// what was answered must be there, and the log must reach the disk now.
    pub(super) async fn reopen(&mut self) -> Result<AnyConnection, StoreError> {
        let opened = self.try_reopen().await;
        if let Err(error) = &opened {
            self.shared.set_state(WriterState::Failed(error.to_string()));
        }
        opened
    }

    async fn try_reopen(&mut self) -> Result<AnyConnection, StoreError> {
        let mut connection = dialect::connect(&self.place).await?;
        if self.dialect == Dialect::Sqlite {
            self.check_file(&mut connection).await?;
        }
        let Loaded { directory, standing } =
            load::all(&mut connection, self.dialect, &self.integrations).await?;
        let answered = self.shared.head.load(Ordering::SeqCst);
        let highest = standing.highest;
        if highest < answered {
            let why = format!("event {answered} was stored and is gone; the newest is {highest}");
            return Err(StoreError::Damaged { path: self.place.name(), why });
        }
        // What was in flight when the disk failed may be there after all: its numbers are taken, and
        // those who listen are told now.
        self.last = highest;
        self.version = standing.directory;
        self.directory = directory;
        let mut synced = self.shared.synced().await;
        *self.shared.directory.write().unwrap_or_else(PoisonError::into_inner) =
            self.directory.clone();
        *synced = standing.directory;
        drop(synced);
        if highest > answered {
            let missed =
                self.log.replay(&Reader::All, Seq(answered), Seq(highest), u32::MAX).await?;
            self.shared.advance(&standing);
            let told = Told { events: missed.events, through: Seq(highest) };
            self.publish(answered, told).await;
        }
        tracing::warn!(seq = highest, "the database was opened again after a failure and is well");
        Ok(connection)
    }

    /// The pages are looked over, and the log must reach the disk now.
    async fn check_file(&mut self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let found = sqlite::quick_check(&mut *connection).await?;
        if found != "ok" {
            return Err(StoreError::Damaged { path: self.place.name(), why: found });
        }
        if !sqlite::checkpoint(connection).await? {
            let why = "a reader keeps the log from being flushed anew";
            return Err(StoreError::Failed(why.to_owned()));
        }
        Ok(())
    }
}
