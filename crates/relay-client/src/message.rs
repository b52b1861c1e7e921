//! Messages: sending, reading, claiming them.

use std::time::Duration;

use relay_core::{
    api::{
        query,
        reply::{Cursor, Sent},
        request::{ActOnClaim, MarkMessage, SendMessage},
        route::Route,
    },
    id::MessageId,
    message::Message,
    receipt::Receipt,
};

use crate::{
    call::Call,
    error::ClientError,
    http::{Page, Relay},
    random,
};

impl Relay {
    /// Sends a message. It has an idempotency key, made here where none is given, so that a repeat
    /// after a lost answer stores it once.
    ///
    /// Refused with `target_not_found` when no agent has the id. A group that nobody is in now is
    /// no error: `recipients` is 0.
    pub async fn send_message(&self, mut request: SendMessage) -> Result<Sent, ClientError> {
        request.idempotency_key.get_or_insert_with(random::key);
        self.call(Call::new(Route::SendMessage).body(&request)).await
    }

    /// Lists messages: an inbox with `reader`, oldest first with `unread` or `since`, else the
    /// newest page. `wait` holds the answer back until there is a message.
    pub async fn messages(&self, query: &query::Messages) -> Result<Page<Message>, ClientError> {
        let wait = query.wait.map_or(0, |wait| wait.0);
        let call = Call::new(Route::ListMessages).query(query.write());
        self.list(call.waiting(Duration::from_secs(wait.into()))).await
    }

    /// Lists messages over all pages.
    pub async fn all_messages(&self, query: &query::Messages) -> Result<Vec<Message>, ClientError> {
        let page = self.messages(query).await?;
        self.rest(page).await
    }

    /// Tells where a new reader starts.
    pub async fn cursor(&self) -> Result<Cursor, ClientError> {
        self.call(Call::new(Route::MessageCursor)).await
    }

    /// Shows one message.
    pub async fn message(&self, id: MessageId) -> Result<Message, ClientError> {
        self.call(Call::new(Route::GetMessage(id))).await
    }

    /// Lists the thread that a message belongs to, oldest first.
    pub async fn thread(&self, id: MessageId) -> Result<Vec<Message>, ClientError> {
        self.call(Call::new(Route::GetThread(id))).await
    }

    /// Lists who has read, handled, claimed and answered a message, and when.
    pub async fn receipts(&self, id: MessageId) -> Result<Vec<Receipt>, ClientError> {
        self.call(Call::new(Route::GetReceipts(id))).await
    }

    /// Claims a claimable message. One wins; the others are refused with `already_claimed`, or
    /// `already_done` after the end. Whoever holds it and asks again has it renewed.
    pub async fn claim_message(
        &self,
        id: MessageId,
        by: &ActOnClaim,
    ) -> Result<Message, ClientError> {
        self.call(Call::new(Route::ClaimMessage(id)).body(by)).await
    }

    /// Gives a claim back. Refused with `lease_lost` when it is not the current one.
    pub async fn release_message(
        &self,
        id: MessageId,
        by: &ActOnClaim,
    ) -> Result<Message, ClientError> {
        self.call(Call::new(Route::ReleaseMessage(id)).body(by)).await
    }

    /// Finishes claimed work for good. Refused with `lease_lost` when the claim is not the current
    /// one.
    pub async fn finish_message(
        &self,
        id: MessageId,
        by: &ActOnClaim,
    ) -> Result<Message, ClientError> {
        self.call(Call::new(Route::FinishMessage(id)).body(by)).await
    }

    /// Marks a message as read or handled.
    pub async fn mark_message(
        &self,
        id: MessageId,
        mark: &MarkMessage,
    ) -> Result<Message, ClientError> {
        self.call(Call::new(Route::MarkMessage(id)).body(mark)).await
    }

    /// Deletes a message's text; its id stays. Only its sender may.
    pub async fn delete_message(&self, id: MessageId) -> Result<(), ClientError> {
        self.done(Call::new(Route::DeleteMessage(id))).await
    }
}
