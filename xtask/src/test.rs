//! `cargo xtask test`: everything testable here.
//!
//! Without `--full` it takes minutes, installs nothing and says aloud what it leaves out. With
//! `--full` the long tests run at their full length, and what is missing is a failure.

mod programs;
mod tally;

use std::process::Command;

use self::tally::Tally;
use crate::shell::{self, Failure};
use crate::suite::{Suites, Tool};
use crate::{bench, dashboard, docs, examples};

#[derive(clap::Args)]
pub struct Args {
    /// Also what takes long: more kill cycles, the release build, the bench as a smoke run
    #[arg(long)]
    pub full: bool,
}

/// Read by the long tests: set to 1, they run hundreds of cycles in place of tens.
const FULL: &str = "RELAY_TEST_FULL";

/// Where the tests with real agents find our programs.
const PROGRAMS: &str = "RELAY_TEST_PROGRAMS";

const REDIS: Tool = Tool {
    program: "redis-server",
    install: "`apt-get install redis-server` or `brew install redis`",
};

const PROMTOOL: Tool = Tool {
    program: "promtool",
    install: "`apt-get install prometheus` or `brew install prometheus`",
};

/// What single tests leave out when a tool is missing.
const PARTS: [(&str, Tool); 8] = [
    (
        "several servers, where no PostgreSQL answers here or at RELAY_TEST_POSTGRES_URL",
        Tool { program: "psql", install: "`apt-get install postgresql`" },
    ),
    (
        "relays that are replaced behind HAProxy",
        Tool { program: "haproxy", install: "`apt-get install haproxy`" },
    ),
    (
        "relays that are replaced behind nginx",
        Tool { program: "nginx", install: "`apt-get install nginx`" },
    ),
    (
        "the README's section on curl, two example integrations",
        Tool { program: "curl", install: "`apt-get install curl`; Windows and macOS have it" },
    ),
    (
        "the example integrations of Alertmanager and Zendesk, the life of an installation",
        Tool { program: "python3", install: "`apt-get install python3`" },
    ),
    (
        "the example integration of GitHub Actions",
        Tool { program: "jq", install: "`apt-get install jq` or `brew install jq`" },
    ),
    (
        "whether systemd accepts the unit of the service",
        Tool { program: "systemd-analyze", install: "`apt-get install systemd`" },
    ),
    (
        "the real Claude Code, which also takes RELAY_TEST_CLAUDE or `--full`",
        Tool { program: "tmux", install: "`apt-get install tmux` or `brew install tmux`" },
    ),
];

pub fn run(args: &Args) -> Result<(), Failure> {
    let mut suites = Suites::new(args.full);
    // First, so that a release which is built for the bench holds the page already.
    dashboard::test(&mut suites, args.full);
    if args.full {
        suites.run_with("bench, as a smoke run", &[REDIS], || {
            bench::run(&bench::Args { quick: true, ..Default::default() })
        });
    } else {
        eprintln!("xtask: the bench and the long tests run with `cargo xtask test --full` only");
    }
    suites.run("generated documents", docs::check);
    suites.run_with("alert rules, as Prometheus evaluates them", &[PROMTOOL], || {
        let mut command = Command::new(PROMTOOL.program);
        command.args(["test", "rules", "alerts_test.yaml"]);
        shell::run(command.current_dir(shell::root().join("examples/monitoring")))
    });

    examples::compile(&mut suites);
    for (part, tool) in PARTS {
        if let Some(why) = tool.missing() {
            suites.skip(part, &why);
        }
    }

    let mut tally = Tally::default();
    // Apart, because with the workspace's features cargo would build this running program anew, which
    // Windows does not allow.
    suites.run("tidy: the architecture as tests", || {
        cargo_test(&["--package", "xtask"], args.full, &mut tally)
    });
    suites.run("test programs", || run_programs(args.full, &mut tally));
    suites.run("examples in the crates' documentation", || {
        cargo_test(&[&["--doc"], &EVERYTHING[..]].concat(), args.full, &mut tally)
    });
    suites.finish(&tally.lines())
}

/// All packages but this one.
const EVERYTHING: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// Tests as cargo runs them, going on after the first failure.
fn cargo_test(arguments: &[&str], full: bool, tally: &mut Tally) -> Result<(), Failure> {
    let mut command = shell::cargo(&["test", "--no-fail-fast"]);
    command.args(arguments);
    prepare(&mut command, full);
    shell::run_watched(&mut command, |line| tally.read(line))
}

/// Unit and integration tests. With `full` those of the server run on PostgreSQL, too.
fn run_programs(full: bool, tally: &mut Tally) -> Result<(), Failure> {
    let mut all = programs::build(&EVERYTHING)?;
    if full {
        let server = all.iter().filter(|program| program.is_of("relay-server"));
        let again: Vec<_> =
            server.map(|one| one.clone().with("RELAY_TEST_BACKEND", "postgres")).collect();
        all.extend(again);
    }
    // They were built with the tests.
    let ours = shell::target_folder().join("debug");
    let run = |command: &mut Command| {
        prepare(command, full);
        if !is_set(PROGRAMS) {
            command.env(PROGRAMS, &ours);
        }
    };
    programs::run(all, &run, tally)
}

/// Says how long the tests are to be, and takes a developer's own settings away.
fn prepare(command: &mut Command, full: bool) {
    for name in own_settings() {
        command.env_remove(name);
    }
    command.env(FULL, if full { "1" } else { "0" });
}

#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the relay")]
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// The variables by which a developer's own relay is set up: no test may find that one by them.
#[expect(clippy::disallowed_methods, reason = "to take the settings away, not to read them")]
fn own_settings() -> Vec<String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("AGENT_RELAY_") || SHORT_NAMES.contains(&name.as_str()))
        .collect()
}

const SHORT_NAMES: [&str; 7] = [
    "PORT",
    "HOST",
    "DB_PATH",
    "STALE_TTL_MS",
    "OFFLINE_PRUNE_MS",
    "REAP_INTERVAL_MS",
    "RETENTION_DAYS",
];
