//! Receipts: what the hooks have moved on is read, and then handled; the relay is told.

use std::{collections::HashSet, fs, sync::Arc, time::Duration};

use relay_client::{ClientError, Member, SessionError};
use relay_core::id::MessageId;
use tokio::{sync::Notify, time::sleep};

use crate::{
    mailbox::{Mail, Mailbox, Stage},
    path::Via,
};

const PAUSE: Duration = Duration::from_secs(1);

/// Tells the relay, whenever it is asked to look, until the session is over.
pub async fn keep(member: Member, mailbox: Mailbox, look: Arc<Notify>) {
    let mut read = HashSet::new();
    loop {
        if tell(&member, &mailbox, &mut read).await {
            look.notified().await;
        } else {
            sleep(PAUSE).await;
        }
    }
}

/// Tells what is new; false where something has to be told again.
pub async fn tell(member: &Member, mailbox: &Mailbox, read: &mut HashSet<MessageId>) -> bool {
    let mut whole = true;
    for mail in mailbox.list(Stage::Taken) {
        whole &= mark_read(member, &mail, read).await;
    }
    for mail in mailbox.list(Stage::Ended) {
        let told = mark_read(member, &mail, read).await
            && is_settled(&member.handled(&mail.message).await);
        if told {
            read.remove(&mail.message.id);
            let _ = fs::remove_file(&mail.path);
        }
        whole &= told;
    }
    whole
}

async fn mark_read(member: &Member, mail: &Mail, read: &mut HashSet<MessageId>) -> bool {
    if read.contains(&mail.message.id) {
        return true;
    }
    let via = mail.via.unwrap_or(Via::Prompt).slug();
    let settled = is_settled(&member.read_via(&mail.message, via).await);
    if settled {
        read.insert(mail.message.id);
    }
    settled
}

/// What the relay refuses for good (the message was removed) is not told again.
fn is_settled<T>(told: &Result<T, SessionError>) -> bool {
    match told {
        Ok(_) => true,
        Err(SessionError::Relay(ClientError::Refused(refusal))) => {
            (400..500).contains(&refusal.status) && refusal.status != 429
        }
        Err(_) => false,
    }
}
