//! Callbacks: what integrations are told, from a table that the tasks' own transactions write.

use relay_core::{
    api::query,
    callback::{DeadLetter, Failure, Next},
    id::{AgentId, CallbackId, TaskId},
    integration::Seen,
    time::Timestamp,
};
use tokio::sync::watch;

use crate::{error::StoreError, message::Page, store::Store};

/// A callback that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Its id; it stays the same over all attempts.
    pub id: CallbackId,
    /// The task it tells of.
    pub task_id: TaskId,
    /// How often it was tried.
    pub attempts: u32,
    /// What is posted, as it was written.
    pub body: String,
}

impl Store {
    /// The callbacks of an integration that are due, the longest due first: for each task the first
    /// that was not delivered, and what is sent again by request. None that is in `under_way`.
    pub async fn due_callbacks(
        &self,
        _integration: &AgentId,
        _under_way: &[CallbackId],
        _limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        todo!()
    }

    /// When the next callback of an integration is due, of those that are not in `under_way`.
    pub async fn next_callback_at(
        &self,
        _integration: &AgentId,
        _under_way: &[CallbackId],
    ) -> Result<Option<Timestamp>, StoreError> {
        todo!()
    }

    /// Notes that a callback was delivered; the next of its task is due.
    pub async fn callback_delivered(&self, _id: CallbackId) -> Result<(), StoreError> {
        todo!()
    }

    /// Notes a failed attempt, and what becomes of the callback.
    pub async fn callback_failed(
        &self,
        _id: CallbackId,
        _failure: Failure,
        _next: Next,
    ) -> Result<(), StoreError> {
        todo!()
    }

    /// Changes whenever a callback was written or is sent again.
    pub fn callbacks_written(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// The callbacks that were given up on, oldest first; of one integration for a viewer that is
    /// one.
    pub async fn dead_letters(
        &self,
        _query: &query::DeadLetters,
    ) -> Result<Page<DeadLetter>, StoreError> {
        todo!()
    }

    /// Sends a callback again that was given up on: due now, with all its attempts.
    ///
    /// Refuses with `not_found` what is no dead letter.
    pub async fn retry_dead_letter(&self, _id: CallbackId) -> Result<DeadLetter, StoreError> {
        todo!()
    }

    /// What was seen of each integration, by name.
    pub async fn integrations(&self) -> Result<Vec<(AgentId, Seen)>, StoreError> {
        todo!()
    }
}
