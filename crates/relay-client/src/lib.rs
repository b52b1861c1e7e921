//! The client of Agent Relay: what a provider, a script or a command talks to the relay with.
//!
//! Two ways in. [`Relay`] has a typed method for every route and keeps nothing:
//!
//! ```no_run
//! use relay_client::{Config, core::api::request::SendMessage};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let relay = Config::from_env()?.relay()?;
//! let request = SendMessage::new("ci".parse()?, "tag:backend".parse()?, "main is red".parse()?);
//! let sent = relay.send_message(request).await?;
//! println!("message {} is for {} agents", sent.message.id, sent.recipients);
//! # Ok(())
//! # }
//! ```
//!
//! [`Session`] is being an agent. It registers, stays alive, hands over each message once (over
//! cut connections and restarts of either side) and is offline at the end:
//!
//! ```no_run
//! use relay_client::{Config, Session, SessionOptions, core::api::request::RegisterAgent};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::from_env()?;
//! let mut register = RegisterAgent::new("my-agent".parse()?);
//! config.describe(&mut register);
//! let mut session = Session::start(config.relay()?, register, SessionOptions::default()).await?;
//! loop {
//!     let incoming = session.next().await?;
//!     session.read(&incoming.message).await?;
//!     session.reply(&incoming.message, "on it").await?;
//!     session.handled(&incoming.message).await?;
//! }
//! # }
//! ```
//!
//! `examples/custom_provider.rs` is a whole provider in forty lines.
//!
//! How a call passes through: a method of [`Relay`] (in the module of its noun) names a route of
//! [`core::api::route`] and a request of [`core::api::request`]; `http` makes the call, repeats it
//! where that does no harm, and sorts what went wrong into a [`ClientError`]. [`Events`] is the
//! stream; `inbox` is the mail of one agent on top of it; [`Session`] is the two and heartbeats.
//!
//! To add a noun: a module of its name with its methods on [`Relay`].

pub mod agent;
mod call;
pub mod channel;
pub mod config;
pub mod connection;
pub mod context;
pub mod error;
pub mod event;
pub mod http;
pub mod identity;
mod inbox;
pub mod integration;
pub mod managed;
pub mod message;
pub mod pair;
pub mod place;
pub mod program;
pub mod pulse;
mod random;
mod retry;
#[cfg(test)]
mod scripted;
pub mod session;
pub mod signal;
pub mod stats;
pub mod task;
pub mod token;
mod transport;

pub use relay_core as core;

pub use crate::{
    config::{Config, ConfigError},
    error::{ClientError, Refusal},
    event::{Events, Item},
    http::{Page, Relay},
    session::{Incoming, Member, Session, SessionError, SessionOptions},
};
