//! Agent Relay for Codex: `codex-relay` starts a session that is an agent.
//!
//! It starts Codex's app-server in the project, connects the bridge, then the terminal. The bridge
//! makes every thread that somebody works in an agent, brings its mail as turns, and keeps its
//! presence true.

pub mod app_server;
pub mod args;
pub mod bridge;
pub mod command;
pub mod doctor;
pub mod failure;
pub mod find;
#[cfg(unix)]
pub mod guardian;
pub mod headless;
pub mod install;
pub mod launch;
pub mod permission;
pub mod plan;
pub mod primer;
pub mod process;
pub mod settings;
pub mod uninstall;
pub mod upgrade;
