//! Turns that still run when the session ends: they are interrupted, so that Codex writes them down
//! as such, and the app-server need not wait for them.

use std::time::Duration;

use relay_client::core::version::VERSION;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::app_server::{
    Address, CallError, Client,
    protocol::{Call, InterruptTurn, ListLoaded, Turn, TurnStatus},
};

/// How long all of it may take. What is not interrupted then is ended with the app-server.
const PATIENCE: Duration = Duration::from_secs(2);

/// The newest turn of a thread.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListTurns {
    thread_id: String,
    limit: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Turns {
    data: Vec<Turn>,
}

impl Call for ListTurns {
    const METHOD: &'static str = "thread/turns/list";
    type Answer = Turns;
}

/// Interrupts every turn that runs there.
pub async fn running_turns(address: &Address) {
    match timeout(PATIENCE, interrupt(address)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "turns that still run are not interrupted"),
        Err(_) => tracing::warn!("turns that still run do not end"),
    }
}

async fn interrupt(address: &Address) -> Result<(), CallError> {
    let (client, _, _) = Client::connect(address, VERSION).await?;
    for thread_id in client.call(&ListLoaded {}).await?.data {
        let newest = ListTurns { thread_id: thread_id.clone(), limit: 1 };
        // A thread without a turn has no list either.
        let Ok(turns) = client.call(&newest).await else { continue };
        for turn in turns.data.into_iter().filter(|turn| turn.status == TurnStatus::InProgress) {
            let interrupt = InterruptTurn { thread_id: thread_id.clone(), turn_id: turn.id };
            if let Err(error) = client.call(&interrupt).await {
                // It has just ended by itself.
                tracing::debug!(%error, "a turn is not interrupted");
            }
        }
    }
    Ok(())
}
