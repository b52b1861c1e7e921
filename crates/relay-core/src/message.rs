//! Messages: what is said, to whom, and what may be done with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::{Agent, word_enum},
    error::{Code, Refused},
    id::{AgentId, MessageId, PairId, TaskId},
    lease::{Lease, STALLED_AFTER, State},
    target::Target,
    text::{Line, Slug, Word},
    time::Timestamp,
};

/// How many readers `readBy` shows; the receipts have all.
pub const READERS_SHOWN: usize = 32;

/// When a message should reach its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Into the running turn where the runtime can, else as the next.
    #[default]
    Normal,
    /// When the reader is idle.
    Later,
    /// Stops the turn, only where the reader's profile allows it.
    Interrupt,
}

impl Urgency {
    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Later => "later",
            Self::Interrupt => "interrupt",
        }
    }
}

word_enum!(Urgency, "urgency", [Normal, Later, Interrupt]);

/// A message as it was sent, with who has read or claimed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id, which is the sequence number of its own event.
    pub id: MessageId,
    /// Who sent it.
    pub from: AgentId,
    /// Whom it is for.
    pub to: Target,
    /// What it is about, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Line>,
    /// The text; empty once deleted.
    pub body: String,
    /// `chat`, `task`, `pair`, `system` or any slug.
    pub kind: Slug,
    /// When it should reach its reader.
    pub urgency: Urgency,
    /// The channel it is sent on; only subscribers get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word>,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// The first message of its thread.
    pub thread_id: MessageId,
    /// True for work that one agent may claim.
    pub claimable: bool,
    /// Who has claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// The task it announces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The pair it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair_id: Option<PairId>,
    /// The sender's key against sending twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Data for programs.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// Free facts.
    #[serde(default)]
    pub meta: Map<String, Value>,
    /// The first readers, at most 32; the receipts have all.
    #[serde(default)]
    pub read_by: Vec<AgentId>,
    /// True when the sender proved to be who it says.
    pub verified: bool,
    /// When it was stored.
    pub created_at: Timestamp,
    /// After this moment nobody gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was deleted; its text is gone, its id stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// Who has claimed a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The holder, or who finished it.
    pub by: AgentId,
    /// When it was claimed.
    pub at: Timestamp,
    /// When the claim lapses without a sign of life; never for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Which grant this is; finishing with an old one is refused.
    pub generation: i64,
    /// When the work was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

impl Claim {
    /// A lease as readers see it.
    pub fn of(lease: &Lease) -> Option<Self> {
        let generation = lease.generation;
        match &lease.state {
            State::Open => None,
            State::Held(held) => Some(Self {
                by: held.by.clone(),
                at: held.at,
                expires_at: held.expires_at,
                generation,
                done_at: None,
            }),
            State::Done { by, claimed_at, at } => Some(Self {
                by: by.clone(),
                at: *claimed_at,
                expires_at: None,
                generation,
                done_at: Some(*at),
            }),
        }
    }

    /// True when it has been held for long without an end.
    pub fn is_stalled(&self, now: Timestamp) -> bool {
        self.done_at.is_none() && now.since(self.at) >= STALLED_AFTER
    }
}

impl Message {
    /// True when the agent is one of those it is for, and listens on its channel. The sender never
    /// is.
    pub fn is_for(&self, agent: &Agent) -> bool {
        self.from != agent.id
            && self.to.matches(agent)
            && agent.channels.hears(self.channel.as_ref())
    }

    /// True when nobody gets it any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.deleted_at.is_some() || self.expires_at.is_some_and(|at| at <= now)
    }

    /// Refuses a claim of what cannot be claimed, or by whom it is not for. `addressed` is true
    /// when the agent was given this message by name since.
    pub fn check_claim(
        &self,
        agent: &Agent,
        addressed: bool,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let id = self.id;
        if !self.claimable {
            return Err(Refused::new(
                Code::NotClaimable,
                format!("message {id} was not sent as claimable"),
            )
            .hint(format!("answer it instead: reply to {id}")));
        }
        if self.is_over(now) {
            return Err(
                Refused::not_found(format!("message {id}")).hint("it has expired or was deleted")
            );
        }
        if self.from == agent.id && !addressed && !agent.id.is_human() {
            let own = format!("message {id} is `{}`'s own", agent.id);
            return Err(Refused::new(Code::Forbidden, own).hint("what one sends is for the others"));
        }
        if !self.is_for(agent) && !addressed && !agent.id.is_human() {
            return Err(Refused::new(
                Code::Forbidden,
                format!("message {id} is for {}, which `{}` is not", self.to, agent.id),
            )
            .hint("only those whom a message is for, and the operator, may claim it"));
        }
        Ok(())
    }

    /// The refusal for what was not sent as claimable.
    pub fn not_claimable(&self) -> Refused {
        let id = self.id;
        Refused::new(Code::NotClaimable, format!("message {id} was not sent as claimable"))
            .hint(format!("answer it instead: reply to {id}"))
    }

    /// Refuses deletion by anybody but its sender; `None` stands for a caller who may everything.
    pub fn check_delete(&self, by: Option<&AgentId>) -> Result<(), Refused> {
        match by {
            Some(by) if *by != self.from => Err(Refused::new(
                Code::Forbidden,
                format!(
                    "message {} was sent by `{}`; only its sender deletes it",
                    self.id, self.from
                ),
            )
            .hint("ask its sender, or the operator")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::tests::agent;

    fn message(to: &str, claimable: bool) -> Message {
        serde_json::from_value(json!({
            "id": 7, "from": "a", "to": to, "body": "hi", "kind": "chat", "urgency": "normal",
            "threadId": 7, "claimable": claimable, "verified": true, "createdAt": 0, "expiresAt": 100,
        }))
        .unwrap()
    }

    #[test]
    fn a_claim_needs_a_claimable_message_that_is_for_the_claimant() {
        let now = Timestamp(50);
        let code =
            |m: &Message, id: &str, now| m.check_claim(&agent(id), false, now).map_err(|r| r.code);
        assert_eq!(code(&message("broadcast", true), "b", now), Ok(()));
        assert_eq!(
            code(&message("broadcast", true), "a", now),
            Err(Code::Forbidden),
            "not its sender"
        );
        assert_eq!(code(&message("c", true), "b", now), Err(Code::Forbidden));
        assert_eq!(code(&message("b", false), "b", now), Err(Code::NotClaimable));
        assert_eq!(code(&message("b", true), "b", Timestamp(100)), Err(Code::NotFound), "expired");
        assert_eq!(
            message("tag:x", true).check_claim(&agent("b"), true, now),
            Ok(()),
            "addressed since"
        );
    }

    #[test]
    fn a_channels_mail_reaches_subscribers_only() {
        let mut m = message("broadcast", false);
        m.channel = Some("ops".parse().unwrap());
        let mut b = agent("b");
        assert!(m.is_for(&b), "all channels by default");
        b.channels = crate::channel::Subscription::Only(vec!["dev".parse().unwrap()]);
        assert!(!m.is_for(&b));
    }

    #[test]
    fn only_the_sender_deletes() {
        let m = message("b", false);
        assert!(m.check_delete(Some(&"A".parse().unwrap())).is_ok());
        assert!(m.check_delete(None).is_ok());
        assert_eq!(m.check_delete(Some(&"b".parse().unwrap())).unwrap_err().code, Code::Forbidden);
    }

    #[test]
    fn a_message_is_read_leniently() {
        let text = r#"{"id":1,"from":"a","to":"b","body":"","kind":"chat","urgency":"normal","threadId":1,
            "claimable":false,"verified":false,"createdAt":0,"somethingNew":true}"#;
        assert_eq!(serde_json::from_str::<Message>(text).unwrap().body, "");
    }
}
