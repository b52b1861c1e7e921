//! From Telegram to the relay: each update once, in order.
//!
//! An update counts as dealt with when the relay has stored its message, which carries a key made
//! of the bot's, the chat's and the message's numbers. So a crash anywhere before has the update
//! reported again, and the relay recognises what it has.

use frankenstein::updates::Update;
use relay_client::SessionError;
use relay_core::{
    agent::{Agent, Status},
    api::{query, request::SendMessage},
    error::Code,
    id::MessageId,
    message::Message,
    target::{self, Target},
};
use serde_json::Value;

use crate::{
    body,
    channel::{Abandoned, Channel},
    chat::{Chat, ChatId, Number},
    command::Command,
    ledger, reply,
    update::{self, News, Said},
};

/// What an update became.
type Came = Option<(ChatId, Number, MessageId)>;

/// Carries what people write, until the program is to end.
pub async fn carry(channel: &Channel) -> Result<(), Abandoned> {
    let mut offset = None;
    let mut backoff = channel.backoff();
    loop {
        match channel.stop.or(channel.bot.updates(offset)).await? {
            Ok(updates) => {
                backoff.reset();
                if offset.is_some() {
                    // What was asked for from here on confirms what was before.
                    channel.ledger.read().await.confirmed();
                }
                for update in updates {
                    if channel.stop.is_now() {
                        return Err(Abandoned::Stopped);
                    }
                    offset = one(channel, update).await?.or(offset);
                }
            }
            Err(error) => channel.pause(&error, &mut backoff).await?,
        }
    }
}

/// Deals with one update, and returns where to go on.
async fn one(channel: &Channel, update: Value) -> Result<Option<i64>, Abandoned> {
    let Some(id) = update["update_id"].as_u64().and_then(|id| u32::try_from(id).ok()) else {
        tracing::warn!("an update without a number is left out");
        return Ok(None);
    };
    if !channel.ledger.read().await.is_handled(id) {
        let came = match serde_json::from_value::<Update>(update) {
            Ok(update) => hear(channel, update).await?,
            Err(error) => {
                tracing::warn!(update = id, %error, "an update of a newer kind is left out");
                None
            }
        };
        channel.keep(|ledger| ledger.handled(id, came)).await;
    }
    Ok(Some(i64::from(id) + 1))
}

async fn hear(channel: &Channel, update: Update) -> Result<Came, Abandoned> {
    let id = update.update_id;
    match update::read(update, &channel.me) {
        News::Nothing => Ok(None),
        News::Moved { from, to } => {
            let original = channel.ledger.read().await.original(from);
            if channel.chats.get(original).is_some() {
                channel.moved(from, to).await;
            }
            Ok(None)
        }
        News::Said(mut said) => {
            let Some(chat) = channel.allowed(&said).await else { return Ok(None) };
            said.chat = chat.id;
            obey(channel, chat, &said).await
        }
        News::Changed(mut said) => {
            let Some(chat) = channel.allowed(&said).await else { return Ok(None) };
            said.chat = chat.id;
            change(channel, &said, id).await
        }
    }
}

async fn obey(channel: &Channel, chat: &Chat, said: &Said) -> Result<Came, Abandoned> {
    let (name, words) = match Command::read(&said.text, &channel.me.username) {
        Command::NotOurs => return Ok(None),
        Command::Help => return tell(channel, said, &reply::help(chat)).await,
        Command::Agents => return agents(channel, said).await,
        Command::To { name, text } => (Some(name), text),
        Command::Say(text) => (None, text),
    };
    let nothing = words.is_empty() && said.missing.is_empty();
    if nothing || name.as_ref().is_some_and(String::is_empty) {
        return tell(channel, said, reply::NOT_WHOLE).await;
    }
    let answered = answered(channel, said).await?;
    let to = match name {
        Some(name) => find(channel, &name).await?,
        None => to_whom(channel, chat, answered.as_ref()).ok_or_else(|| reply::TO_NOBODY.into()),
    };
    match to {
        Ok(to) => {
            let key = key(channel, said);
            let text = body::write(said, &words);
            send(channel, said, (to, answered.map(|message| message.id)), text, &key).await
        }
        Err(why) => tell(channel, said, &reply::not_delivered(&why)).await,
    }
}

/// What makes a repeat known: the numbers of the bot, the chat and the message.
fn key(channel: &Channel, said: &Said) -> String {
    format!("telegram:{}:{}:{}", channel.me.id, said.chat, said.number)
}

/// To whoever was answered, or whom that was for when it was ourselves; else as the chat is bound.
fn to_whom(channel: &Channel, chat: &Chat, answered: Option<&Message>) -> Option<Target> {
    let answered = answered.filter(|message| !message.from.is_system());
    let other = answered.map(|message| {
        let ours = message.from == *channel.member.id();
        if ours { message.to.clone() } else { Target::Agent(message.from.clone()) }
    });
    other.or_else(|| chat.target.clone())
}

/// What was changed follows what it was, as an answer to it. Telegram also reports changes that
/// nobody sees.
async fn change(channel: &Channel, said: &Said, update: u32) -> Result<Came, Abandoned> {
    let first = channel.ledger.read().await.message_at(said.chat, said.number);
    let Some(first) = first.filter(|_| !said.text.is_empty()) else { return Ok(None) };
    let thread = channel.ask(|| async move { channel.relay().thread(first).await }).await?;
    let command = Command::read(&said.text, &channel.me.username);
    let (Command::To { text: words, .. } | Command::Say(words)) = command else {
        return Ok(None);
    };
    let (text, changed) = (body::write(said, &words), body::write_change(said, &words));
    let here = Some((said.chat, said.number));
    let ours = |message: &&Message| ledger::origin(message, channel.member.id()) == here;
    let Some(newest) = thread.unwrap_or_default().into_iter().rev().find(|m| ours(&m)) else {
        return Ok(None);
    };
    if newest.body == text || newest.body == changed {
        return Ok(None);
    }
    let key = format!("{}:{update}", key(channel, said));
    send(channel, said, (newest.to, Some(newest.id)), changed, &key).await.map(|_| None)
}

/// The relay's message that somebody answers, as far as it is known.
async fn answered(channel: &Channel, said: &Said) -> Result<Option<Message>, Abandoned> {
    let Some(answers) = &said.answers else { return Ok(None) };
    let known = channel.ledger.read().await.message_at(said.chat, answers.number);
    let Some(id) = known.or(answers.shows) else { return Ok(None) };
    let found = channel.ask(|| async move { channel.relay().message(id).await }).await?;
    Ok(found.inspect_err(|error| tracing::info!(%id, %error, "what was answered is gone")).ok())
}

/// A target, or the one agent that is called so.
async fn find(channel: &Channel, name: &str) -> Result<Result<Target, String>, Abandoned> {
    if name.contains(':') || ["broadcast", "human"].iter().any(|n| name.eq_ignore_ascii_case(n)) {
        return Ok(name.parse::<Target>().map_err(|error| error.to_string()));
    }
    Ok(match everybody(channel).await? {
        Ok(agents) => match target::resolve(name, &agents) {
            Ok(agent) => Ok(Target::Agent(agent.id.clone())),
            Err(refused) => Err(reply::with_hint(&refused.message, refused.hint.as_deref())),
        },
        Err(error) => Err(error.to_string()),
    })
}

async fn everybody(channel: &Channel) -> Result<Result<Vec<Agent>, SessionError>, Abandoned> {
    let all = &query::Agents::default();
    channel.ask(|| async move { channel.relay().all_agents(all).await }).await
}

async fn agents(channel: &Channel, said: &Said) -> Result<Came, Abandoned> {
    let text = match everybody(channel).await? {
        Ok(agents) => reply::agents(&agents, channel.member.id()),
        Err(error) => reply::not_delivered(&error.to_string()),
    };
    tell(channel, said, &text).await
}

async fn tell(channel: &Channel, said: &Said, text: &str) -> Result<Came, Abandoned> {
    channel.tell(said.chat, text, Some(said.number)).await.map(|()| None)
}

async fn send(
    channel: &Channel,
    said: &Said,
    (to, reply_to): (Target, Option<MessageId>),
    text: String,
    key: &str,
) -> Result<Came, Abandoned> {
    let Ok(text) = text.parse() else {
        return tell(channel, said, &reply::not_delivered("there is nothing to carry")).await;
    };
    let mut request = SendMessage::new(channel.member.id().clone(), to.clone(), text);
    request.reply_to = reply_to;
    request.meta = Some(body::facts(said));
    request.idempotency_key = Some(key.parse().expect("numbers and colons make a key"));
    let request = &request;
    let sent = channel.ask(|| async move { channel.member.send(request.clone()).await }).await?;
    match sent {
        Ok(sent) => {
            if let Some(notice) = waits(channel, &to, sent.recipients).await? {
                channel.tell(said.chat, &notice, Some(said.number)).await?;
            }
            Ok(Some((said.chat, said.number, sent.message.id)))
        }
        Err(error) => refused(channel, said, &error).await,
    }
}

/// What to tell a person who may wait for an answer in vain for now.
async fn waits(
    channel: &Channel,
    to: &Target,
    recipients: u64,
) -> Result<Option<String>, Abandoned> {
    let Target::Agent(id) = to else {
        return Ok((recipients == 0).then(|| reply::nobody_yet(to)));
    };
    let agent = channel.ask(|| async move { channel.relay().agent(id).await }).await?;
    let gone = agent.is_ok_and(|agent| agent.status == Status::Offline && !agent.id.is_human());
    Ok(gone.then(|| reply::is_offline(id)))
}

/// A key that was used for something else: before a crash the message went to somebody else, and
/// it is there.
async fn refused(channel: &Channel, said: &Said, error: &SessionError) -> Result<Came, Abandoned> {
    let SessionError::Relay(refusal) = error else {
        return tell(channel, said, &reply::not_delivered(&error.to_string())).await;
    };
    if refusal.is(Code::IdempotencyMismatch) {
        tracing::info!(chat = said.chat, message = said.number, "it was carried before");
        return Ok(None);
    }
    let why = reply::with_hint(&refusal.to_string(), refusal.hint().as_deref());
    tell(channel, said, &reply::not_delivered(&why)).await
}
