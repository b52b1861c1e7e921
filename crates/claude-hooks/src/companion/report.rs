//! Reports: the relay is told how the session is doing.

use std::time::Duration;

use relay_client::{Member, SessionError};
use tokio::{sync::watch, time::sleep};

use crate::status::Mood;

const PAUSE: Duration = Duration::from_secs(1);

/// Tells each change, and again what did not get through, until the session is over.
pub async fn keep(member: Member, mut moods: watch::Receiver<Option<Mood>>) {
    loop {
        let mood = moods.borrow_and_update().clone();
        if let Some(mood) = mood {
            match member.status(mood.status, mood.detail).await {
                Ok(()) => {}
                Err(SessionError::Replaced(_)) => return,
                Err(error) => {
                    tracing::debug!(%error, "the status is told again");
                    sleep(PAUSE).await;
                    continue;
                }
            }
        }
        if moods.changed().await.is_err() {
            return;
        }
    }
}
