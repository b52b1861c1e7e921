//! `agent-relay watch`: what happens, as it happens.

use relay_client::event::{Events, Item};
use relay_core::{event::Event, id::Seq};

use crate::{context::Context, failure::Failure, output::event};

/// Follow what happens, live
///
/// An agent sees its own mail, claims and status; `human` sees everything. Nothing is marked as read. With
/// --json each event is one line of JSON.
#[derive(Debug, clap::Args)]
pub struct Watch {
    /// Everything this caller may see, not only what concerns this agent
    #[arg(long)]
    all: bool,
    /// Begin after this event's number instead of now
    #[arg(long, value_name = "SEQ")]
    since: Option<Seq>,
}

impl Watch {
    /// Follows until it is stopped, or the relay ends it for good.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        // Asked before the stream is opened: the stream itself would wait for a relay that is down.
        let now = context.relay.cursor().await?.seq;
        let reader = (!self.all && !context.me().is_human()).then(|| context.me().clone());
        let events = context.relay.events(reader, Some(self.since.unwrap_or(now)));
        context.output.note(&format!("watching {}; Ctrl-C ends it", context.relay.url()));
        context.alive_during(follow(context, events)).await
    }
}

async fn follow(context: &Context, mut events: Events) -> Result<(), Failure> {
    while let Some(item) = events.next().await? {
        match item {
            Item::Event(happened) => show(context, &happened)?,
            Item::Disconnected { reason } => {
                context.output.warn(&format!("lost the relay ({reason}); trying again"));
            }
            Item::Reconnected => context.output.note("the relay is back"),
            Item::Gap(gap) => context.output.warn(&format!(
                "events {} to {} are gone; `agent-relay inbox` has what is unread",
                gap.from, gap.to
            )),
            Item::Hello(_) => {}
        }
    }
    Err(Failure::refused("the relay has ended the stream"))
}

fn show(context: &Context, happened: &Event) -> Result<(), Failure> {
    context.output.element(happened, || event::line(happened, &context.view()))
}
