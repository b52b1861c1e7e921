//! The workshop: `cargo xtask <task>`.
//!
//! Each task is a list of ordinary commands, printed before they run, so that a failing line can be
//! pasted into a terminal. Heavy work sits in packages of its own (`xtask/docs`, `xtask/bench`): this
//! one stays small, because a fresh clone compiles it before anything else.

mod bench;
mod ci;
mod dashboard;
mod dist;
mod docs;
mod examples;
mod npm;
mod publish;
mod serve;
mod shell;
mod skills;
mod suite;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The workshop of Agent Relay.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build what is needed and run the relay: `cargo xtask serve [--dev] [arguments of agent-relay serve]`
    Serve(serve::Args),
    /// Test everything testable here; installs nothing, says aloud what it skips
    Test(test::Args),
    /// The checks of CI, in its order
    Ci(ci::Args),
    /// Build the web page with npm; `--test` also tests it, in a browser where one is found
    Dashboard(dashboard::Args),
    /// Take the pictures of docs/screenshots, from `agent-relay demo` in a browser
    Screenshots,
    /// Regenerate docs/http.md, docs/configuration.md, docs/cli.md and docs/openapi.json
    Docs(docs::Args),
    /// Make the providers' skills from providers/skills/*.md
    Skills(skills::Args),
    /// The relay beside a server that stores nothing and beside Redis Streams
    Bench(bench::Args),
    /// A release for this machine: programs, archive, digests, index, Debian package
    Dist(dist::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Serve(args) => serve::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Ci(args) => ci::run(&args),
        Task::Dashboard(args) => dashboard::run(&args),
        Task::Screenshots => dashboard::screenshots(),
        Task::Docs(args) => docs::run(&args),
        Task::Skills(args) => skills::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Dist(args) => dist::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
