//! Receipts: the relay is told what became of the messages, in order, and again until it has heard.

use std::time::Duration;

use relay_client::{ClientError, Member, SessionError, core::message::Message};
use tokio::{sync::mpsc, time::sleep};

use super::mail::{Fact, Receipt};

const PAUSE: Duration = Duration::from_secs(1);

/// Tells each receipt until the session is over, and then that the message is settled.
pub async fn keep(
    member: Member,
    mut receipts: mpsc::UnboundedReceiver<Receipt>,
    settled: mpsc::UnboundedSender<Message>,
) {
    while let Some(receipt) = receipts.recv().await {
        while !is_settled(tell(&member, &receipt).await) {
            sleep(PAUSE).await;
        }
        if receipt.fact == Fact::Handled {
            // Nobody listens any more once the bridge ends.
            let _ = settled.send(receipt.message);
        }
    }
}

async fn tell(member: &Member, receipt: &Receipt) -> Result<(), SessionError> {
    match receipt.fact {
        Fact::Read(via) => member.read_via(&receipt.message, via.slug()).await.map(drop),
        Fact::Handled => member.handled(&receipt.message).await.map(drop),
    }
}

/// What the relay refuses for good (the message was removed) is not told again.
fn is_settled(told: Result<(), SessionError>) -> bool {
    match told {
        Ok(()) => true,
        Err(SessionError::Relay(ClientError::Refused(refusal))) => {
            (400..500).contains(&refusal.status) && refusal.status != 429
        }
        Err(error) => {
            tracing::debug!(%error, "a receipt is told again");
            false
        }
    }
}
