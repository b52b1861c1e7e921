//! Claims: take work, finish it, give it back.

use relay_core::{id::MessageId, message::Message};

use crate::{command::task::yours, context::Context, failure::Failure};

/// Claim a claimable message: one agent wins
#[derive(Debug, clap::Args)]
pub struct Claim {
    /// The message
    id: MessageId,
}

/// Finish what this agent has claimed
#[derive(Debug, clap::Args)]
pub struct Done {
    /// The message
    id: MessageId,
    /// The grant to finish [default: the current one]
    #[arg(long)]
    generation: Option<i64>,
}

/// Give back what this agent has claimed: it is open again
#[derive(Debug, clap::Args)]
pub struct Release {
    /// The message
    id: MessageId,
    /// The grant to give back [default: the current one]
    #[arg(long)]
    generation: Option<i64>,
}

impl Claim {
    /// Claims, and shows what is to be done.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let act = context.acting(None);
        let message = context.alive_while(context.relay.claim_message(self.id, &act)).await?;
        context.output.show(&message, || context.view().full(&message))?;
        context.output.note(&match message.task_id {
            Some(task) => yours(task),
            None => format!(
                "it is yours: `agent-relay done {0}` finishes it, `agent-relay release {0}` gives it back",
                self.id
            ),
        });
        Ok(())
    }
}

impl Done {
    /// Finishes for good.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let act = context.acting(self.generation);
        let done = context.alive_while(context.relay.finish_message(self.id, &act)).await?;
        say(context, &done, "done")
    }
}

impl Release {
    /// Opens it to others.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let act = context.acting(self.generation);
        let open = context.alive_while(context.relay.release_message(self.id, &act)).await?;
        say(context, &open, "open again")
    }
}

fn say(context: &Context, message: &Message, what: &str) -> Result<(), Failure> {
    let task = message.task_id.map(|task| format!(", and so is task {task}")).unwrap_or_default();
    context.output.show(message, || format!("msg:{} is {what}{task}", message.id))
}
