//! `agent-relay mcp`: the MCP server on standard input and output.

use tokio::runtime::Builder;

use crate::{
    args::Common,
    command::log,
    failure::Failure,
    mcp::{stdio::serve, who::Local},
    signal,
};

/// Serve the relay's tools to an MCP client, on standard input and output
///
/// The client starts it. Who calls is the agent that a provider hosts in this session, or AGENT_RELAY_ID;
/// a client that is neither becomes an agent of its own while it is connected.
#[derive(Debug, clap::Args)]
pub struct Mcp {}

impl Mcp {
    /// Serves until the client closes its end.
    pub fn run(&self, common: Common) -> Result<(), Failure> {
        let settings = common.settings()?;
        log(&settings)?;
        let config = settings.client()?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::refused(format_args!("cannot start: {error}")))?;
        let done = runtime.block_on(async {
            let local = Local::new(settings, config, common.agent);
            Box::pin(serve(local, signal::listen()?)).await
        });
        // A read of standard input that cannot be interrupted must not hold up the end.
        runtime.shutdown_background();
        done
    }
}
