//! `cargo xtask bench`: the work is done by the package `xtask-bench`, which must itself be optimised.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Failure};

#[derive(Default, clap::Args)]
pub struct Args {
    /// One short round of each, in well under a minute: shows that it works, not how fast it is
    #[arg(long)]
    pub quick: bool,
    /// Measure this alone: start, throughput, delivery, stalled, send or sessions
    #[arg(long, value_name = "PART")]
    pub only: Option<String>,
    /// Measure so many relays on one PostgreSQL beside one, and nothing else
    #[arg(long, value_name = "N")]
    pub servers: Option<usize>,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Fail when a target is missed
    #[arg(long)]
    pub strict: bool,
}

/// Builds the relay and the load generator in release, then measures.
pub fn run(args: &Args) -> Result<(), Failure> {
    // One at a time: together, cargo would give the relay other features than `cargo xtask serve` does.
    shell::run(&mut shell::cargo(&["build", "--release", "--package", "relay-cli"]))?;
    let others = ["claude-hooks", "codex-sidecar", "xtask-bench"];
    // A smoke run does not look at the figures, and is built in half the time.
    let builds = if args.quick { vec![&others[..]] } else { others.chunks(1).collect() };
    for packages in builds {
        let mut build = shell::cargo(&["build", "--release"]);
        build.args(packages.iter().flat_map(|package| ["--package", package]));
        shell::run(&mut build)?;
    }
    let mut bench = Command::new(shell::built("xtask-bench", "release")?);
    let hooks = shell::built("agent-relay-claude", "release")?;
    bench.arg("--relay").arg(shell::built("agent-relay", "release")?);
    bench.arg("--hooks").arg(&hooks);
    // The sessions of the real programs find all of them there.
    if let Some(folder) = hooks.parent() {
        bench.env("RELAY_TEST_PROGRAMS", folder);
    }
    if args.quick {
        bench.arg("--quick");
    }
    if let Some(part) = &args.only {
        bench.args(["--only", part]);
    }
    if let Some(servers) = args.servers {
        bench.arg("--servers").arg(servers.to_string());
    }
    if let Some(file) = &args.json {
        bench.arg("--json").arg(file);
    }
    if args.strict {
        bench.arg("--strict");
    }
    shell::run(&mut bench)
}
