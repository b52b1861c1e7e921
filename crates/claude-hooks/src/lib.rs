//! Agent Relay for Claude Code: the one binary that the plugin's hooks and its monitor run.
//!
//! It has three roles. *Hooks* are short: they read a few files in the state folder, write a few,
//! and never speak to the relay. The *companion*, one per Claude process, is the agent: it holds a
//! `relay_client::Session`, writes mail into the mailbox, marks it read and handled when the hooks
//! have moved it on, tells the relay how the session is doing, and ends with the process. The
//! *monitor* is a child of the session and its companion's mouth: what it prints, or writes to the
//! session's own message socket, becomes a turn.
//!
//! How a message passes through: the companion puts it into `queue/` ([`mailbox`]); while the
//! session is idle, [`courier`] chooses a path and [`companion`] sends a nudge along it; the hook
//! of the turn that begins ([`hook`]) takes what fits from the queue, gives it to the model as
//! context and moves it to `taken/`; while a turn runs, the hook after a tool does the same without
//! a nudge. The end of the turn moves it to `ended/`. A nudge carries no text of anybody's, so that
//! one may be lost, held back or come twice.
//!
//! To answer to another event of Claude Code: a line in `hook::answer` and one in the plugin's
//! `hooks.json`.
#![cfg_attr(not(unix), allow(dead_code, unused_imports, reason = "sockets are for Unix"))]

pub mod clock;
#[cfg(unix)]
pub mod companion;
pub mod courier;
pub mod hook;
pub mod mailbox;
#[cfg(unix)]
pub mod monitor;
pub mod nudge;
pub mod path;
pub mod place;
pub mod process;
pub mod program;
pub mod seat;
pub mod shortcut;
#[cfg(unix)]
pub mod signal;
pub mod status;
#[cfg(unix)]
pub mod wire;
