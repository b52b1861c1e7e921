//! `work`: claiming a message or task, reporting on it, finishing it, giving it back.

use relay_core::{
    api::request::{SendMessage, UpdateTask},
    id::{MessageId, TaskId},
    message::Message,
    target::Target,
    task::Status,
    text::Body,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Call, send::deliver};
use crate::mcp::{
    arguments::{self, Id},
    fault::Fault,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Work {
    action: Action,
    id: Id,
    text: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Claim,
    Progress,
    Blocked,
    Done,
    Failed,
    Release,
}

impl Action {
    /// What a task is after it.
    fn status(self) -> Option<Status> {
        match self {
            Self::Claim | Self::Release => None,
            Self::Progress => Some(Status::InProgress),
            Self::Blocked => Some(Status::Blocked),
            Self::Done => Some(Status::Done),
            Self::Failed => Some(Status::Failed),
        }
    }
}

pub async fn run(arguments: Map<String, Value>, call: &Call<'_>) -> Result<String, Fault> {
    let Work { action, id: Id(id), text } = arguments::read(arguments)?;
    let text = text.map(|text| arguments::body("text", &text)).transpose()?;
    match action {
        Action::Claim => claim(call, id).await,
        Action::Release => release(call, id).await,
        Action::Progress | Action::Blocked | Action::Done | Action::Failed => {
            let message = call.voice.ask(|relay| async move { relay.message(id).await }).await?;
            match (message.task_id, action.status()) {
                (Some(task), Some(status)) => report(call, task, status, text).await,
                _ => finish(call, &message, action, text).await,
            }
        }
    }
}

async fn claim(call: &Call<'_>, id: MessageId) -> Result<String, Fault> {
    let act = call.voice.acting();
    let claimed = call.voice.ask(|relay| {
        let act = act.clone();
        async move { relay.claim_message(id, &act).await }
    });
    let message = claimed.await?;
    let text = call.voice.reader().message_with_tools(&message);
    if message.from != call.voice.me {
        call.read(vec![message]).await?;
    }
    Ok(format!("claimed\n{text}"))
}

async fn release(call: &Call<'_>, id: MessageId) -> Result<String, Fault> {
    let act = call.voice.acting();
    let released = call.voice.ask(|relay| {
        let act = act.clone();
        async move { relay.release_message(id, &act).await }
    });
    released.await?;
    Ok(format!("msg:{id} is open again"))
}

async fn report(
    call: &Call<'_>,
    task: TaskId,
    status: Status,
    text: Option<Body>,
) -> Result<String, Fault> {
    let (progress, result) = if status.is_active() { (text, None) } else { (None, text) };
    let change = UpdateTask {
        status,
        agent_id: Some(call.voice.me.clone()),
        generation: None,
        progress,
        result,
        instance_id: None,
        epoch: None,
    };
    let updated = call.voice.ask(|relay| {
        let change = change.clone();
        async move { relay.update_task(task, &change).await }
    });
    Ok(format!("task {task} is {}", updated.await?.status))
}

/// Work that is no task is done or not. It is finished first: a lost claim must not answer.
async fn finish(
    call: &Call<'_>,
    message: &Message,
    action: Action,
    text: Option<Body>,
) -> Result<String, Fault> {
    let id = message.id;
    if !matches!(action, Action::Done) {
        return Err(Fault::argument("action", format_args!("needs a task, and msg:{id} is none"))
            .hint("tell its sender with `reply` at the end, or give it back with `release`"));
    }
    let act = call.voice.acting();
    let finished = call.voice.ask(|relay| {
        let act = act.clone();
        async move { relay.finish_message(id, &act).await }
    });
    finished.await?;
    if let Some(body) = text {
        let to = Target::Agent(message.from.clone());
        let result = SendMessage::new(call.voice.me.clone(), to, body);
        deliver(call, SendMessage { reply_to: Some(id), ..result }).await?;
    }
    Ok(format!("msg:{id} is done"))
}
