//! `agent-relay tasks create`: work for whoever it is for.

use std::cell::Cell;

use relay_client::error::ClientError;
use relay_core::{
    api::{query, request::CreateTask},
    target::Target,
    task::{Severity, Task},
    text::{DedupeKey, Line, Slug, Word},
};
use serde_json::{Map, Value};

use crate::{
    command::message::nobody, context::Context, failure::Failure, input::text_or_pipe,
    recipient::Recipient,
};

/// A second task, or a second count, is worse than a look.
const MAYBE: &str = "it may have been created: look with `agent-relay tasks` before you try again";

/// Create a task, and the claimable message that announces it
#[derive(Debug, clap::Args)]
pub struct Create {
    /// What it is about, in a line
    #[arg(required = true, value_name = "TITLE")]
    title: Vec<String>,
    /// Whom it is for: an agent's id, label, name, provider or project; or tag:X, cap:X, label:X, machine:X, broadcast
    #[arg(long = "to", visible_alias = "target", value_name = "TARGET")]
    target: Recipient,
    /// The text; `-` reads standard input
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// How bad it is: info, warning, error or critical [default: info]
    #[arg(long)]
    severity: Option<Severity>,
    /// What kind of work it is: task by default, or any word
    #[arg(long = "type", value_name = "WORD")]
    kind: Option<Slug>,
    /// While a task of this source with this key is active, that one is counted instead
    #[arg(long, value_name = "KEY")]
    dedupe_key: Option<DedupeKey>,
    /// Only subscribers of this channel get it
    #[arg(long)]
    channel: Option<Word>,
    /// A free fact, name=value; several times for several
    #[arg(long, value_name = "NAME=VALUE", value_parser = fact)]
    meta: Vec<(String, String)>,
}

impl Create {
    /// Creates or counts, and says when nobody is there to take it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let request = self.request(context)?;
        let lost = &Cell::new(false);
        let create = self.target.reach(context, |target| {
            let request = CreateTask { target, ..request.clone() };
            async move {
                let answer = context.relay.create_task(&request).await;
                lost.set(answer.as_ref().is_err_and(ClientError::may_have_happened));
                answer
            }
        });
        let done = context.alive_while(create).await;
        let hinted = |failure: Failure| if lost.get() { failure.hint(MAYBE) } else { failure };
        let task = done.map_err(hinted)?;
        context.output.show(&task, || created(&task))?;
        if is_waiting(context, &task).await {
            context.output.warn(nobody(&task.target, true));
        }
        Ok(())
    }

    /// The request; whom it is for is found later.
    fn request(&self, context: &Context) -> Result<CreateTask, Failure> {
        let title: Line = self
            .title
            .join(" ")
            .parse()
            .map_err(|error| Failure::usage(format_args!("the title {error}")))?;
        let meta: Map<String, Value> =
            self.meta.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        Ok(CreateTask {
            from: Some(context.me().clone()),
            kind: self.kind.clone(),
            severity: self.severity,
            dedupe_key: self.dedupe_key.clone(),
            body: self.body.as_deref().map(|text| text_or_pipe("--body", text)).transpose()?,
            channel: self.channel.clone(),
            meta: (!meta.is_empty()).then_some(meta),
            ..CreateTask::new(title, Target::Broadcast)
        })
    }
}

fn fact(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be name=value".to_owned()),
    }
}

fn created(task: &Task) -> String {
    let Task { id, target, status, occurrence_count: count, .. } = task;
    if *count > 1 {
        return format!("task {id} is {status} already; counted, {count} times now");
    }
    let message = task.message_id.map(|message| format!(" (msg:{message})")).unwrap_or_default();
    format!("task {id} is open for {target}{message}")
}

/// True when a new task is for a group that nobody is in now. An id that nobody has was refused.
async fn is_waiting(context: &Context, task: &Task) -> bool {
    if task.occurrence_count > 1 || matches!(task.target, Target::Agent(_)) {
        return false;
    }
    // Who may not see the agents does without the warning: the task is there.
    let agents = context.relay.all_agents(&query::Agents::default()).await;
    agents.is_ok_and(|agents| !agents.iter().any(|agent| task.is_for(agent)))
}
