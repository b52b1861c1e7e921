//! `agent-relay ask`: a question, and the wait for its answer.

use std::time::Duration;

use relay_core::{
    api::{query::Messages, reply::Sent, request::SendMessage},
    id::{MessageId, Seq},
    message::Message,
};

use crate::{
    command::inbox::{LONG_POLL, poll},
    context::Context,
    failure::Failure,
    input::{Text, short, span},
    recipient::Recipient,
    signal,
};

/// Send a question, wait for the answer in its thread, and print it
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// An agent's id, label, name, provider or project; or any target
    target: Recipient,
    #[command(flatten)]
    text: Text,
    /// How long to wait: 30s, 5m, 2h; then the exit code is 1
    #[arg(long, default_value = "5m", value_name = "SPAN", value_parser = span)]
    timeout: Duration,
}

impl Ask {
    /// The question stays when the wait ends: nothing is lost by giving up.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let body = self.text.read()?;
        let question = self
            .target
            .send(context, |to| SendMessage::new(context.me().clone(), to, body.clone()))
            .await?;
        let id = question.message.id;
        let mut signals = signal::listen()?;
        tell(context, &question);
        let wait = context.alive_during(answer(context, id));
        let answer = tokio::select! {
            answer = tokio::time::timeout(self.timeout, wait) => {
                answer.map_err(|_| too_late(id, self.timeout))??
            }
            () = signals.next() => return Err(given_up(id)),
        };
        context.output.show(&answer, || context.view().full(&answer))?;
        context.mark_read(answer.id).await
    }
}

fn tell(context: &Context, question: &Sent) {
    let message = &question.message;
    context.output.note(&format!("asked {} (msg:{}); waiting", message.to, message.id));
    if question.recipients == 0 {
        context.output.warn("nobody is there yet");
    }
}

fn too_late(question: MessageId, timeout: Duration) -> Failure {
    Failure::refused(format_args!("no answer to msg:{question} within {}", short(timeout)))
        .hint(later(question))
}

fn given_up(question: MessageId) -> Failure {
    Failure::interrupted(format_args!("stopped waiting for the answer to msg:{question}"))
        .hint(later(question))
}

fn later(question: MessageId) -> String {
    format!("the question stays; `agent-relay thread {question}` shows an answer that comes later")
}

/// Long-polls the thread for the first message of somebody else.
async fn answer(context: &Context, question: MessageId) -> Result<Message, Failure> {
    let mut query = Messages {
        reader: Some(context.me().clone()),
        thread: Some(question),
        since: Some(Seq(question.0)),
        wait: Some(LONG_POLL),
        ..Messages::default()
    };
    loop {
        let thread = poll(context, &query).await?;
        query.since = thread.last().map(|last| Seq(last.id.0)).or(query.since);
        if let Some(answer) = thread.into_iter().find(|message| message.from != *context.me()) {
            return Ok(answer);
        }
    }
}
