//! The commands, one noun a file: the arguments of each, and what it does.
#![expect(clippy::doc_markdown, reason = "what documents an argument is its help on a terminal")]

pub mod agent;
pub mod ask;
pub mod backup;
pub mod channel;
pub mod claim;
pub mod completions;
pub mod context;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod inbox;
pub mod integration;
pub mod join;
pub mod mcp;
pub mod message;
pub mod migrate;
pub mod open;
pub mod pair;
pub mod serve;
pub mod setup;
pub mod status;
pub mod task;
pub mod token;
pub mod upgrade;
pub mod watch;

use relay_core::env;
use relay_server::{config::Log, logging};
use tokio::runtime::Builder;

use crate::{
    args::{Cli, Command, Common},
    context::Context,
    failure::Failure,
    output::Output,
    settings::Settings,
};

/// Runs a command. The server gets threads; every other command is short and gets none.
pub fn run(Cli { common, command }: Cli) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve.run(&common),
        Command::Demo(demo) => demo.run(&common),
        Command::Mcp(mcp) => mcp.run(common),
        Command::Completions(completions) => completions.run(Output::new(common.json)),
        Command::Setup(setup) => setup.run(&common),
        Command::Daemon(daemon) => daemon.run(&common),
        Command::Upgrade(upgrade) => alone(upgrade.run(&common)),
        Command::Context(context) => context.run(&common),
        Command::Doctor(doctor) => alone(doctor.run(&common)),
        Command::Backup(backup) => alone(backup.run(&common)),
        Command::Restore(restore) => alone(restore.run(&common)),
        Command::Migrate(migrate) => alone(migrate.run(&common)),
        command => alone(talk(common, command)),
    }
}

fn alone(done: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format_args!("cannot start: {error}")))?
        .block_on(done)
}

async fn talk(common: Common, command: Command) -> Result<(), Failure> {
    let mut settings = common.settings()?;
    if let Command::Join(join) = &command {
        settings = join.settings(settings);
    }
    log(&settings)?;
    let context = Context::open(&settings, common.agent, Output::new(common.json))?;
    let done = Box::pin(perform(&context, command)).await;
    done.map_err(|failure| context.speaker.advise(failure))
}

/// Says what the client finds worth a warning, or what the settings ask for.
fn log(settings: &Settings) -> Result<(), Failure> {
    let asked = env::CLIENT_LOG.read(&|name| settings.get(name), Log::parse);
    let asked = asked.map_err(|bad| settings.explain(bad))?;
    let filter = env::CLIENT_LOG.default.to_owned();
    logging::init(&asked.unwrap_or(Log { json: false, filter }));
    Ok(())
}

async fn perform(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Open(open) => open.run(context),
        Command::Join(join) => join.run(context).await,
        Command::Leave(leave) => leave.run(context).await,
        Command::Send(send) => send.run(context).await,
        Command::SendClaimable(send) => send.run(context).await,
        Command::Reply(reply) => reply.run(context).await,
        Command::Ask(ask) => ask.run(context).await,
        Command::Inbox(inbox) => inbox.run(context).await,
        Command::Read(read) => read.run(context).await,
        Command::Thread(thread) => thread.run(context).await,
        Command::Claim(claim) => claim.run(context).await,
        Command::Done(done) => done.run(context).await,
        Command::Release(release) => release.run(context).await,
        Command::Delete(delete) => delete.run(context).await,
        Command::Pair(pair) => pair.run(context).await,
        Command::Disconnect(hang_up) => hang_up.run(context).await,
        Command::Tasks(tasks) => tasks.run(context).await,
        Command::Integrations(integrations) => integrations.run(context).await,
        Command::Channels(channels) => channels.run(context).await,
        Command::Agents(agents) => agents.run(context).await,
        Command::Label(label) => label.run(context).await,
        Command::Tags(tags) => tags.run(context).await,
        Command::Status(status) => status.run(context).await,
        Command::Watch(watch) => watch.run(context).await,
        Command::Token(token) => token.run(context).await,
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Mcp(_)
        | Command::Setup(_)
        | Command::Daemon(_)
        | Command::Upgrade(_)
        | Command::Context(_)
        | Command::Doctor(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Migrate(_)
        | Command::Completions(_) => Ok(()),
    }
}
