//! Makes a release of programs that are built: `cargo xtask dist` runs it.
//!
//! `pack` makes the archive for one kind of machine, with a digest beside it, and on Debian the
//! package; `index` writes `release.json` over all the archives of a folder. The archive is what
//! `install.sh` unpacks and `agent-relay upgrade` reads; docs/deployment.md has its layout.

mod debian;
mod file;
mod index;
mod pack;
mod paper;
mod sbom;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// The programs of a release.
pub const PROGRAMS: [&str; 4] =
    ["agent-relay", "codex-relay", "agent-relay-claude", "agent-relay-telegram"];

/// Makes a release of programs that are built.
#[derive(Parser)]
enum Args {
    /// The archive for one kind of machine, and its digest
    Pack(Pack),
    /// The index of all archives in a folder
    Index {
        /// The folder
        #[arg(long)]
        out: PathBuf,
    },
}

/// What goes where.
#[derive(clap::Args)]
pub struct Pack {
    /// The folder with the programs
    #[arg(long)]
    programs: PathBuf,
    /// The machine they are for, as Rust names it
    #[arg(long)]
    target: String,
    /// The folder for what is made
    #[arg(long)]
    out: PathBuf,
}

fn main() -> ExitCode {
    let done = match Args::parse() {
        Args::Pack(pack) => pack.run(),
        Args::Index { out } => index::write(&out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("dist: {why}");
            ExitCode::FAILURE
        }
    }
}
