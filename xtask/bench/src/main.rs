//! `cargo xtask bench`: the relay, a bare hyper server that parses the same message and stores nothing
//! (the ceiling), and Redis Streams with `appendfsync always`, side by side in one run.
//!
//! The load generator is one thread of raw connections, so that the servers have what is left of the
//! machine; the servers are child processes on loopback with data in a temporary folder.
//!
//! After that, and apart from it: what a session of Claude Code or Codex pays, in time and in tokens.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^52 and figures are rounded"
)]

mod agents;
mod ceiling;
mod connection;
mod contender;
mod delivery;
mod disk;
mod figure;
mod load;
mod name;
mod plan;
mod reply;
mod request;
mod server;
mod session;
mod several;
mod stall;
mod stream;
mod verdict;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;

use self::contender::{Contender, Yard};
use self::figure::Figures;
use self::plan::{Part, Plan};
use self::session::Rows;
use self::verdict::Verdict;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    /// The `agent-relay` to measure
    #[arg(long, default_value = "target/release/agent-relay")]
    relay: PathBuf,
    /// The `agent-relay-claude` to measure
    #[arg(long, default_value = "target/release/agent-relay-claude")]
    hooks: PathBuf,
    /// One short round of each: shows that it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Measure this alone
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Measure so many relays on one PostgreSQL beside one, and nothing else
    #[arg(long, value_name = "N")]
    servers: Option<usize>,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when a target is missed
    #[arg(long)]
    strict: bool,
}

#[derive(Subcommand)]
enum Role {
    /// Be the ceiling server
    #[command(hide = true)]
    Ceiling {
        #[arg(long)]
        port: u16,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.role {
        Some(Role::Ceiling { port }) => be_the_ceiling(port),
        None => measure(args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// With the same kind of runtime as the relay: a worker for each core.
fn be_the_ceiling(port: u16) -> io::Result<ExitCode> {
    raise_open_files();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(ceiling::serve(port))?;
    Ok(ExitCode::SUCCESS)
}

fn measure(args: Args) -> io::Result<ExitCode> {
    raise_open_files();
    let yard = Yard::new(args.relay)?;
    if !yard.has(Contender::Redis) {
        eprintln!("bench: redis-server is not installed, the comparison with Redis is skipped");
    }
    let plan = if args.quick { Plan::quick() } else { Plan::full() };
    if let Some(servers) = args.servers {
        return measure_several(&yard, &plan, servers, args.strict);
    }
    let mut figures = Figures::default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(plan.run(
        args.only,
        &yard,
        &mut figures,
    ))?;

    let sessions = match args.only {
        None | Some(Part::Sessions) => Some(Rows::measure(&args.hooks, args.quick)?),
        Some(_) => None,
    };
    let verdicts = Verdict::all(&figures);
    if args.only != Some(Part::Sessions) {
        println!("{}", figures.table());
    }
    if let Some(sessions) = &sessions {
        println!("{}", sessions.table());
    }
    for verdict in &verdicts {
        println!("{}", verdict.line());
    }
    if let Some(file) = args.json {
        let verdicts: Vec<_> = verdicts.iter().map(Verdict::json).collect();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let all = json!({ "cores": cores, "quick": args.quick, "figures": figures.json(), "sessions": sessions.as_ref().map(Rows::json), "verdicts": verdicts });
        std::fs::write(file, format!("{all:#}\n"))?;
    }
    let failed = args.strict && !verdicts.iter().all(Verdict::met);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Several must store more than one, where the machine has room for it.
fn measure_several(yard: &Yard, plan: &Plan, servers: usize, strict: bool) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = several::measure(yard, servers, plan.rounds, plan.crowded);
    let (table, times) = runtime.block_on(measured)?;
    println!("{table}{servers} relays stored {times:.2} times what one did");
    Ok(if strict && times < 1.3 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A thousand streams need a thousand descriptors on either side.
fn raise_open_files() {
    let _ = rlimit::increase_nofile_limit(16 * 1024);
}
