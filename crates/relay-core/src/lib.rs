//! What things mean in Agent Relay.
//!
//! This crate holds the nouns (agents, messages, claims, events, tokens), the rules that decide
//! what may happen to them, and the HTTP contract that server and client share. It never waits and
//! never reads a clock, a file or a socket: time and randomness are arguments.
//!
//! How a request passes through: the server parses a [`api::route::Route`] and a request type of
//! [`api::request`], the store calls a rule of the noun's module under its write lock, the rule
//! returns the new value together with its event or an [`error::Refused`].
//!
//! To add a noun: one module here with its type, its rules and its table of tests; its requests in
//! [`api::request`], its routes in [`api::route`]; then a module of the same name in each crate
//! that touches it.

pub mod agent;
pub mod api;
pub mod approval;
pub mod callback;
pub mod caller;
pub mod channel;
pub mod context;
pub mod doctor;
pub mod env;
pub mod error;
pub mod event;
pub mod id;
pub mod identity;
pub mod intake;
pub mod integration;
pub mod lease;
pub mod message;
pub mod pair;
pub mod profile;
pub mod prompt;
pub mod receipt;
pub mod scope;
pub mod stats;
pub mod target;
pub mod task;
pub mod text;
pub mod time;
pub mod token;
pub mod version;
