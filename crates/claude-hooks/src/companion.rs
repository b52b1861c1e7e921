//! The companion: the process that is the agent, for as long as its Claude runs.

mod mouth;
mod prune;
mod receipt;
mod report;
mod run;

use std::process::ExitCode;

use relay_core::id::AgentId;
use tracing_subscriber::EnvFilter;

/// Runs as the companion of that agent and process.
pub fn main(agent: &str, pid: &str) -> ExitCode {
    let (Ok(agent), Ok(pid)) = (agent.parse::<AgentId>(), pid.parse()) else {
        eprintln!("the companion takes an agent's id and a process's number");
        return ExitCode::from(2);
    };
    let filter = relay_client::config::environment("AGENT_RELAY_LOG");
    let filter = EnvFilter::new(filter.unwrap_or_else(|| "info".into()));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let _ = lines.with_writer(std::io::stderr).try_init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    match runtime.block_on(run::run(&agent, pid)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the companion ends");
            ExitCode::FAILURE
        }
    }
}
