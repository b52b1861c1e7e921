//! The real Claude Code against a relay and a model server of our own, offline.
#![cfg(target_os = "linux")]

mod crash;
mod end;
mod gate;
mod identity;
mod install;
mod matrix;
mod path;
mod print;
mod skill;
mod subagent;
mod talk;
mod turn;
mod urgency;

use testkit::{
    claude::Setup,
    program::{self, Version},
};

/// The program of a version, with nothing else set; `None` skips the test aloud.
pub fn setup(version: Version) -> Option<Setup> {
    Some(Setup { claude: program::claude(version)?, ..Setup::default() })
}

/// Where Bash may run our command line without being asked for.
pub fn allowed(setup: Setup) -> Setup {
    setup.with_arguments(&["--allowedTools", "Bash(agent-relay *)"])
}
