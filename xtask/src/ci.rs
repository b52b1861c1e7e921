//! `cargo xtask ci`: what CI runs, in the same order.

use crate::shell::{self, Failure};
use crate::suite::{Suites, Tool};
use crate::{dashboard, docs, npm, skills, test};

#[derive(clap::Args)]
pub struct Args {
    /// Leave the tests out (`.ci/run` runs them last, with `--full`)
    #[arg(long)]
    without_tests: bool,
}

/// Optional everywhere: the tidy tests check licences and sources without it.
const DENY: Tool = Tool { program: "cargo-deny", install: "`cargo install --locked cargo-deny`" };

pub fn run(args: &Args) -> Result<(), Failure> {
    let mut suites = Suites::new(false);
    suites.run("format", || shell::run(&mut shell::cargo(&["fmt", "--all", "--check"])));
    suites.run("clippy", clippy);
    if !args.without_tests {
        suites.run("tests", || test::run(&test::Args { full: false }));
    }
    suites.run("documentation of the crates", rustdoc);
    suites.run("generated documents", docs::check);
    suites.run("skills", skills::check);
    suites.run_with("licences, bans, sources", &[DENY], deny);
    suites.run_with("types of the dashboard", &npm::TOOLS, dashboard::types);
    suites.finish(&[])
}

fn clippy() -> Result<(), Failure> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    shell::run(&mut shell::cargo(&arguments))
}

fn rustdoc() -> Result<(), Failure> {
    let mut command = shell::cargo(&["doc", "--workspace", "--no-deps"]);
    shell::run(command.env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Advisories are left out: they need a database from the network (see `.deny.toml`).
fn deny() -> Result<(), Failure> {
    let arguments = ["deny", "--config", ".deny.toml", "check", "bans", "licenses", "sources"];
    shell::run(&mut shell::cargo(&arguments))
}
