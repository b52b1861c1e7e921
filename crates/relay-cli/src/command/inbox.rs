//! `agent-relay inbox`: the mail of the current agent.

use std::time::Duration;

use relay_client::error::ClientError;
use relay_core::{
    api::query::{Limit, Messages, QueryValue as _, Wait, Within},
    id::Seq,
    message::Message,
};

use crate::{
    context::Context,
    failure::Failure,
    input::{short, span},
};

/// The longest that one request waits; a longer wait is several.
pub const LONG_POLL: Wait = Within(55);
/// How often a relay that has gone is looked for.
const AGAIN: Duration = Duration::from_millis(500);
/// How many messages a look into the inbox shows.
const FEW: Limit = Within(20);
/// The most that a page holds.
const MANY: Limit = Within(500);

/// Show the mail of this agent
///
/// A look does not mark anything as read; `read ID` does, and so does `inbox --wait`, whose output stands in
/// the caller's context.
#[derive(Debug, clap::Args)]
pub struct Inbox {
    /// Only what this agent has not read, oldest first
    #[arg(long)]
    unread: bool,
    /// Wait for unread mail, print it and mark it as read
    #[arg(long)]
    wait: bool,
    /// How long to wait: 30s, 10m; then the exit code is 1 [default: for ever]
    #[arg(long, requires = "wait", value_name = "SPAN", value_parser = span)]
    timeout: Option<Duration>,
    /// The most messages to show, 1 to 500 [default: 20]
    #[arg(long, value_parser = |text: &str| Limit::read(text))]
    limit: Option<Limit>,
    /// The whole inbox, not its newest page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Inbox {
    /// Shows the newest page, the whole, or what comes next.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.wait {
            return self.wait_for_mail(context).await;
        }
        let messages = context.alive_while(self.look(context)).await?;
        show(context, &messages)
    }

    async fn look(&self, context: &Context) -> Result<Vec<Message>, Failure> {
        let query = self.mine(context);
        if !self.all {
            let query = Messages { limit: Some(self.limit.unwrap_or(FEW)), ..query };
            return Ok(context.relay.messages(&query).await?.items);
        }
        let whole = Messages { limit: Some(MANY), since: Some(Seq(0)), ..query };
        Ok(context.relay.all_messages(&whole).await?)
    }

    fn mine(&self, context: &Context) -> Messages {
        Messages {
            reader: Some(context.me().clone()),
            unread: self.unread.then_some(true),
            ..Messages::default()
        }
    }

    /// Marked is only what was printed.
    async fn wait_for_mail(&self, context: &Context) -> Result<(), Failure> {
        let wait = context.alive_during(self.next_mail(context));
        let messages = match self.timeout {
            Some(limit) => {
                tokio::time::timeout(limit, wait).await.map_err(|_| no_mail(limit))??
            }
            None => wait.await?,
        };
        show(context, &messages)?;
        for message in &messages {
            context.mark_read(message.id).await?;
        }
        Ok(())
    }

    /// Looks once, so that a relay that is not there is told at once, then waits.
    async fn next_mail(&self, context: &Context) -> Result<Vec<Message>, Failure> {
        let now = Messages {
            unread: Some(true),
            limit: Some(self.limit.unwrap_or(FEW)),
            ..self.mine(context)
        };
        let mut messages = context.relay.messages(&now).await?.items;
        let wait = Messages { wait: Some(LONG_POLL), ..now };
        while messages.is_empty() {
            messages = poll(context, &wait).await?;
        }
        Ok(messages)
    }
}

/// Asks a relay that was there a moment ago, and waits until it is there again: mail does not get
/// lost by a restart, so neither does the wait for it.
pub async fn poll(context: &Context, query: &Messages) -> Result<Vec<Message>, Failure> {
    let mut told = false;
    loop {
        let error = match context.relay.messages(query).await {
            Ok(page) => return Ok(page.items),
            Err(error) => error,
        };
        let away = matches!(error, ClientError::Unreachable { .. }) || error.status() == Some(503);
        if !away {
            return Err(error.into());
        }
        if !std::mem::replace(&mut told, true) {
            context.output.warn("lost the relay; waiting for it");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn no_mail(timeout: Duration) -> Failure {
    Failure::refused(format_args!("no mail came within {}", short(timeout)))
}

fn show(context: &Context, messages: &[Message]) -> Result<(), Failure> {
    let view = context.view();
    context.output.list(messages, "no mail", || {
        messages.iter().map(|message| view.brief(message)).collect::<Vec<_>>().join("\n")
    })
}
