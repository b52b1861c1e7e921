//! The one lease: who holds something exclusively, until when, and by which grant.
//!
//! Claims of messages and of tasks are this; whatever else is held exclusively one day is too.
//! Each grant has a generation, so that a holder who lost the lease cannot finish what somebody
//! else was given since.

use std::time::Duration;

use serde_json::json;

use crate::{
    error::{Code, Refused},
    id::AgentId,
    time::Timestamp,
};

/// How long a grant lasts without a sign of life.
pub const DEFAULT_SPAN: Duration = Duration::from_mins(5);
/// Held this long without progress, a claim is shown as stalled.
pub const STALLED_AFTER: Duration = Duration::from_mins(15);

/// Something that one agent at a time may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How often it was granted.
    pub generation: i64,
    /// Who has it now.
    pub state: State,
}

/// Who has a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody: it may be claimed.
    Open,
    /// One agent.
    Held(Held),
    /// Nobody any more: the work is finished and never opens again.
    Done {
        /// Who finished it.
        by: AgentId,
        /// When it was claimed.
        claimed_at: Timestamp,
        /// When it was finished.
        at: Timestamp,
    },
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The holder.
    pub by: AgentId,
    /// When it was granted.
    pub at: Timestamp,
    /// When it lapses; never for a person.
    pub expires_at: Option<Timestamp>,
}

/// What happened to a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed hands or ended; others want to know.
    Changed,
    /// It already was so: the same holder asked again.
    Same,
}

impl Default for Lease {
    fn default() -> Self {
        Self { generation: 0, state: State::Open }
    }
}

impl Lease {
    /// Grants the lease. The holder who asks again gets the same grant, renewed.
    ///
    /// Refuses with `already_claimed` while somebody else holds it, `already_done` after the end.
    pub fn claim(
        &mut self,
        by: &AgentId,
        span: Duration,
        now: Timestamp,
    ) -> Result<Outcome, Refused> {
        let expires_at = (!by.is_human()).then(|| now.plus(span));
        match &mut self.state {
            State::Done { by, .. } => Err(done(by)),
            State::Held(held) if held.lapsed(now) => {
                self.grant(by, expires_at, now);
                Ok(Outcome::Changed)
            }
            State::Held(held) if held.by == *by => {
                held.expires_at = expires_at;
                Ok(Outcome::Same)
            }
            State::Held(held) => Err(Refused::new(
                Code::AlreadyClaimed,
                format!("already claimed by `{}`", held.by),
            )
            .hint("take other work; this opens again if its holder gives it back or falls silent")
            .with(
                json!({ "claimedBy": held.by, "claimedAt": held.at, "expiresAt": held.expires_at }),
            )),
            State::Open => {
                self.grant(by, expires_at, now);
                Ok(Outcome::Changed)
            }
        }
    }

    fn grant(&mut self, by: &AgentId, expires_at: Option<Timestamp>, now: Timestamp) {
        self.generation += 1;
        self.state = State::Held(Held { by: by.clone(), at: now, expires_at });
    }

    /// Ends the work for good. The one who finished it may say so again.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub fn finish(
        &mut self,
        by: &AgentId,
        generation: Option<i64>,
        now: Timestamp,
    ) -> Result<Outcome, Refused> {
        if let State::Done { by: doer, .. } = &self.state {
            let same = doer == by && generation.is_none_or(|g| g == self.generation);
            return if same { Ok(Outcome::Same) } else { Err(done(doer)) };
        }
        let claimed_at = self.check_held(by, generation, now)?.at;
        self.state = State::Done { by: by.clone(), claimed_at, at: now };
        Ok(Outcome::Changed)
    }

    /// Gives the lease back: it is open again.
    ///
    /// Refuses with `lease_lost` whoever does not hold the current grant.
    pub fn release(
        &mut self,
        by: &AgentId,
        generation: Option<i64>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        if let State::Done { by, .. } = &self.state {
            return Err(done(by));
        }
        self.check_held(by, generation, now)?;
        self.state = State::Open;
        Ok(())
    }

    /// Ends the work for good, whoever holds it: it was called off, or has become needless.
    pub fn close(&mut self, by: &AgentId, now: Timestamp) {
        let claimed_at = self.held().map_or(now, |held| held.at);
        if !matches!(self.state, State::Done { .. }) {
            self.state = State::Done { by: by.clone(), claimed_at, at: now };
        }
    }

    /// Opens the lease again because its holder is gone or its time is up. True when it was held.
    pub fn revoke(&mut self) -> bool {
        let held = matches!(self.state, State::Held(_));
        if held {
            self.state = State::Open;
        }
        held
    }

    /// The current grant, if any.
    pub fn held(&self) -> Option<&Held> {
        match &self.state {
            State::Held(held) => Some(held),
            State::Open | State::Done { .. } => None,
        }
    }

    /// Refuses with `not_claimed` or `lease_lost` whoever does not hold the current grant.
    pub fn check_held(
        &self,
        by: &AgentId,
        generation: Option<i64>,
        now: Timestamp,
    ) -> Result<&Held, Refused> {
        let current = generation.is_none_or(|g| g == self.generation);
        match &self.state {
            State::Held(held) if held.by == *by && current && !held.lapsed(now) => Ok(held),
            State::Open if self.generation == 0 => {
                Err(Refused::new(Code::NotClaimed, "nobody has claimed it").hint("claim it first"))
            }
            _ => Err(Refused::new(
                Code::LeaseLost,
                format!("`{by}` does not hold it any more (generation {})", self.generation),
            )
            .hint("claim it again if it is open; what was done meanwhile may be done twice")
            .with(json!({ "generation": self.generation }))),
        }
    }
}

impl Held {
    /// True when the holder has not been heard of in time.
    pub fn lapsed(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

fn done(by: &AgentId) -> Refused {
    Refused::new(Code::AlreadyDone, format!("already finished by `{by}`"))
        .hint("nothing is left to do: finished work never opens again")
        .with(json!({ "doneBy": by }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> AgentId {
        text.parse().unwrap()
    }

    #[test]
    fn second_claim_is_refused_and_the_same_holder_renews() {
        let mut lease = Lease::default();
        assert_eq!(lease.claim(&id("a"), DEFAULT_SPAN, Timestamp(0)), Ok(Outcome::Changed));
        assert_eq!(
            lease.claim(&id("b"), DEFAULT_SPAN, Timestamp(1)).unwrap_err().code,
            Code::AlreadyClaimed
        );
        assert_eq!(lease.claim(&id("A"), DEFAULT_SPAN, Timestamp(2)), Ok(Outcome::Same));
        assert_eq!(lease.generation, 1);
        assert_eq!(lease.held().unwrap().expires_at, Some(Timestamp(2).plus(DEFAULT_SPAN)));
    }

    #[test]
    fn a_lapsed_lease_cannot_be_finished() {
        let mut lease = Lease::default();
        lease.claim(&id("a"), DEFAULT_SPAN, Timestamp(0)).unwrap();
        let late = Timestamp(0).plus(DEFAULT_SPAN);
        assert_eq!(lease.finish(&id("a"), Some(1), late).unwrap_err().code, Code::LeaseLost);
        lease.claim(&id("b"), DEFAULT_SPAN, late).unwrap();
        assert_eq!(lease.generation, 2);
        assert_eq!(lease.finish(&id("a"), None, late).unwrap_err().code, Code::LeaseLost);
        assert_eq!(lease.finish(&id("b"), Some(1), late).unwrap_err().code, Code::LeaseLost);
        assert_eq!(lease.finish(&id("b"), Some(2), late), Ok(Outcome::Changed));
        assert_eq!(lease.finish(&id("b"), None, late), Ok(Outcome::Same));
        assert_eq!(lease.claim(&id("a"), DEFAULT_SPAN, late).unwrap_err().code, Code::AlreadyDone);
        assert!(!lease.revoke(), "what is finished never opens again");
    }

    #[test]
    fn a_persons_claim_does_not_lapse() {
        let mut lease = Lease::default();
        lease.claim(&AgentId::human(), DEFAULT_SPAN, Timestamp(0)).unwrap();
        assert_eq!(
            lease.finish(&AgentId::human(), None, Timestamp(i64::MAX)),
            Ok(Outcome::Changed)
        );
    }

    #[test]
    fn what_nobody_claimed_cannot_be_finished() {
        let code = Lease::default().finish(&id("a"), None, Timestamp(0)).unwrap_err().code;
        assert_eq!(code, Code::NotClaimed);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Claim(u8),
        Finish(u8, Option<i64>),
        Release(u8, Option<i64>),
        Revoke,
        Wait(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let generation = prop_oneof![Just(None), (0..6_i64).prop_map(Some)];
        prop::collection::vec(
            prop_oneof![
                (0..4_u8).prop_map(Step::Claim),
                (0..4_u8, generation.clone()).prop_map(|(a, g)| Step::Finish(a, g)),
                (0..4_u8, generation).prop_map(|(a, g)| Step::Release(a, g)),
                Just(Step::Revoke),
                (0..200_000_u32).prop_map(Step::Wait),
            ],
            0..60,
        )
    }

    proptest! {
        #[test]
        fn any_list_of_steps_keeps_the_invariants(steps in steps()) {
            let mut lease = Lease::default();
            let mut now = Timestamp(0);
            for step in steps {
                let before = lease.clone();
                match step {
                    Step::Claim(a) => {
                        if lease.claim(&id(&format!("a{a}")), DEFAULT_SPAN, now) == Ok(Outcome::Changed) {
                            prop_assert_eq!(lease.generation, before.generation + 1);
                            prop_assert!(before.held().is_none_or(|h| h.lapsed(now)));
                        }
                    }
                    Step::Finish(a, g) => {
                        if lease.finish(&id(&format!("a{a}")), g, now) == Ok(Outcome::Changed) {
                            let held = before.held().unwrap();
                            prop_assert_eq!(&held.by, &id(&format!("a{a}")));
                            prop_assert!(!held.lapsed(now));
                            prop_assert!(g.is_none_or(|g| g == before.generation));
                        }
                    }
                    Step::Release(a, g) => { let _ = lease.release(&id(&format!("a{a}")), g, now); }
                    Step::Revoke => { lease.revoke(); }
                    Step::Wait(ms) => now = now.plus(Duration::from_millis(u64::from(ms))),
                }
                prop_assert!(lease.generation >= before.generation);
                if matches!(before.state, State::Done { .. }) {
                    prop_assert_eq!(&lease, &before);
                }
            }
        }
    }
}
