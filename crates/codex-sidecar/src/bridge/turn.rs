//! What to do with the mail that waits for a thread. Pure: what is seen goes in, what to do comes
//! out.
//!
//! A message never costs a streaming answer: text that is added to a turn while the model speaks
//! makes Codex drop what was said and ask again. Nor does it answer for a person: while somebody is
//! asked, everything waits.

use std::time::Duration;

use relay_client::core::{message::Urgency, time::Timestamp};

use crate::settings::Delivery;

/// Messages that come in a burst wait so many times as long, so that they become few turns.
const BURST: u32 = 5;

/// What a thread is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It is not loaded, or not followed yet.
    #[default]
    Unknown,
    /// Nothing.
    Idle,
    /// The model speaks or thinks.
    Speaking,
    /// A tool runs.
    Tool,
    /// A turn runs, and nothing in it: the model is about to be asked, or has just spoken.
    Between,
    /// Somebody is asked.
    Asking,
}

/// A message that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it should reach its reader.
    pub urgency: Urgency,
    /// When it came.
    pub since: Timestamp,
}

/// What is seen.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// What the thread is doing.
    pub phase: Phase,
    /// What waits, in the order in which it came.
    pub pending: &'a [Pending],
    /// True while something that was sent does not stand in the thread yet.
    pub in_flight: bool,
    /// True where more than one message went with the last.
    pub burst: bool,
    /// How messages reach the model.
    pub delivery: Delivery,
    /// Whether a message may stop a turn.
    pub interrupt: bool,
    /// How long a message waits for others.
    pub coalesce: Duration,
    /// The present moment.
    pub now: Timestamp,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until something happens.
    Wait,
    /// Nothing before that moment.
    WaitUntil(Timestamp),
    /// Begin a turn with what waits.
    Start,
    /// Add to the turn that runs what waits and is not for later.
    Steer,
    /// Stop the turn that runs.
    Interrupt,
}

impl Sight<'_> {
    /// Decides; to be asked whenever something has changed.
    pub fn step(&self) -> Step {
        if self.in_flight {
            return Step::Wait;
        }
        match self.phase {
            Phase::Unknown | Phase::Asking => Step::Wait,
            Phase::Idle => self.when_due(Step::Start, |_| true),
            _ if self.may_stop() => Step::Interrupt,
            Phase::Speaking if self.delivery == Delivery::Turn => Step::Wait,
            Phase::Speaking | Phase::Tool | Phase::Between => {
                self.when_due(Step::Steer, |pending| pending.urgency != Urgency::Later)
            }
        }
    }

    fn may_stop(&self) -> bool {
        self.interrupt && self.is_urgent()
    }

    fn is_urgent(&self) -> bool {
        self.pending.iter().any(|pending| pending.urgency == Urgency::Interrupt)
    }

    /// The step, once the oldest of those it is for has waited for others.
    fn when_due(&self, step: Step, fits: impl Fn(&&Pending) -> bool) -> Step {
        let Some(oldest) = self.pending.iter().filter(fits).map(|pending| pending.since).min()
        else {
            return Step::Wait;
        };
        let window = if self.burst { self.coalesce * BURST } else { self.coalesce };
        let due = oldest.plus(window);
        if self.is_urgent() || due <= self.now { step } else { Step::WaitUntil(due) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(10_000);
    const PHASES: [Phase; 6] =
        [Phase::Unknown, Phase::Idle, Phase::Speaking, Phase::Tool, Phase::Between, Phase::Asking];

    fn pending(urgency: Urgency, waited: i64) -> Pending {
        Pending { urgency, since: Timestamp(NOW.0 - waited) }
    }

    fn sight(phase: Phase, pending: &[Pending]) -> Sight<'_> {
        Sight {
            phase,
            pending,
            in_flight: false,
            burst: false,
            delivery: Delivery::Turn,
            interrupt: false,
            coalesce: Duration::from_millis(50),
            now: NOW,
        }
    }

    /// One message of that urgency, long there, in each phase.
    fn steps(urgency: Urgency, change: impl Fn(&mut Sight<'_>)) -> [Step; 6] {
        let waiting = [pending(urgency, 1_000)];
        PHASES.map(|phase| {
            let mut sight = sight(phase, &waiting);
            change(&mut sight);
            sight.step()
        })
    }

    #[test]
    fn mail_starts_a_turn_or_joins_one_but_never_cuts_an_answer() {
        use Step::{Start, Steer, Wait};
        let table = [
            // unknown, idle, speaking, tool, between, asking
            (Urgency::Normal, [Wait, Start, Wait, Steer, Steer, Wait]),
            (Urgency::Later, [Wait, Start, Wait, Wait, Wait, Wait]),
            (Urgency::Interrupt, [Wait, Start, Wait, Steer, Steer, Wait]),
        ];
        for (urgency, expected) in table {
            assert_eq!(steps(urgency, |_| {}), expected, "{urgency}");
        }
    }

    #[test]
    fn a_tools_output_does_not_cut_an_answer_so_that_it_need_not_wait() {
        use Step::{Start, Steer, Wait};
        let as_tool = |sight: &mut Sight<'_>| sight.delivery = Delivery::ToolOutput;
        assert_eq!(steps(Urgency::Normal, as_tool), [Wait, Start, Steer, Steer, Steer, Wait]);
        assert_eq!(steps(Urgency::Later, as_tool), [Wait, Start, Wait, Wait, Wait, Wait]);
    }

    #[test]
    fn a_turn_is_stopped_where_the_profile_allows_it_but_nobody_is_answered_for() {
        use Step::{Interrupt, Start, Wait};
        let allowed = |sight: &mut Sight<'_>| sight.interrupt = true;
        let expected = [Wait, Start, Interrupt, Interrupt, Interrupt, Wait];
        assert_eq!(steps(Urgency::Interrupt, allowed), expected);
        assert_eq!(steps(Urgency::Normal, allowed), steps(Urgency::Normal, |_| {}));
    }

    #[test]
    fn nothing_is_sent_while_something_is_on_its_way() {
        for urgency in [Urgency::Normal, Urgency::Later, Urgency::Interrupt] {
            let steps = steps(urgency, |sight| {
                sight.in_flight = true;
                sight.interrupt = true;
            });
            assert_eq!(steps, [Step::Wait; 6]);
        }
        for phase in PHASES {
            assert_eq!(sight(phase, &[]).step(), Step::Wait);
        }
    }

    #[test]
    fn a_message_waits_a_moment_for_others_and_longer_in_a_burst() {
        let normal = |waited| pending(Urgency::Normal, waited);
        for (phase, step) in [(Phase::Idle, Step::Start), (Phase::Tool, Step::Steer)] {
            let young = [normal(20), normal(10)];
            assert_eq!(sight(phase, &young).step(), Step::WaitUntil(Timestamp(10_030)));
            let old = [normal(50), normal(0)];
            assert_eq!(sight(phase, &old).step(), step);
            let burst = Sight { burst: true, ..sight(phase, &old) };
            assert_eq!(burst.step(), Step::WaitUntil(Timestamp(10_200)));
            let urgent = [normal(0), pending(Urgency::Interrupt, 0)];
            assert_eq!(sight(phase, &urgent).step(), step);
        }
    }

    #[test]
    fn what_is_for_later_neither_joins_a_turn_nor_hurries_the_rest() {
        let waiting = [pending(Urgency::Later, 1_000), pending(Urgency::Normal, 10)];
        assert_eq!(sight(Phase::Tool, &waiting).step(), Step::WaitUntil(Timestamp(10_040)));
        assert_eq!(sight(Phase::Idle, &waiting).step(), Step::Start);
    }
}
