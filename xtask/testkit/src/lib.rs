//! The real programs against a relay and model servers of our own, offline.
//!
//! A test makes a [`World`] (a relay, and an agent that writes to sessions) and starts sessions in
//! it: each has a home, a project and a terminal of its own, and a model server that does what it is
//! told. [`program`] finds the programs, or installs them from npm with `RELAY_TEST_FULL=1`.
#![cfg(target_os = "linux")]

pub mod claude;
pub mod codex;
pub mod program;
mod served;
pub mod terminal;
mod wait;
mod world;

pub use self::{
    wait::{PATIENCE, a_while, gone, until},
    world::World,
};
