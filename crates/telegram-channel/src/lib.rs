//! The Telegram channel of Agent Relay: people talk with agents from the chats they already have.
//!
//! The channel is an agent of the relay (provider `channel`) and a bot of Telegram at once. What
//! people write in a chat that is allowed becomes a message to whom the chat is bound, to whoever
//! they answer, or to whom they name; mail to the channel's agent goes to the chat it answers, to
//! the chats bound to its sender, or to the first.
//!
//! How a message passes through, inwards: [`bot`] polls; [`update`] says who said what;
//! [`command`] says what is meant; [`body`] writes it for an agent; [`inbound`] sends it, with a
//! key that makes a repeat harmless, and then writes the update down as handled. Outwards:
//! [`outbound`] takes the session's mail and decides on chats; [`delivery`] is the queue of one
//! chat, which sends the parts that [`text`] and [`split`] make; a message is read when Telegram
//! has taken all of them. [`ledger`] is what makes both survive a restart of anybody.
//!
//! What has no side effects is apart from what has: the rules are in [`chat`], [`command`],
//! [`update`], [`body`], [`text`], [`split`] and [`ledger`], with their tables of tests.
//!
//! To carry something new from Telegram: read it in [`update`], write it in [`body`]. Another
//! messenger is another crate; `examples/channel` is the smallest one.

pub mod backoff;
pub mod body;
pub mod bot;
pub mod channel;
pub mod chat;
pub mod command;
pub mod delivery;
pub mod failure;
pub mod inbound;
pub mod ledger;
pub mod log;
pub mod outbound;
pub mod program;
pub mod reply;
pub mod run;
pub mod settings;
pub mod split;
pub mod text;
pub mod update;

pub use crate::{failure::Failure, run::run, settings::Settings};
