//! Integrations: the systems that create work, and what they could not be told.

use std::str::FromStr;

use relay_core::{
    api::query::{self, Limit, QueryValue as _, Within},
    callback::DeadLetter,
    id::{AgentId, CallbackId},
    integration::Overview,
};

use crate::{context::Context, failure::Failure, output::integration};

/// The most that a page holds.
const MANY: Limit = Within(500);

/// List the integrations, or the callbacks that they did not take
///
/// Without a subcommand, lists the integrations that are configured or were seen.
#[derive(Debug, clap::Args)]
pub struct Integrations {
    #[command(subcommand)]
    action: Option<Action>,
}

/// What to do with integrations.
#[derive(Debug, clap::Subcommand)]
enum Action {
    List(List),
    DeadLetters(DeadLetters),
}

impl Integrations {
    /// Does one of the two.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self.action {
            None | Some(Action::List(_)) => list(context).await,
            Some(Action::DeadLetters(letters)) => letters.run(context).await,
        }
    }
}

/// List the integrations, never their tokens
#[derive(Debug, clap::Args)]
pub struct List {}

async fn list(context: &Context) -> Result<(), Failure> {
    let all = context.alive_while(context.relay.integrations()).await?;
    let nobody = "no integrations; the relay learns of them as it starts: \
                  `agent-relay serve --integrations-file FILE`";
    context.output.list(&all, nobody, || integration::list(&all, context.now()))?;
    match all.iter().map(|one: &Overview| one.seen.dead_letters).sum() {
        0_u64 => {}
        dead => context.output.warn(&format!(
            "{dead} callbacks were given up on: `agent-relay integrations dead-letters`"
        )),
    }
    Ok(())
}

/// List the callbacks that were given up on, oldest first, or send them again
#[derive(Debug, clap::Args)]
pub struct DeadLetters {
    /// Only those of this integration
    #[arg(long, value_name = "NAME")]
    integration: Option<AgentId>,
    /// The most to list, 1 to 500 [default: 100]
    #[arg(long, value_parser = |text: &str| Limit::read(text))]
    limit: Option<Limit>,
    /// Send these again, or all
    #[arg(long, value_name = "ID|all", num_args = 0.., conflicts_with = "limit")]
    retry: Option<Vec<Which>>,
}

/// Which dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    One(CallbackId),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            text => text.parse().map(Self::One).map_err(|why| format!("{why}, or all")),
        }
    }
}

impl DeadLetters {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        match &self.retry {
            None => self.list(context).await,
            Some(which) => self.send_again(context, which).await,
        }
    }

    async fn list(&self, context: &Context) -> Result<(), Failure> {
        let page = context.alive_while(context.relay.dead_letters(&self.query(self.limit))).await?;
        let now = context.now();
        context.output.list(&page.items, "no callback was given up on", || {
            integration::dead_letters(&page.items, now)
        })?;
        if page.has_more() {
            context.output.note("there are more; `--limit 500` shows more");
        }
        if let Some(first) = page.items.first() {
            context.output.note(&format!(
                "`agent-relay integrations dead-letters --retry {}` sends one again, `--retry all` all",
                first.id
            ));
        }
        Ok(())
    }

    /// Prints what was sent again, also when the next is refused.
    async fn send_again(&self, context: &Context, which: &[Which]) -> Result<(), Failure> {
        let all = which.is_empty() || which.contains(&Which::All);
        let ids = if all { self.every(context).await? } else { one_by_one(which) };
        let mut sent = Vec::new();
        let mut refused = None;
        for id in ids {
            match context.relay.retry_dead_letter(id).await {
                Ok(letter) => sent.push(letter),
                // Somebody else was quicker.
                Err(error) if all && error.status() == Some(404) => {}
                Err(error) => {
                    refused = Some(Failure::from(error));
                    break;
                }
            }
        }
        if let Some(refused) = refused {
            if !sent.is_empty() {
                context.output.note(&told(&sent));
            }
            return Err(refused);
        }
        context.output.list(&sent, "no callback was given up on", || told(&sent))
    }

    async fn every(&self, context: &Context) -> Result<Vec<CallbackId>, Failure> {
        let letters = context.relay.all_dead_letters(&self.query(Some(MANY))).await?;
        Ok(letters.iter().map(|letter| letter.id).collect())
    }

    fn query(&self, limit: Option<Limit>) -> query::DeadLetters {
        let integration = self.integration.clone();
        query::DeadLetters { integration, limit, ..query::DeadLetters::default() }
    }
}

fn one_by_one(which: &[Which]) -> Vec<CallbackId> {
    let one = |which: &Which| match which {
        Which::All => None,
        Which::One(id) => Some(*id),
    };
    which.iter().filter_map(one).collect()
}

fn told(sent: &[DeadLetter]) -> String {
    let line = |letter: &DeadLetter| {
        let DeadLetter { id, integration, task_id, event, .. } = letter;
        format!("callback {id} to {integration} is sent again: task {task_id} {event}")
    };
    sent.iter().map(line).collect::<Vec<_>>().join("\n")
}
