//! The command line as clap reads it: the options of every command, and the list of commands. Each
//! command's own arguments stand beside what it does, in `command/`.
#![expect(clippy::doc_markdown, reason = "what documents an argument is its help on a terminal")]

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use relay_core::{env, id::AgentId};

use crate::{
    command::{
        agent, ask, backup, channel, claim, completions, context, daemon, demo, doctor, inbox,
        integration, join, mcp, message, migrate, open, pair, serve, setup, status, task, token,
        upgrade, watch,
    },
    failure::Failure,
    settings::Settings,
};

const AFTER_HELP: &str = "Every command may be written with a slash, as in a chat: \
agent-relay /message backend \"Tests pass.\"\n\
Exit codes: 0 done; 1 refused; 2 wrong usage or setting; 3 relay unreachable, or not allowed.";

/// Agent Relay: a message bus for AI coding agents
#[derive(Debug, Parser)]
#[command(name = "agent-relay", bin_name = "agent-relay", version, after_help = AFTER_HELP)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Common {
    /// The relay's address [default: AGENT_RELAY_URL, else http://localhost:4850]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// The relay to talk to, by the name that `context add` gave it [env: AGENT_RELAY_CONTEXT]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "url")]
    pub context: Option<String>,
    /// The agent to act as [default: the one that joined here, else `human`]
    #[arg(long, visible_alias = "from", global = true, value_name = "ID")]
    pub agent: Option<AgentId>,
    /// Print the API's own JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// A file that holds the relay's token [default: AGENT_RELAY_TOKEN]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Common {
    /// The settings, with these options in the place of their variables.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let settings = Settings::of_environment()?.flag("--url", &env::URL, self.url.as_ref());
        settings.context(self.context.as_deref())?.file(
            "--token-file",
            &env::TOKEN,
            self.token_file.as_deref(),
        )
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Box<serve::Serve>),
    Open(open::Open),
    Demo(demo::Demo),
    Join(Box<join::Join>),
    Leave(join::Leave),
    #[command(visible_alias = "message")]
    Send(Box<message::Send>),
    SendClaimable(Box<message::SendClaimable>),
    Reply(message::Reply),
    Ask(ask::Ask),
    Inbox(inbox::Inbox),
    Read(message::Read),
    Thread(message::Thread),
    Claim(claim::Claim),
    Done(claim::Done),
    Release(claim::Release),
    Delete(message::Delete),
    Pair(Box<pair::PairUp>),
    Disconnect(pair::HangUp),
    #[command(alias = "task")]
    Tasks(Box<task::Tasks>),
    Integrations(integration::Integrations),
    Channels(channel::Channels),
    Agents(agent::Agents),
    Label(agent::SetLabel),
    Tags(agent::SetTags),
    Status(status::Status),
    Watch(watch::Watch),
    Mcp(mcp::Mcp),
    #[command(subcommand)]
    Token(token::Token),
    #[command(subcommand)]
    Context(context::Context),
    Doctor(doctor::Doctor),
    Setup(setup::Setup),
    #[command(subcommand)]
    Daemon(daemon::Daemon),
    Upgrade(upgrade::Upgrade),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Migrate(migrate::Migrate),
    Completions(completions::Completions),
}

/// The whole command line, from which docs/cli.md and the completions are made.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
