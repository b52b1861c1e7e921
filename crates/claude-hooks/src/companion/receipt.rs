//! Receipts: what the hooks have moved on is read, and then handled; the relay is told.

use std::{collections::HashSet, fs, sync::Arc, time::Duration};

use relay_client::{ClientError, Member, SessionError};
use relay_core::{api::request::SendMessage, id::MessageId, target::Target};
use tokio::{sync::Notify, time::sleep};

use crate::{
    mailbox::{Mail, Mailbox, Note, Stage},
    path::Via,
};

const PAUSE: Duration = Duration::from_secs(1);

/// Tells the relay, whenever it is asked to look, until the session is over.
pub async fn keep(member: Member, mailbox: Mailbox, look: Arc<Notify>) {
    let mut told = Told::default();
    loop {
        if tell(&member, &mailbox, &mut told).await {
            look.notified().await;
        } else {
            sleep(PAUSE).await;
        }
    }
}

/// What the relay was told of messages whose turn has not ended.
#[derive(Default)]
pub struct Told {
    read: HashSet<MessageId>,
    noted: HashSet<MessageId>,
}

/// Tells what is new; false where something has to be told again.
pub async fn tell(member: &Member, mailbox: &Mailbox, told: &mut Told) -> bool {
    let mut whole = true;
    for mail in mailbox.list(Stage::Taken) {
        whole &= mark_read(member, &mail, &mut told.read).await;
    }
    for note in mailbox.notes() {
        whole &= send(member, &note, &mut told.noted).await;
    }
    for mail in mailbox.list(Stage::Ended) {
        let settled = mark_read(member, &mail, &mut told.read).await
            && is_settled(&member.handled(&mail.message).await);
        if settled {
            told.read.remove(&mail.message.id);
            told.noted.remove(&mail.message.id);
            let _ = fs::remove_file(&mail.path);
        }
        whole &= settled;
    }
    whole
}

/// Sends a note, one for each message and turn.
async fn send(member: &Member, note: &Note, noted: &mut HashSet<MessageId>) -> bool {
    let about = &note.message;
    if !noted.contains(&about.id) {
        let Ok(body) = format!("msg:{}: {}", about.id, note.text).parse() else { return true };
        let to = Target::Agent(about.from.clone());
        let mut request = SendMessage::new(member.id().clone(), to, body);
        request.kind = Some(Note::kind());
        // An answer would finish what is claimed in the thread, and nothing is done.
        let open = about.claimable || about.thread_id != about.id;
        request.reply_to = (!open).then_some(about.id);
        // Another companion may have sent it, and ended before it could forget it.
        request.idempotency_key = format!("note-{}-{}", about.id, about.created_at.0).parse().ok();
        if !is_settled(&member.send(request).await) {
            return false;
        }
        noted.insert(about.id);
    }
    let _ = fs::remove_file(&note.path);
    true
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
