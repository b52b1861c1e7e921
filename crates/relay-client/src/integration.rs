//! Integrations: reporting events, and what is known of those who report.

use relay_core::{
    api::{
        query,
        request::{EventStatus, PostEvent},
        route::Route,
    },
    callback::DeadLetter,
    id::CallbackId,
    integration::Overview,
    task::Task,
};

use crate::{
    call::Call,
    error::ClientError,
    http::{Page, Relay},
};

impl Relay {
    /// Reports an event, and returns the task that it opened, counted or finished. It takes a
    /// relay with an integration's token, on a relay that asks for none too.
    ///
    /// A `resolved` one is repeated when the answer is lost: what is done is done. Another is not,
    /// because the repeat would be counted, or open a second task where there is no `dedupeKey`.
    /// Who rather counts once too often than not at all gives a key and calls again.
    pub async fn post_event(&self, event: &PostEvent) -> Result<Task, ClientError> {
        let resolved = event.status == Some(EventStatus::Resolved);
        let call = Call::new(Route::PostEvent).body(event);
        self.call(if resolved { call.repeatable() } else { call }).await
    }

    /// Lists the integrations that are configured or were seen, never a token.
    pub async fn integrations(&self) -> Result<Vec<Overview>, ClientError> {
        let page = self.list(Call::new(Route::ListIntegrations)).await?;
        self.rest(page).await
    }

    /// Lists the callbacks that were given up on, oldest first.
    pub async fn dead_letters(
        &self,
        query: &query::DeadLetters,
    ) -> Result<Page<DeadLetter>, ClientError> {
        self.list(Call::new(Route::ListDeadLetters).query(query.write())).await
    }

    /// Lists the callbacks that were given up on over all pages.
    pub async fn all_dead_letters(
        &self,
        query: &query::DeadLetters,
    ) -> Result<Vec<DeadLetter>, ClientError> {
        let page = self.dead_letters(query).await?;
        self.rest(page).await
    }

    /// Sends a callback again that was given up on: now, with all its attempts. Refused with 404
    /// when it is no dead letter, or none any more.
    pub async fn retry_dead_letter(&self, id: CallbackId) -> Result<DeadLetter, ClientError> {
        self.call(Call::new(Route::RetryDeadLetter(id))).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::scripted::{Answer, Scripted};

    const TASK: &str = r#"{"id":7,"source":"ci","type":"build","severity":"error","title":"red",
        "body":"","target":"cap:build","status":"done","occurrenceCount":1,"createdAt":0,
        "lastSeenAt":0,"updatedAt":0}"#;

    #[tokio::test]
    async fn an_event_whose_answer_is_lost_is_repeated_only_where_that_counts_nothing() {
        for (status, requests) in [("firing", 1), ("resolved", 2)] {
            let server = Scripted::start(|number, _| match number {
                0 => Answer::Close(Vec::new()),
                _ => Answer::json(200, TASK),
            })
            .await;
            let event = json!({"type": "build", "dedupeKey": "main", "status": status});
            let event = serde_json::from_value(event).unwrap();
            let answer = server.relay().post_event(&event).await;
            assert_eq!((server.requests().len(), answer.is_ok()), (requests, requests == 2));
        }
    }
}
