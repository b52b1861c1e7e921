//! Messages: send, reply, read, thread, delete.

use relay_core::{
    api::{reply::Sent, request::SendMessage},
    id::MessageId,
    message::Urgency,
    target::Target,
    text::{Body, Key, Line, Slug, Word},
    time::millis,
};

use crate::{
    context::Context,
    failure::Failure,
    input::{Text, span},
    recipient::Recipient,
};

/// Send a message
#[derive(Debug, clap::Args)]
pub struct Send {
    /// An agent's id, label, name, provider or project; or id:X, tag:X, cap:X, label:X, machine:X, broadcast
    target: Recipient,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    options: Options,
}

/// Send work that one agent may claim
#[derive(Debug, clap::Args)]
pub struct SendClaimable {
    /// An agent's id, label, name, provider or project; or id:X, tag:X, cap:X, label:X, machine:X, broadcast
    target: Recipient,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    options: Options,
}

/// Answer a message, in its thread
#[derive(Debug, clap::Args)]
pub struct Reply {
    /// The message
    id: MessageId,
    #[command(flatten)]
    text: Text,
}

/// How a message is sent.
#[derive(Clone, Debug, Default, clap::Args)]
struct Options {
    /// What it is about, in a line
    #[arg(long, value_name = "LINE")]
    subject: Option<Line>,
    /// When it should reach its reader: normal, later (when idle) or interrupt
    #[arg(long)]
    urgency: Option<Urgency>,
    /// Only subscribers of this channel get it
    #[arg(long)]
    channel: Option<Word>,
    /// What it is: chat by default, or task, or any word
    #[arg(long)]
    kind: Option<Slug>,
    /// The message it answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<MessageId>,
    /// After this nobody gets it: 30s, 10m, 2h
    #[arg(long, value_name = "SPAN", value_parser = span)]
    expires: Option<std::time::Duration>,
    /// A key of your own against sending twice
    #[arg(long)]
    key: Option<Key>,
}

impl Send {
    /// Sends, and says when nobody is there.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        send(context, &self.target, self.text.read()?, self.options, false).await
    }
}

impl SendClaimable {
    /// Sends as work for one.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        send(context, &self.target, self.text.read()?, self.options, true).await
    }
}

async fn send(
    context: &Context,
    to: &Recipient,
    body: Body,
    options: Options,
    claimable: bool,
) -> Result<(), Failure> {
    let request = |to: Target| SendMessage {
        subject: options.subject.clone(),
        urgency: options.urgency,
        channel: options.channel.clone(),
        kind: options.kind.clone(),
        reply_to: options.reply_to,
        expires_in_ms: options.expires.map(millis),
        idempotency_key: options.key.clone(),
        claimable: claimable.then_some(true),
        ..SendMessage::new(context.me().clone(), to, body.clone())
    };
    let sent = context.alive_while(to.send(context, request)).await?;
    show_sent(context, &sent)
}

/// Says what was sent, and when nobody is there to get it yet.
fn show_sent(context: &Context, sent: &Sent) -> Result<(), Failure> {
    let message = &sent.message;
    context.output.show(sent, || format!("sent [msg:{}] to {}", message.id, message.to))?;
    if sent.recipients == 0 {
        context.output.warn(nobody(&message.to, message.claimable));
    }
    Ok(())
}

/// What becomes of a message that matches nobody now.
pub fn nobody(to: &Target, claimable: bool) -> &'static str {
    match to {
        Target::Agent(_) | Target::Label(_) => {
            "nobody is there yet: it waits for whoever holds that name next"
        }
        _ if claimable => "nobody is there yet: it stays open to those who come",
        _ => "nobody is there: nobody gets it (`agent-relay agents` shows who is)",
    }
}

impl Reply {
    /// Sends to whoever wrote the message; one's own is followed up to those it was for.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let body = self.text.read()?;
        let answered = context.relay.message(self.id).await?;
        let own = answered.from == *context.me();
        let to = if own { answered.to } else { Target::Agent(answered.from) };
        let request = SendMessage {
            reply_to: Some(self.id),
            ..SendMessage::new(context.me().clone(), to, body)
        };
        let sent = context.alive_while(context.relay.send_message(request)).await?;
        show_sent(context, &sent)
    }
}

/// Show a message in full, and mark it as read
#[derive(Debug, clap::Args)]
pub struct Read {
    /// The message
    id: MessageId,
}

impl Read {
    /// Prints first: what could not be shown is not read.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let message = context.alive_while(context.relay.message(self.id)).await?;
        context.output.show(&message, || context.view().full(&message))?;
        if message.from == *context.me() {
            return Ok(());
        }
        context.mark_read(self.id).await
    }
}

/// Show the thread that a message belongs to
#[derive(Debug, clap::Args)]
pub struct Thread {
    /// Any message of it
    id: MessageId,
}

impl Thread {
    /// Prints the thread, oldest first.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let thread = context.alive_while(context.relay.thread(self.id)).await?;
        let view = context.view();
        context.output.list(&thread, "nothing here", || {
            thread.iter().map(|message| view.full(message)).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Delete a message's text
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// The message
    id: MessageId,
}

impl Delete {
    /// Blanks the text; the id stays taken.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        context.alive_while(context.relay.delete_message(self.id)).await?;
        context.output.note(&format!("msg:{} is deleted", self.id));
        Ok(())
    }
}
