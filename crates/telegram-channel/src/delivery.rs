//! One chat's queue: a message after the other, part by part, until Telegram has taken it.

use std::sync::Arc;

use relay_core::message::Message;
use tokio::sync::mpsc;

use crate::{
    bot::{BotError, Verdict},
    channel::{Abandoned, Channel},
    chat::Number,
    ledger::{Errand, Progress},
    outbound::Order,
    text::Letter,
};

/// By which path mail reaches its reader, as receipts show it.
const VIA: &str = "telegram";

/// Carries what is ordered for one chat, until the program is to end or nothing more can come.
pub async fn work(
    channel: Arc<Channel>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) -> Result<(), Abandoned> {
    while let Some(order) = channel.stop.or(orders.recv()).await? {
        carry(&channel, order).await?;
    }
    Ok(())
}

async fn carry(channel: &Channel, order: Order) -> Result<(), Abandoned> {
    let id = order.errand.id;
    let found = channel.ask(|| async move { channel.relay().message(id).await }).await?;
    let message = match found {
        Ok(message) if message.deleted_at.is_none() => message,
        // It was deleted while it waited: nobody is to get it.
        _ => return Ok(()),
    };
    let refusal = send(channel, &order, &Letter::new(&message, channel.member.id())).await?;
    if order.whole.done(refusal.is_none()) {
        read(channel, &message).await?;
    }
    channel.note(order.errand.chat, refusal.map(|error| error.to_string())).await;
    Ok(())
}

/// Says that the message was read, once Telegram has taken all of it.
async fn read(channel: &Channel, message: &Message) -> Result<(), Abandoned> {
    let via = || VIA.parse().expect("a slug");
    let marked = channel.ask(|| channel.member.read_via(message, via())).await?;
    if let Err(error) = marked {
        tracing::info!(message.id = %message.id, %error, "it is not marked as read");
    }
    Ok(())
}

/// Sends what is left of a message. A refusal for good is returned.
async fn send(
    channel: &Channel,
    order: &Order,
    letter: &Letter,
) -> Result<Option<BotError>, Abandoned> {
    let mut progress = channel.ledger.read().await.progress(&order.errand, letter.parts());
    let mut backoff = channel.backoff();
    while let Some(index) = progress.next() {
        if channel.stop.is_now() {
            return Err(Abandoned::Stopped);
        }
        let text = letter.part(index, progress.is_unknown());
        let answers = order.answers.filter(|_| index == 0);
        match part(channel, &order.errand, &mut progress, (text, answers)).await? {
            Ok(()) => backoff.reset(),
            Err(error) => match error.verdict() {
                Verdict::Never => {
                    let (chat, id) = (order.errand.chat, order.errand.id);
                    tracing::warn!(chat, message.id = %id, %error, "the chat refuses the message");
                    return Ok(Some(error));
                }
                verdict => {
                    if let Verdict::Moved(to) = verdict {
                        channel.moved(order.errand.chat, to).await;
                    }
                    channel.pause(&error, &mut backoff).await?;
                }
            },
        }
    }
    Ok(None)
}

/// Sends one part. Before it goes, it is on the disk that it may have gone; the call itself is not
/// given up when the program is to end, so that its outcome is known.
async fn part(
    channel: &Channel,
    errand: &Errand,
    progress: &mut Progress,
    (text, answers): (String, Option<Number>),
) -> Result<Result<(), BotError>, Abandoned> {
    let was_unknown = progress.is_unknown();
    begin(channel, errand, progress).await?;
    let chat = channel.ledger.read().await.current(errand.chat);
    match channel.bot.send(chat, text, answers).await {
        Ok(number) => {
            channel.keep(|ledger| ledger.taken(errand, progress, number)).await;
            Ok(Ok(()))
        }
        Err(error) => {
            // An attempt before this one may have had its effect.
            if error.verdict() != Verdict::Unknown && !was_unknown {
                channel.keep(|ledger| ledger.not_taken(errand, progress)).await;
            }
            Ok(Err(error))
        }
    }
}

/// Nothing is sent that is not written down: a disk that refuses is waited for.
async fn begin(
    channel: &Channel,
    errand: &Errand,
    progress: &mut Progress,
) -> Result<(), Abandoned> {
    let mut backoff = channel.backoff();
    while let Err(error) = channel.ledger.change(|ledger| ledger.sending(errand, progress)).await {
        tracing::error!(%error, "nothing is sent that cannot be written down");
        channel.stop.or(tokio::time::sleep(backoff.next(None))).await?;
    }
    Ok(())
}
