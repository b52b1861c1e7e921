//! The stories of the nouns, told again on PostgreSQL.

#![expect(clippy::duplicate_mod, reason = "each story brings what the stories share")]

#[path = "agent.rs"]
mod agent;
#[path = "callback.rs"]
mod callback;
#[path = "claim.rs"]
mod claim;
#[path = "log.rs"]
mod log;
#[path = "message.rs"]
mod message;
#[path = "pair.rs"]
mod pair;
#[path = "task.rs"]
mod task;
