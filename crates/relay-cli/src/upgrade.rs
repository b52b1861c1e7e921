//! Upgrading: what is installed becomes what the newest release has.
//!
//! [`address`] says where releases are, [`release`] reads the index, [`installed`] finds our
//! programs, [`plan`] says what will be changed, and [`carry`] does it: it fetches and checks the
//! archive, copies the database, swaps the programs in one step each, starts the service anew, and
//! puts everything back where that is not well. Nothing is fetched unless somebody upgrades.

pub mod address;
pub mod archive;
pub mod carry;
pub mod fetch;
pub mod installed;
pub mod plan;
pub mod release;
pub mod service;
pub mod swap;
