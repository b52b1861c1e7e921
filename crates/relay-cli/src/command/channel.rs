//! Channels: the bridges to where people already talk.

use crate::{context::Context, failure::Failure, output::channel};

/// List the channels: bridges to where people already talk
#[derive(Debug, clap::Args)]
pub struct Channels {}

impl Channels {
    /// Prints all of them.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let channels = context.alive_while(context.relay.channels()).await?;
        context.output.list(
            &channels,
            "no channels; a bridge to a chat registers one: `agent-relay-telegram --help`",
            || channel::list(&channels, context.now()),
        )
    }
}
