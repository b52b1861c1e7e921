//! Reading what Telegram reports: who said what in which chat, and what of it cannot be carried.

use frankenstein::{
    types::{Message, MessageOrigin, User},
    updates::{Update, UpdateContent},
};
use relay_core::{id::MessageId, text::printable};

use crate::{
    chat::{ChatId, Number},
    text,
};

/// The most characters of a person's or a chat's name.
const NAME: usize = 64;

/// Who the bot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// Its number.
    pub id: u64,
    /// Its name, without the `@`.
    pub username: String,
}

/// What an update says.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Somebody wrote.
    Said(Box<Said>),
    /// Somebody changed what was written before.
    Changed(Box<Said>),
    /// A group has another number from now on.
    Moved {
        /// The old number.
        from: ChatId,
        /// The new one.
        to: ChatId,
    },
    /// Nothing that is carried: who joined, what was pinned, what a bot says.
    Nothing,
}

/// What somebody wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The chat.
    pub chat: ChatId,
    /// What the chat is called.
    pub title: String,
    /// The message's number in it.
    pub number: Number,
    /// Who wrote, as that person calls itself.
    pub name: String,
    /// That person's number, which cannot be chosen.
    pub person: Option<u64>,
    /// The text, or the words under a picture.
    pub text: String,
    /// Where it was forwarded from.
    pub origin: Option<String>,
    /// What was quoted.
    pub quote: Option<String>,
    /// What came with it and is not carried.
    pub missing: Vec<&'static str>,
    /// The message that it answers.
    pub answers: Option<Answered>,
}

/// The message in the chat that somebody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its number in the chat.
    pub number: Number,
    /// The relay's message that it shows, by the line above it; only the bot's own are believed.
    pub shows: Option<MessageId>,
}

/// Reads an update.
pub fn read(update: Update, me: &Me) -> News {
    let (message, changed) = match update.content {
        UpdateContent::Message(message) | UpdateContent::ChannelPost(message) => (message, false),
        UpdateContent::EditedMessage(message) | UpdateContent::EditedChannelPost(message) => {
            (message, true)
        }
        _ => return News::Nothing,
    };
    if let Some(to) = message.migrate_to_chat_id {
        return News::Moved { from: message.chat.id, to };
    }
    match said(*message, me) {
        Some(said) if changed => News::Changed(Box::new(said)),
        Some(said) => News::Said(Box::new(said)),
        None => News::Nothing,
    }
}

fn said(message: Message, me: &Me) -> Option<Said> {
    // Two bots that answer each other would not end. An anonymous admin shows as a bot, too.
    if message.from.as_ref().is_some_and(|from| from.is_bot) && message.sender_chat.is_none() {
        return None;
    }
    let missing = missing(&message);
    let answers = message.reply_to_message.as_deref().map(|answered| answer(answered, me));
    let name = author(&message);
    let title = title(&message);
    let text = message.text.or(message.caption).unwrap_or_default().replace('\0', "");
    if text.is_empty() && missing.is_empty() {
        return None;
    }
    Some(Said {
        chat: message.chat.id,
        title,
        number: message.message_id,
        name,
        person: message.from.map(|from| from.id),
        text,
        origin: message.forward_origin.map(|origin| named(&source(&origin))),
        quote: message.quote.filter(|q| q.is_manual == Some(true)).map(|quote| quote.text),
        missing,
        answers,
    })
}

fn answer(answered: &Message, me: &Me) -> Answered {
    let ours = answered.from.as_ref().is_some_and(|from| from.id == me.id);
    let shows = answered.text.as_deref().filter(|_| ours).and_then(text::message_of);
    Answered { number: answered.message_id, shows }
}

/// The name of whoever wrote: of the group or channel where it writes for itself.
fn author(message: &Message) -> String {
    let group = message.sender_chat.as_ref().and_then(|chat| chat.title.clone());
    let person = message.from.as_deref().map(full_name);
    named(&group.or(person).unwrap_or_default())
}

fn title(message: &Message) -> String {
    let chat = &message.chat;
    let person = chat.first_name.clone().or_else(|| chat.username.clone());
    named(&chat.title.clone().or(person).unwrap_or_default())
}

fn full_name(user: &User) -> String {
    match &user.last_name {
        Some(last) => format!("{} {last}", user.first_name),
        None => user.first_name.clone(),
    }
}

fn source(origin: &MessageOrigin) -> String {
    match origin {
        MessageOrigin::User(user) => full_name(&user.sender_user),
        MessageOrigin::HiddenUser(hidden) => hidden.sender_user_name.clone(),
        MessageOrigin::Chat(chat) => chat.sender_chat.title.clone().unwrap_or_default(),
        MessageOrigin::Channel(channel) => channel.chat.title.clone().unwrap_or_default(),
    }
}

/// A name as it may stand in a line: people choose their own, and it must not look like anything
/// but a name.
fn named(name: &str) -> String {
    let plain = printable(name).replace([':', '[', ']', '(', ')', '"'], " ");
    let name: String =
        plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME).collect();
    if name.is_empty() { "somebody".to_owned() } else { name }
}

fn missing(message: &Message) -> Vec<&'static str> {
    [
        ("an animation", message.animation.is_some()),
        ("an audio file", message.audio.is_some()),
        // Telegram repeats an animation as a file, for old clients.
        ("a file", message.document.is_some() && message.animation.is_none()),
        ("a photo", message.photo.is_some() || message.live_photo.is_some()),
        ("a sticker", message.sticker.is_some()),
        ("a story", message.story.is_some()),
        ("a video", message.video.is_some()),
        ("a video message", message.video_note.is_some()),
        ("a voice message", message.voice.is_some()),
        ("paid media", message.paid_media.is_some()),
        ("a checklist", message.checklist.is_some()),
        ("a contact", message.contact.is_some()),
        ("dice", message.dice.is_some()),
        ("a game", message.game.is_some()),
        ("a poll", message.poll.is_some()),
        // A venue has a location of its own.
        ("a location", message.location.is_some() || message.venue.is_some()),
        ("formatted blocks", message.rich_message.is_some()),
    ]
    .into_iter()
    .filter_map(|(what, there)| there.then_some(what))
    .collect()
}

#[cfg(test)]
mod tests;
