//! Tasks: work with a history, from integrations, agents and people.

mod create;
mod work;

use relay_client::error::ClientError;
use relay_core::{
    api::query::{self, Limit, QueryValue as _, TaskFilter},
    id::TaskId,
    target::Target,
    task::{Source, Status, Task, TaskEvent},
};
use serde::Serialize;

pub use self::work::yours;
use crate::{context::Context, failure::Failure, output::task};

/// List tasks, create them, work on them
///
/// Without a subcommand, lists the tasks that are not finished.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Tasks {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

/// What to do with tasks.
#[derive(Debug, clap::Subcommand)]
enum Action {
    List(List),
    Show(Show),
    Create(Box<create::Create>),
    Claim(work::Claim),
    Release(work::Release),
    Update(work::Update),
    Done(work::Done),
}

impl Tasks {
    /// Does one of them.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self.action.unwrap_or(Action::List(self.list)) {
            Action::List(list) => list.run(context).await,
            Action::Show(show) => show.run(context).await,
            Action::Create(create) => create.run(context).await,
            Action::Claim(claim) => claim.run(context).await,
            Action::Release(release) => release.run(context).await,
            Action::Update(update) => update.run(context).await,
            Action::Done(done) => done.run(context).await,
        }
    }
}

/// List tasks, the newest last
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only tasks that are this far: open, claimed, in_progress, blocked, done, failed or cancelled
    #[arg(long, group = "which")]
    status: Option<Status>,
    /// Only tasks that are not finished; this is the default
    #[arg(long, group = "which")]
    active: bool,
    /// The finished ones too
    #[arg(long, group = "which")]
    all: bool,
    /// Only tasks of this source: an integration's name, or agent:ID
    #[arg(long)]
    source: Option<Source>,
    /// Only tasks for exactly this target
    #[arg(long)]
    target: Option<Target>,
    /// The most tasks to show, the newest of them, 1 to 500 [default: 100]
    #[arg(long, value_parser = |text: &str| Limit::read(text))]
    limit: Option<Limit>,
}

impl List {
    /// Prints one page, and says when there is more.
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let query = query::Tasks {
            status: self.filter(),
            source: self.source,
            target: self.target,
            limit: self.limit,
            ..query::Tasks::default()
        };
        let page = context.alive_while(context.relay.tasks(&query)).await?;
        let now = context.now();
        context.output.list(&page.items, nothing(&query), || task::list(&page.items, now))?;
        if page.has_more() {
            context.output.note("there are older ones; `--limit 500` shows more");
        }
        Ok(())
    }

    fn filter(&self) -> Option<TaskFilter> {
        match self.status {
            Some(status) => Some(TaskFilter::Status(status)),
            None if self.all => None,
            None => Some(TaskFilter::Active),
        }
    }
}

/// What is said of an empty list, by what was asked for.
fn nothing(query: &query::Tasks) -> &'static str {
    let narrowed = query.source.is_some() || query.target.is_some();
    match query.status {
        Some(TaskFilter::Status(_)) => "no such tasks; `agent-relay tasks --all` shows every one",
        _ if narrowed => "no such tasks; `agent-relay tasks` shows those of every source",
        Some(TaskFilter::Active) => {
            "no active tasks; `--all` shows the finished, `agent-relay tasks create TITLE --to TARGET` makes one"
        }
        None => "no tasks; `agent-relay tasks create TITLE --to TARGET` makes one",
    }
}

/// A refusal, with where the ids are when there is no such task.
fn refused(error: ClientError) -> Failure {
    let known = error.hint().is_some() || error.status() != Some(404);
    let failure = Failure::from(error);
    if known { failure } else { failure.hint("`agent-relay tasks` lists those that are active") }
}

/// Show a task in full, with its history
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The task
    id: TaskId,
}

/// What `tasks show --json` prints: the task as the API has it, and its history beside it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    task: Task,
    events: Vec<TaskEvent>,
}

impl Show {
    /// Asks for both at once.
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let relay = &context.relay;
        let both = async { tokio::try_join!(relay.task(self.id), relay.task_events(self.id)) };
        let (task, events) = context.alive_while(async { both.await.map_err(refused) }).await?;
        let (shown, now) = (Shown { task, events }, context.now());
        context.output.show(&shown, || {
            format!("{}\n{}", task::whole(&shown.task, now), task::history(&shown.events, now))
        })
    }
}
