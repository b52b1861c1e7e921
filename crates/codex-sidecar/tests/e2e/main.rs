//! The real Codex against a relay and a model server of our own, offline.
#![cfg(target_os = "linux")]

mod cross_vendor;
mod delivery;
mod ending;
mod headless;
mod install;
mod launch;
mod presence;
mod restart;
