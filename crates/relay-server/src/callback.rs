//! Callbacks: how one is sent. When, and how often, is the [job](crate::job::callback)'s to say.
//!
//! A callback is a POST to an address that the settings name, [signed](signature) as Standard
//! Webhooks prescribes, and never to an [`address`] that hands out a machine's secrets.

pub mod address;
pub mod attempt;
pub mod signature;

pub use attempt::{Ended, Sender};
