//! Working on a task: take it, report, finish it, give it back.

use relay_client::error::ClientError;
use relay_core::{
    api::request::UpdateTask,
    id::TaskId,
    task::{Status, Task},
    text::Body,
};

use super::refused;
use crate::{context::Context, failure::Failure, input::text_or_pipe, output::task};

/// Claim a task and its message: one agent wins
#[derive(Debug, clap::Args)]
pub struct Claim {
    /// The task
    id: TaskId,
}

/// Give a task back that this agent has claimed: it is open again
#[derive(Debug, clap::Args)]
pub struct Release {
    /// The task
    id: TaskId,
    /// The grant to give back [default: the current one]
    #[arg(long)]
    generation: Option<i64>,
}

/// Report how far a claimed task is, or end it
#[derive(Debug, clap::Args)]
pub struct Update {
    /// The task
    id: TaskId,
    /// in_progress, blocked, done, failed or cancelled [default with --progress: in_progress]
    #[arg(long, required_unless_present = "progress")]
    status: Option<Status>,
    /// What was done so far; `-` reads standard input
    #[arg(long, value_name = "TEXT")]
    progress: Option<String>,
    /// What came of it; `-` reads standard input
    #[arg(long, value_name = "TEXT")]
    result: Option<String>,
    /// The grant to report for [default: the current one]
    #[arg(long)]
    generation: Option<i64>,
}

/// Finish a claimed task
#[derive(Debug, clap::Args)]
pub struct Done {
    /// The task
    id: TaskId,
    /// What came of it; `-` reads standard input
    #[arg(value_name = "RESULT")]
    result: Vec<String>,
    /// The grant to finish [default: the current one]
    #[arg(long)]
    generation: Option<i64>,
}

impl Claim {
    /// Claims, and shows what is to be done.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let (id, act) = (self.id, context.acting(None));
        let task = on(context, context.relay.claim_task(id, &act)).await?;
        context.output.show(&task, || task::whole(&task, context.now()))?;
        context.output.note(&yours(id));
        Ok(())
    }
}

/// What the holder of a task can do.
pub fn yours(id: TaskId) -> String {
    format!(
        "it is yours: report with `agent-relay tasks update {id} --progress TEXT`, \
         finish with `agent-relay tasks done {id} RESULT`, \
         give it back with `agent-relay tasks release {id}`"
    )
}

impl Release {
    /// Opens it to others.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let act = context.acting(self.generation);
        let task = on(context, context.relay.release_task(self.id, &act)).await?;
        context.output.show(&task, || format!("task {} is open again", task.id))
    }
}

impl Update {
    /// Reports as us.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let text = |option: &str, text: &Option<String>| {
            text.as_deref().map(|text| text_or_pipe(option, text)).transpose()
        };
        let change = UpdateTask {
            progress: text("--progress", &self.progress)?,
            result: text("--result", &self.result)?,
            generation: self.generation,
            ..report(context, self.status.unwrap_or(Status::InProgress))
        };
        update(context, self.id, &change).await
    }
}

impl Done {
    /// Words need no quotes: they are joined.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let result: Option<Body> = match self.result.as_slice() {
            [] => None,
            words => Some(text_or_pipe("the result", &words.join(" "))?),
        };
        let change =
            UpdateTask { result, generation: self.generation, ..report(context, Status::Done) };
        update(context, self.id, &change).await
    }
}

fn report(context: &Context, status: Status) -> UpdateTask {
    UpdateTask {
        status,
        agent_id: Some(context.me().clone()),
        generation: None,
        progress: None,
        result: None,
        instance_id: None,
        epoch: None,
    }
}

/// Does something to a task, and says meanwhile that this terminal's agent is alive.
async fn on(
    context: &Context,
    work: impl Future<Output = Result<Task, ClientError>>,
) -> Result<Task, Failure> {
    context.alive_while(async { work.await.map_err(refused) }).await
}

async fn update(context: &Context, id: TaskId, change: &UpdateTask) -> Result<(), Failure> {
    let task = on(context, context.relay.update_task(id, change)).await?;
    context.output.show(&task, || format!("task {id} is {}", task.status))
}
