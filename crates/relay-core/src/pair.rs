//! Pairs: an exclusive live chat of two agents, carried by ordinary messages.
//!
//! The rules here change a [`Pair`] and return the [`Step`] that everybody hears of: its event, and
//! what the other side is told.

mod partner;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    agent::{Agent, word_enum},
    error::{Code, Refused},
    event::Name,
    id::{AgentId, PairId},
    text::Note,
    time::Timestamp,
};

pub use partner::{busy, partner};

/// How long an invitation waits.
pub const INVITATION: Duration = Duration::from_mins(10);

/// How far a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PairStatus")]
pub enum Status {
    /// The partner is invited.
    Pending,
    /// Both talk.
    Active,
    /// The partner declined.
    Rejected,
    /// The partner did not answer in ten minutes.
    Expired,
    /// It is over.
    Ended,
}

impl Status {
    /// The word as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }

    /// True while both are taken by it.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Active)
    }
}

word_enum!(Status, "status", [Pending, Active, Rejected, Expired, Ended]);

/// Why a pair ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// One of them hung up, or took the invitation back.
    Hangup,
    /// One of them went offline or was removed.
    Offline,
    /// A reason of a newer server.
    #[serde(other)]
    Unknown,
}

/// Two agents who talk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// Its id.
    pub id: PairId,
    /// Who invited.
    pub initiator: AgentId,
    /// Who was invited.
    pub partner: AgentId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Note>,
    /// How far it is.
    pub status: Status,
    /// When the invitation was sent.
    pub created_at: Timestamp,
    /// When it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// When it was declined, expired or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
}

/// What a rule did to a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The event that everybody hears.
    pub event: Name,
    /// Who did it; nobody where the relay did.
    pub by: Option<AgentId>,
    /// What is said about it, and to whom.
    pub notice: Notice,
}

/// What one side of a pair is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The other side, or the relay.
    pub from: AgentId,
    /// Who is told.
    pub to: AgentId,
    /// The text.
    pub body: String,
}

impl Pair {
    /// Invites an agent.
    ///
    /// Refuses with `target_not_found` a partner who is offline. That neither is in another pair is
    /// looked at where both are known, and refused as [`busy`].
    pub fn invite(
        id: PairId,
        initiator: &AgentId,
        partner: &Agent,
        objective: Option<Note>,
        now: Timestamp,
    ) -> Result<(Self, Step), Refused> {
        if !partner.is_live() {
            return Err(partner::offline(&partner.id));
        }
        let what = objective.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let body = format!(
            "I invite you to a pair{what}\nAccept: `agent-relay pair accept {id}`. \
             Decline: `agent-relay pair reject {id}`. It waits {} minutes.",
            INVITATION.as_secs() / 60
        );
        let pair = Self {
            id,
            initiator: initiator.clone(),
            partner: partner.id.clone(),
            objective,
            status: Status::Pending,
            created_at: now,
            accepted_at: None,
            ended_at: None,
            end_reason: None,
        };
        let step = pair.said(Name::PairInvited, initiator, body);
        Ok((pair, step))
    }

    /// When the invitation expires.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(INVITATION)
    }

    /// True when nobody answered the invitation in time, whether or not that was noted.
    pub fn is_lapsed(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && self.expires_at() <= now
    }

    /// True when the agent is one of the two.
    pub fn has(&self, agent: &AgentId) -> bool {
        self.initiator == *agent || self.partner == *agent
    }

    /// The one of the two who is not this agent.
    pub fn other(&self, agent: &AgentId) -> &AgentId {
        if self.initiator == *agent { &self.partner } else { &self.initiator }
    }

    /// Refuses with `forbidden` everybody but the two.
    pub fn check_party(&self, agent: &AgentId) -> Result<(), Refused> {
        if self.has(agent) {
            return Ok(());
        }
        Err(Refused::new(Code::Forbidden, format!("`{agent}` is not in pair `{}`", self.id))
            .hint("a pair is of its two agents only; invite one to a pair of your own")
            .with(json!({ "pairId": self.id })))
    }

    /// Accepts the invitation. `None` where the partner had accepted it already.
    ///
    /// Refuses with `forbidden` everybody but the partner, with `invalid_transition` what is over or
    /// has expired.
    pub fn accept(&mut self, by: &AgentId, now: Timestamp) -> Result<Option<Step>, Refused> {
        self.check_party(by)?;
        match self.status_at(now) {
            Status::Active if self.partner == *by => return Ok(None),
            Status::Pending => self.check_partner(by, "accepts")?,
            met => return Err(self.invalid("accepted", met)),
        }
        self.status = Status::Active;
        self.accepted_at = Some(now.max(self.created_at));
        let body = format!(
            "Accepted. To talk: `agent-relay pair send {0} --body TEXT`. To end: `agent-relay disconnect {0}`.",
            self.id
        );
        Ok(Some(self.said(Name::PairAccepted, by, body)))
    }

    /// Declines the invitation. `None` where the partner had declined it already.
    ///
    /// Refuses with `forbidden` everybody but the partner, with `invalid_transition` what was
    /// accepted, is over or has expired.
    pub fn reject(&mut self, by: &AgentId, now: Timestamp) -> Result<Option<Step>, Refused> {
        self.check_party(by)?;
        match self.status_at(now) {
            Status::Rejected if self.partner == *by => return Ok(None),
            Status::Pending => self.check_partner(by, "declines")?,
            met => return Err(self.invalid("declined", met)),
        }
        self.finish(Status::Rejected, None, now);
        Ok(Some(self.said(Name::PairRejected, by, "Declined.".to_owned())))
    }

    /// Ends the pair, or takes the invitation back. `None` where it was over already.
    ///
    /// Refuses with `forbidden` everybody but the two.
    pub fn hang_up(&mut self, by: &AgentId, now: Timestamp) -> Result<Option<Step>, Refused> {
        self.check_party(by)?;
        let text = match self.status_at(now) {
            Status::Pending if self.initiator == *by => "I took the invitation back.",
            Status::Pending | Status::Active => "I hung up: the pair is over.",
            Status::Rejected | Status::Expired | Status::Ended => return Ok(None),
        };
        self.finish(Status::Ended, Some(EndReason::Hangup), now);
        Ok(Some(self.said(Name::PairEnded, by, text.to_owned())))
    }

    /// Whom a text of this agent is for.
    ///
    /// Refuses with `forbidden` everybody but the two, with `not_active` what is not accepted yet or
    /// over.
    pub fn say(&self, by: &AgentId, now: Timestamp) -> Result<&AgentId, Refused> {
        self.check_party(by)?;
        let (met, id) = (self.status_at(now), &self.id);
        let hint = match met {
            Status::Active => return Ok(self.other(by)),
            Status::Pending if self.partner == *by => {
                format!("accept it first: agent-relay pair accept {id}")
            }
            Status::Pending => {
                format!(
                    "`{}` has not answered yet; an ordinary message reaches it too",
                    self.partner
                )
            }
            _ => "invite again, or send an ordinary message".to_owned(),
        };
        Err(Refused::new(Code::NotActive, format!("pair `{id}` is {met}"))
            .hint(hint)
            .with(self.details(met)))
    }

    /// Notes that nobody answered in time. `None` where there is still time, or was an answer.
    pub fn expire(&mut self, now: Timestamp) -> Option<Step> {
        if !self.is_lapsed(now) {
            return None;
        }
        // When it lapsed, whenever that is noted: who looks before sees the same.
        self.finish(Status::Expired, None, self.expires_at());
        let body = format!(
            "`{}` did not answer your invitation to pair {} in time; it has expired.",
            self.partner, self.id
        );
        Some(told(&self.initiator, body))
    }

    /// Ends the pair because one of the two went offline. `None` where it was over already.
    pub fn leave(&mut self, who: &AgentId, now: Timestamp) -> Option<Step> {
        if !self.status.is_live() || !self.has(who) {
            return None;
        }
        self.finish(Status::Ended, Some(EndReason::Offline), now);
        let body = format!("`{who}` went offline: pair {} is over.", self.id);
        Some(told(self.other(who), body))
    }

    /// How far it is, with an invitation that nobody answered in time taken as expired.
    fn status_at(&self, now: Timestamp) -> Status {
        if self.is_lapsed(now) { Status::Expired } else { self.status }
    }

    fn finish(&mut self, status: Status, reason: Option<EndReason>, at: Timestamp) {
        self.status = status;
        self.end_reason = reason;
        // The clock may have been set back since.
        self.ended_at = Some(at.max(self.accepted_at.unwrap_or(self.created_at)));
    }

    fn check_partner(&self, by: &AgentId, verb: &str) -> Result<(), Refused> {
        if self.partner == *by {
            return Ok(());
        }
        let (id, partner) = (&self.id, &self.partner);
        Err(Refused::new(Code::Forbidden, format!("only `{partner}` {verb} pair `{id}`"))
            .hint(format!("wait for its answer, or take it back: agent-relay pair hangup {id}"))
            .with(self.details(self.status)))
    }

    fn invalid(&self, verb: &str, met: Status) -> Refused {
        let hint = match met {
            Status::Active => format!("end it with: agent-relay pair hangup {}", self.id),
            _ => "a pair that is over stays so; invite again: agent-relay pair TARGET".to_owned(),
        };
        Refused::new(
            Code::InvalidTransition,
            format!("pair `{}` is {met} and cannot be {verb}", self.id),
        )
        .hint(hint)
        .with(self.details(met))
    }

    fn details(&self, met: Status) -> serde_json::Value {
        json!({ "pairId": self.id, "status": met })
    }

    /// A step of one of the two, told to the other.
    fn said(&self, event: Name, by: &AgentId, body: String) -> Step {
        let notice = Notice { from: by.clone(), to: self.other(by).clone(), body };
        Step { event, by: Some(by.clone()), notice }
    }
}

/// An end that the relay saw, told to one of the two.
fn told(to: &AgentId, body: String) -> Step {
    let notice = Notice { from: AgentId::system(), to: to.clone(), body };
    Step { event: Name::PairEnded, by: None, notice }
}

#[cfg(test)]
mod tests;
