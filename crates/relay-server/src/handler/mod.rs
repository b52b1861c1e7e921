//! What is left of a request when route, caller, scope and body have been dealt with: one function
//! for each route, one file for each noun.

pub mod agent;
pub mod event;
pub mod health;
pub mod message;
pub mod stats;
pub mod token;
