//! The app-server: the process in which Codex runs its threads, and the protocol that its clients
//! speak with it.
//!
//! [`Client`] is one connection: calls are answered, and what the server tells by itself comes as
//! [`Notice`]s in its order. The wire types hold what the bridge needs and nothing else, and pass
//! over whatever they do not know: the protocol changes weekly.

mod client;
mod message;
pub mod process;
pub mod protocol;

pub use self::{
    client::{Address, CallError, Client, Notices},
    message::{Message, Notice, Refusal},
};
