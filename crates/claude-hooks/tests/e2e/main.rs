//! The real Claude Code against a relay and a model server of our own, offline.
#![cfg(target_os = "linux")]

mod crash;
mod gate;
mod install;
mod path;
mod talk;
mod turn;

use testkit::{
    claude::Setup,
    program::{self, Version},
};

/// The program of a version, with nothing else set; `None` skips the test aloud.
pub fn setup(version: Version) -> Option<Setup> {
    Some(Setup { claude: program::claude(version)?, ..Setup::default() })
}
