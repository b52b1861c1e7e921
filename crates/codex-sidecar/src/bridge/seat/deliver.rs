//! Delivering: doing what was decided.

use std::{collections::HashMap, time::Duration};

use relay_client::core::{
    api::query::{self, Within},
    message::Message,
    prompt::Reader,
    time::Timestamp,
};
use tokio::time::timeout;

use super::Seat;
use crate::{
    app_server::{
        CallError, Client,
        protocol::{Input, InterruptTurn, StartTurn, SteerTurn, ToolOutput},
    },
    bridge::{
        batch::{Batch, Room, Via},
        clock,
        thread::Progress,
        turn::{Phase, Sight, Step},
    },
    settings::Delivery,
};

/// Who asks for the turn, as Codex notes it.
const TRIGGER: &str = "agent-relay";
/// The tool that mail is said to come from.
const TOOL: &str = "agent_relay_inbox";
/// What was sent and does not appear in a thread that does nothing is looked for.
const UNSEEN_MS: i64 = 2_000;
/// After a refusal, something will be said that changes the picture.
const PAUSE_MS: i64 = 200;
/// Looking whether mail is still unread must not hold it up.
const LOOK: Duration = Duration::from_secs(2);

impl Seat {
    /// Does what is to be done now, and says when to look again.
    pub(super) async fn act(&mut self) -> Option<Timestamp> {
        loop {
            let now = clock::now();
            if let Some(lost) = self.lost_at {
                return Some(Timestamp(lost.0 + super::GRACE_MS));
            }
            if let Some(moment) = self.not_before.filter(|moment| *moment > now) {
                return Some(moment);
            }
            self.not_before = None;
            if self.client.is_some() && self.progress.is_none() {
                self.follow_again().await;
                self.not_before?;
                continue;
            }
            self.introduce_once().await;
            if self.not_before.is_some() {
                continue;
            }
            if let Some(sent_at) = self.unseen() {
                let due = Timestamp(sent_at.0 + UNSEEN_MS);
                if due > now {
                    return Some(due);
                }
                self.look_for_it().await;
                continue;
            }
            if self.leaving {
                return None;
            }
            match self.decide(now) {
                Step::Wait => return None,
                Step::WaitUntil(moment) => return Some(moment),
                Step::Start | Step::Steer => {
                    self.freshen().await;
                    // What waited may be gone, and the thread may have gone on.
                    match self.decide(clock::now()) {
                        Step::Start => self.send(true).await,
                        Step::Steer => self.send(false).await,
                        _ => {}
                    }
                }
                Step::Interrupt => {
                    self.interrupt().await;
                    return None;
                }
            }
        }
    }

    fn decide(&self, now: Timestamp) -> Step {
        let mail = &self.journal.mail;
        let running = self.progress.as_ref().and_then(Progress::turn);
        let stops = running.is_some() && self.stopping.as_deref() != running;
        let sight = Sight {
            phase: self.phase(),
            pending: &mail.pending(),
            in_flight: mail.is_in_flight(),
            burst: mail.is_burst(),
            delivery: self.terms.settings.delivery,
            interrupt: self.terms.config.interrupt && stops,
            coalesce: self.terms.settings.coalesce,
            now,
        };
        // A turn that was asked to stop is not added to.
        match sight.step() {
            Step::Steer if self.stopping.is_some() => Step::Wait,
            step => step,
        }
    }

    /// When something was sent that does not stand in the thread although nothing goes on in it.
    fn unseen(&self) -> Option<Timestamp> {
        self.journal.mail.sent_at().filter(|_| self.phase() == Phase::Idle)
    }

    async fn look_for_it(&mut self) {
        let Some(client) = self.client.clone() else { return };
        if let Err(error) = self.recover(&client).await {
            tracing::info!(%error, "what was sent is looked for again");
            self.not_before = Some(Timestamp(clock::now().0 + UNSEEN_MS));
        }
    }

    /// Lets go of what has expired, was deleted, is read elsewhere or somebody else's by now.
    async fn freshen(&mut self) {
        let now = clock::now();
        let Some(unread) = self.unread().await else {
            return self.journal.mail.forget(now, |_| false);
        };
        let me = &self.agent.id;
        let taken = |message: &Message| {
            message.claim.as_ref().is_some_and(|claim| claim.by != *me || claim.done_at.is_some())
        };
        self.journal.mail.forget(now, |message| {
            let listed = unread.listed.get(&message.id.0);
            let beyond = unread.last.is_some_and(|last| message.id.0 > last);
            !beyond
                && listed
                    .is_none_or(|listed| listed.created_at != message.created_at || taken(listed))
        });
    }

    /// What the relay holds as unread; none where it cannot say.
    async fn unread(&self) -> Option<Unread> {
        let member = self.member.as_ref()?;
        let query = query::Messages {
            reader: Some(member.id().clone()),
            unread: Some(true),
            limit: Some(Within(500)),
            ..query::Messages::default()
        };
        let relay = member.relay().with_retries(0);
        let page = timeout(LOOK, relay.messages(&query)).await.ok()?.ok()?;
        let full = page.items.len() >= 500;
        let last = page.items.last().filter(|_| full).map(|message| message.id.0);
        let listed = page.items.into_iter().map(|message| (message.id.0, message)).collect();
        Some(Unread { listed, last })
    }

    /// Sends what waits, as a turn of its own or into the one that runs.
    async fn send(&mut self, starts: bool) {
        let Some(client) = self.client.clone() else { return };
        let reader = Reader { me: self.agent.id.clone(), now: clock::now() };
        let (via, room) = match self.terms.settings.delivery {
            Delivery::ToolOutput => (Via::ToolOutput, Room::OF_TOOL_OUTPUT),
            Delivery::Turn if starts => (Via::Turn, Room::OF_TURN),
            Delivery::Turn => (Via::Steer, Room::OF_TURN),
        };
        let Some(batch) = self.journal.mail.send(&reader, starts, via, room).cloned() else {
            return;
        };
        if batch.via == Via::Turn && self.phase() == Phase::Speaking {
            // What is too long for a tool's output must not cut an answer either.
            self.journal.mail.refused();
            self.not_before = Some(Timestamp(clock::now().0 + PAUSE_MS));
            return;
        }
        self.save();
        let sent = self.call(&client, &batch).await;
        tracing::info!(
            messages = batch.new.len(), reminded = batch.again.len(), via = ?batch.via,
            error = sent.as_ref().err().map(tracing::field::display), "sent"
        );
        // Whether a call without an answer was heard, the thread will show.
        if let Err(CallError::Refused(_)) = sent {
            self.journal.mail.refused();
            self.save();
            self.not_before = Some(Timestamp(clock::now().0 + PAUSE_MS));
        }
    }

    async fn call(&self, client: &Client, batch: &Batch) -> Result<(), CallError> {
        let thread_id = self.agent.thread.clone();
        let client_user_message_id = batch.client_id.clone();
        let text = vec![Input::Text { text: batch.text.clone() }];
        if batch.via == Via::Steer {
            let turn = self.progress.as_ref().and_then(Progress::turn).unwrap_or_default();
            let steer = SteerTurn {
                thread_id,
                expected_turn_id: turn.to_owned(),
                input: text,
                client_user_message_id,
            };
            return client.call(&steer).await.map(drop);
        }
        let tool_output = (batch.via == Via::ToolOutput)
            .then(|| ToolOutput { name: TOOL, output: batch.text.clone() });
        let input = if tool_output.is_some() { Vec::new() } else { text };
        let turn_trigger = TRIGGER;
        let start =
            StartTurn { thread_id, input, client_user_message_id, turn_trigger, tool_output };
        client.call(&start).await.map(drop)
    }

    async fn interrupt(&mut self) {
        let turn = self.progress.as_ref().and_then(Progress::turn).map(str::to_owned);
        let (Some(client), Some(turn_id)) = (self.client.clone(), turn) else { return };
        let thread_id = self.agent.thread.clone();
        self.stopping = Some(turn_id.clone());
        if let Err(error) = client.call(&InterruptTurn { thread_id, turn_id }).await {
            tracing::info!(%error, "the turn is not stopped");
            self.stopping = None;
            self.not_before = Some(Timestamp(clock::now().0 + PAUSE_MS));
        }
    }
}

/// What the relay lists as unread.
struct Unread {
    listed: HashMap<i64, Message>,
    /// The newest that it lists, where there are more.
    last: Option<i64>,
}
