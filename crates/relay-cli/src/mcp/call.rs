//! What the tools do: each asks the relay through the caller's voice, and answers in text.

mod agents;
mod ask;
mod inbox;
mod pair;
mod reply;
mod send;
mod status;
mod work;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use relay_client::error::ClientError;
use relay_core::{
    api::query::{Messages, Within},
    error::Code,
    id::AgentId,
    message::Message,
    target::{Target, resolve},
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{fault::Fault, tool::Tool, voice::Voice};

/// How far unread mail is counted.
const COUNTED: u32 = 10;

/// One call: who speaks, and whether anybody still waits for the answer.
pub struct Call<'a> {
    /// The agent.
    pub voice: &'a Voice,
    /// What it shares with the other calls of its connection.
    pub desk: &'a Desk,
    /// Why nobody may wait any more: the call was cancelled, or the client is gone.
    pub ends: &'a [CancellationToken],
}

/// What one connection's calls share about mail.
#[derive(Debug, Default)]
pub struct Desk {
    /// One call at a time looks for mail and marks it, so that two get each message once.
    turn: tokio::sync::Mutex<()>,
    /// Mail that was marked as read for an answer that nobody took: the next `inbox` begins with it.
    owed: Mutex<HashMap<AgentId, Vec<Message>>>,
}

impl Desk {
    fn keep(&self, agent: &AgentId, mail: Vec<Message>) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.entry(agent.clone()).or_default().extend(mail);
    }

    fn take(&self, agent: &AgentId) -> Vec<Message> {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.remove(agent).unwrap_or_default()
    }
}

impl Call<'_> {
    /// Resolves when nobody waits for the answer any more.
    async fn ended(&self) {
        let mut ends = self.ends.iter().map(|end| Box::pin(end.cancelled())).collect::<Vec<_>>();
        std::future::poll_fn(|context| {
            let mut done = ends.iter_mut().map(|end| end.as_mut().poll(context).is_ready());
            if done.any(|done| done) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }

    fn is_ended(&self) -> bool {
        self.ends.iter().any(CancellationToken::is_cancelled)
    }

    /// Marks mail as read, because it is about to stand in the agent's context. What nobody waits
    /// for any more is kept for the next call.
    async fn read(&self, mail: Vec<Message>) -> Result<Vec<Message>, Fault> {
        if self.is_ended() {
            return Err(nobody_waits());
        }
        let mut marked = Vec::new();
        for message in &mail {
            let (id, mark) = (message.id, self.voice.reading());
            let done = self.voice.ask(|relay| {
                let mark = mark.clone();
                async move { relay.mark_message(id, &mark).await }
            });
            match done.await {
                Ok(_) => marked.push(message.clone()),
                // It stays unread and comes again, which is better than never.
                Err(error) => {
                    tracing::debug!(message.id = %id, error = error.text(), "not marked as read");
                }
            }
        }
        if self.is_ended() {
            self.desk.keep(&self.voice.me, marked);
            return Err(nobody_waits());
        }
        Ok(mail)
    }

    /// Asks something for whom a text means: a target, else a word that one available agent is
    /// called by.
    async fn reach<T, F>(&self, to: &str, ask: impl Fn(Target) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let bare = !to.contains(':');
        match to.parse::<Target>() {
            Ok(target) => match ask(target).await {
                Err(fault) if bare && fault.is(Code::TargetNotFound) => {}
                answer => return answer,
            },
            Err(error) if !bare => return Err(Fault::argument("to", error)),
            Err(_) => {}
        }
        let all = |relay: relay_client::Relay| async move {
            relay.all_agents(&relay_core::api::query::Agents::default()).await
        };
        let agents = self.voice.ask(all).await?;
        ask(Target::Agent(resolve(to, &agents)?.id.clone())).await
    }
}

fn nobody_waits() -> Fault {
    Fault::new("cancelled", "nobody waits for the answer any more; nothing was lost")
}

/// Does what a tool is asked for, and mentions what waits.
pub async fn run(
    tool: Tool,
    arguments: Map<String, Value>,
    call: &Call<'_>,
) -> Result<String, Fault> {
    call.voice.sign_of_life().await;
    let text = call.voice.alive_during(perform(tool, arguments, call)).await?;
    if tool == Tool::Inbox || tool == Tool::Status || !call.voice.fetches {
        return Ok(text);
    }
    Ok(match unread(call.voice, COUNTED).await {
        Ok((0, _)) | Err(_) => text,
        Ok((count, more)) => format!("{text}\n{}: use inbox", counted(count, more)),
    })
}

async fn perform(
    tool: Tool,
    arguments: Map<String, Value>,
    call: &Call<'_>,
) -> Result<String, Fault> {
    match tool {
        Tool::Send => send::run(arguments, call).await,
        Tool::Inbox => inbox::run(arguments, call).await,
        Tool::Reply => reply::run(arguments, call).await,
        Tool::Ask => ask::run(arguments, call).await,
        Tool::Agents => agents::run(arguments, call).await,
        Tool::Work => work::run(arguments, call).await,
        Tool::Pair => pair::run(arguments, call).await,
        Tool::Status => status::run(arguments, call).await,
    }
}

/// How many messages wait unread, and whether there are more than were counted.
async fn unread(voice: &Voice, most: u32) -> Result<(usize, bool), Fault> {
    let query = Messages {
        reader: Some(voice.me.clone()),
        unread: Some(true),
        limit: Some(Within(most)),
        ..Messages::default()
    };
    let page = voice.ask(|relay| listed(relay, query.clone())).await?;
    Ok((page.items.len(), page.has_more()))
}

fn counted(count: usize, more: bool) -> String {
    format!("{count}{} unread", if more { "+" } else { "" })
}

/// A page of messages, from a query that the call may make again.
async fn listed(
    relay: relay_client::Relay,
    query: Messages,
) -> Result<relay_client::Page<Message>, ClientError> {
    relay.messages(&query).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_took_is_owed_once_and_to_its_agent() {
        let message: Message = serde_json::from_value(serde_json::json!({
            "id": 7, "from": "a", "to": "b", "body": "hi", "kind": "chat", "urgency": "normal",
            "threadId": 7, "claimable": false, "verified": true, "createdAt": 0,
        }))
        .unwrap();
        let (desk, b, c) = (Desk::default(), "b".parse().unwrap(), "c".parse().unwrap());
        desk.keep(&b, vec![message.clone()]);
        assert_eq!(desk.take(&c), []);
        assert_eq!(desk.take(&b), [message]);
        assert_eq!(desk.take(&b), []);
    }

    #[test]
    fn unread_mail_is_counted_in_few_words() {
        assert_eq!(counted(2, false), "2 unread");
        assert_eq!(counted(10, true), "10+ unread");
    }
}
