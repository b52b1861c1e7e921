//! Seats: which agent a Claude process is at present.

use std::{fs, path::PathBuf};

use relay_client::place::write_private;
use relay_core::{agent::Approval, id::AgentId};
use serde::{Deserialize, Serialize};

use crate::{mailbox::Mailbox, place::Place, process};

/// The agent of one Claude process, as the session's start wrote it down for the other hooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
    /// The agent.
    pub agent: AgentId,
    /// The session, which `/clear` and resuming change within a process.
    pub session: String,
    /// The process.
    pub pid: u32,
    /// When it started, because numbers are used again.
    pub pid_started_at: Option<u64>,
    /// The folder it works in.
    pub cwd: PathBuf,
    /// What it may do without asking.
    pub approval: Approval,
}

impl Seat {
    /// That of a process, as it was written down.
    pub fn of(place: &Place, pid: u32) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(place.seat(pid)).ok()?).ok()
    }

    /// That of the process above this one.
    pub fn current(place: &Place) -> Option<Self> {
        Self::of(place, process::claude()?)
    }

    /// Writes it down.
    pub fn save(&self, place: &Place) -> std::io::Result<()> {
        let text = serde_json::to_string(self).expect("a seat is plain JSON");
        write_private(&place.seat(self.pid), &text)
    }

    /// Whether that process still runs.
    pub fn is_taken(&self) -> bool {
        process::runs(self.pid, self.pid_started_at)
    }

    /// The agent's mailbox.
    pub fn mailbox(&self, place: &Place) -> Mailbox {
        Mailbox::new(place.mailbox(&self.agent))
    }
}
