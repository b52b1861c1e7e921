use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::agent::{self, tests::agent};

const START: Timestamp = Timestamp(1_000);
/// Within the time for an answer.
const SOON: Timestamp = Timestamp(2_000);

fn id(text: &str) -> AgentId {
    text.parse().unwrap()
}

fn late() -> Timestamp {
    START.plus(INVITATION)
}

fn invited(objective: Option<&str>) -> (Pair, Step) {
    let objective = objective.map(|text| text.parse().unwrap());
    Pair::invite("p7f3k2".parse().unwrap(), &id("a"), &agent("b"), objective, START).unwrap()
}

fn pair(status: Status) -> Pair {
    let mut pair = invited(Some("flaky tests")).0;
    match status {
        Status::Pending => {}
        Status::Active => drop(pair.accept(&id("b"), SOON).unwrap()),
        Status::Rejected => drop(pair.reject(&id("b"), SOON).unwrap()),
        Status::Expired => drop(pair.expire(late()).unwrap()),
        Status::Ended => drop(pair.hang_up(&id("a"), SOON).unwrap()),
    }
    assert_eq!(pair.status, status);
    pair
}

type Rule = fn(&mut Pair, &AgentId, Timestamp) -> Result<Option<Step>, Refused>;

/// What a rule does to a pair of each status: `Some` for a step, `None` for nothing, or a refusal.
fn outcomes(rule: Rule, by: &str, now: Timestamp) -> Vec<Result<bool, Code>> {
    [Status::Pending, Status::Active, Status::Rejected, Status::Expired, Status::Ended]
        .map(|status| {
            let mut pair = pair(status);
            let before = pair.clone();
            let done = rule(&mut pair, &id(by), now);
            if !matches!(done, Ok(Some(_))) {
                assert_eq!(pair, before, "what is refused or needless changes nothing");
            }
            if let Err(refused) = &done {
                assert!(refused.hint.is_some() && refused.details.is_some(), "{refused}");
            }
            done.map(|step| step.is_some()).map_err(|refused| refused.code)
        })
        .into()
}

const FORBIDDEN: Result<bool, Code> = Err(Code::Forbidden);
const INVALID: Result<bool, Code> = Err(Code::InvalidTransition);

#[test]
fn who_may_do_what_in_which_status() {
    //                                             pending    active     rejected   expired    ended
    let check = |rule: Rule, by, now, expected: [Result<bool, Code>; 5]| {
        assert_eq!(outcomes(rule, by, now), expected, "by {by}");
    };
    check(Pair::accept, "B", SOON, [Ok(true), Ok(false), INVALID, INVALID, INVALID]);
    check(Pair::accept, "a", SOON, [FORBIDDEN, INVALID, INVALID, INVALID, INVALID]);
    check(Pair::accept, "c", SOON, [FORBIDDEN; 5]);
    check(Pair::accept, "b", late(), [INVALID, Ok(false), INVALID, INVALID, INVALID]);
    check(Pair::reject, "b", SOON, [Ok(true), INVALID, Ok(false), INVALID, INVALID]);
    check(Pair::reject, "a", SOON, [FORBIDDEN, INVALID, INVALID, INVALID, INVALID]);
    check(Pair::reject, "c", SOON, [FORBIDDEN; 5]);
    check(Pair::reject, "b", late(), [INVALID, INVALID, Ok(false), INVALID, INVALID]);
    for party in ["a", "b"] {
        check(Pair::hang_up, party, SOON, [Ok(true), Ok(true), Ok(false), Ok(false), Ok(false)]);
    }
    check(Pair::hang_up, "c", SOON, [FORBIDDEN; 5]);
    let say: Rule = |pair, by, now| pair.say(by, now).cloned().map(|_| None);
    let not_active = Err(Code::NotActive);
    for party in ["a", "b"] {
        check(say, party, SOON, [not_active, Ok(false), not_active, not_active, not_active]);
    }
    check(say, "c", SOON, [FORBIDDEN; 5]);
}

#[test]
fn every_step_tells_the_other_side() {
    let told = |step: Step| (step.event, step.notice.from.to_string(), step.notice.to.to_string());
    let of = |event, from: &str, to: &str| (event, from.to_owned(), to.to_owned());
    let (_, invitation) = invited(Some("flaky tests"));
    assert_eq!(
        invitation.notice.body,
        "I invite you to a pair: flaky tests\nAccept: `agent-relay pair accept p7f3k2`. \
         Decline: `agent-relay pair reject p7f3k2`. It waits 10 minutes."
    );
    assert_eq!(told(invitation), of(Name::PairInvited, "a", "b"));
    let step =
        |status, rule: Rule, by: &str| rule(&mut pair(status), &id(by), SOON).unwrap().unwrap();
    let accepted = step(Status::Pending, Pair::accept, "b");
    assert!(accepted.notice.body.contains("pair send p7f3k2 --body"));
    assert_eq!(told(accepted), of(Name::PairAccepted, "b", "a"));
    assert_eq!(told(step(Status::Pending, Pair::reject, "b")), of(Name::PairRejected, "b", "a"));
    assert_eq!(told(step(Status::Active, Pair::hang_up, "a")), of(Name::PairEnded, "a", "b"));
    assert_eq!(told(step(Status::Pending, Pair::hang_up, "b")), of(Name::PairEnded, "b", "a"));
    let expired = pair(Status::Pending).expire(late()).unwrap();
    assert_eq!((expired.by.clone(), told(expired)), (None, of(Name::PairEnded, "system", "a")));
    let left = pair(Status::Active).leave(&id("a"), SOON).unwrap();
    assert_eq!(told(left), of(Name::PairEnded, "system", "b"));
    assert_eq!(pair(Status::Ended).leave(&id("a"), SOON), None);
    assert_eq!(pair(Status::Active).expire(late()), None);
}

#[test]
fn a_clock_that_is_set_back_makes_no_pair_end_before_it_began() {
    let mut pair = invited(None).0;
    pair.accept(&id("b"), Timestamp(0)).unwrap();
    pair.hang_up(&id("b"), Timestamp(0)).unwrap();
    assert_eq!((pair.accepted_at, pair.ended_at), (Some(START), Some(START)));
}

#[test]
fn who_is_offline_cannot_be_invited() {
    let mut gone = agent("b");
    gone.status = agent::Status::Offline;
    let refused =
        Pair::invite("p7f3k2".parse().unwrap(), &id("a"), &gone, None, START).unwrap_err();
    assert_eq!(refused.code, Code::TargetNotFound);
    assert!(refused.hint.unwrap().contains("agent-relay send b"));
}

#[test]
fn who_invites_never_means_itself() {
    let [mut a, mut b, mut c] = [agent("a"), agent("b"), agent("c")];
    for agent in [&mut a, &mut b] {
        agent.provider = "codex".parse().unwrap();
    }
    c.provider = "claude".parse().unwrap();
    let agents = [a, b, c];
    let found = |word: &str, by: &str| {
        let whom = word.parse().unwrap();
        partner(&whom, &id(by), &agents).map(|agent| agent.id.to_string()).map_err(|r| r.code)
    };
    assert_eq!(found("codex", "a").as_deref(), Ok("b"));
    assert_eq!(found("codex", "c"), Err(Code::AmbiguousTarget));
    assert_eq!(found("claude", "c"), Err(Code::InvalidField));
    for own in ["a", "id:A", "A"] {
        assert_eq!(found(own, "a"), Err(Code::InvalidField), "{own}");
    }
    assert_eq!(found("gemini", "a"), Err(Code::TargetNotFound));
    assert_eq!(found("id:ghost", "a"), Err(Code::TargetNotFound));
}

#[test]
fn who_is_busy_is_told_to_others_without_the_rest() {
    let taken = pair(Status::Pending);
    let hint = |refused: &Refused| refused.hint.clone().unwrap();
    let own = busy(&id("a"), &taken, &id("a"));
    assert!(own.message.contains("p7f3k2") && hint(&own).contains("hangup p7f3k2"), "{own:?}");
    assert!(hint(&busy(&id("b"), &taken, &id("b"))).contains("pair accept p7f3k2"));
    let others = busy(&id("b"), &taken, &id("c"));
    for secret in ["p7f3k2", "`a`", "flaky"] {
        assert!(!format!("{others:?}").contains(secret), "{others:?}");
    }
}

#[derive(Clone, Debug)]
enum Move {
    Invite(u8, u8),
    Accept(u8, usize),
    Reject(u8, usize),
    HangUp(u8, usize),
    Leave(u8),
    Wait(i32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let who = 0..5_u8;
    let which = 0..40_usize;
    let one = prop_oneof![
        3 => (who.clone(), who.clone()).prop_map(|(a, b)| Move::Invite(a, b)),
        3 => (who.clone(), which.clone()).prop_map(|(a, n)| Move::Accept(a, n)),
        1 => (who.clone(), which.clone()).prop_map(|(a, n)| Move::Reject(a, n)),
        1 => (who.clone(), which).prop_map(|(a, n)| Move::HangUp(a, n)),
        1 => who.prop_map(Move::Leave),
        1 => (-300_000..400_000_i32).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 0..80)
}

/// The pairs of a small world, kept as the store keeps them.
struct Model {
    pairs: Vec<Pair>,
    now: Timestamp,
}

impl Model {
    fn play(&mut self, one: &Move) {
        let now = self.now;
        let name = |n: u8| id(&format!("agent-{n}"));
        match *one {
            Move::Invite(a, b) => self.invite(&name(a), &name(b)),
            Move::Accept(a, n) => drop(self.nth(n).map(|pair| pair.accept(&name(a), now))),
            Move::Reject(a, n) => drop(self.nth(n).map(|pair| pair.reject(&name(a), now))),
            Move::HangUp(a, n) => drop(self.nth(n).map(|pair| pair.hang_up(&name(a), now))),
            Move::Leave(a) => {
                for pair in &mut self.pairs {
                    pair.leave(&name(a), now);
                }
            }
            Move::Wait(ms) => self.now = Timestamp((now.0 + i64::from(ms)).max(0)),
        }
    }

    fn nth(&mut self, n: usize) -> Option<&mut Pair> {
        let count = self.pairs.len();
        (count > 0).then(|| &mut self.pairs[n % count])
    }

    fn invite(&mut self, initiator: &AgentId, partner: &AgentId) {
        let now = self.now;
        self.pairs.iter_mut().for_each(|pair| drop(pair.expire(now)));
        let taken = |who: &AgentId| self.pairs.iter().any(|p| p.status.is_live() && p.has(who));
        if initiator == partner || taken(initiator) || taken(partner) {
            return;
        }
        let id = PairId::from_random((self.pairs.len() as u32).to_be_bytes());
        let (pair, _) =
            Pair::invite(id, initiator, &agent(partner.as_str()), None, self.now).unwrap();
        self.pairs.push(pair);
    }

    fn check(&self, before: &BTreeMap<PairId, Status>) {
        let mut live: Vec<&AgentId> = Vec::new();
        for pair in &self.pairs {
            let was = before.get(&pair.id).copied().unwrap_or(Status::Pending);
            let stays = pair.status == was;
            match was {
                Status::Pending => {}
                Status::Active => assert!(stays || pair.status == Status::Ended, "{pair:?}"),
                _ => assert!(stays, "over is over: {pair:?}"),
            }
            assert_eq!(pair.ended_at.is_none(), pair.status.is_live(), "{pair:?}");
            assert_eq!(pair.end_reason.is_some(), pair.status == Status::Ended, "{pair:?}");
            assert!(pair.accepted_at.is_some() || pair.status != Status::Active, "{pair:?}");
            assert!(pair.accepted_at.is_none_or(|at| at >= pair.created_at), "{pair:?}");
            let begun = pair.accepted_at.unwrap_or(pair.created_at);
            assert!(pair.ended_at.is_none_or(|at| at >= begun), "{pair:?}");
            if pair.status.is_live() {
                live.extend([&pair.initiator, &pair.partner]);
            }
        }
        let count = live.len();
        live.sort();
        live.dedup();
        assert_eq!(live.len(), count, "nobody is in two");
    }
}

proptest! {
    #[test]
    fn any_list_of_moves_keeps_the_invariants(moves in moves()) {
        let mut model = Model { pairs: Vec::new(), now: START };
        for one in moves {
            let before = model.pairs.iter().map(|pair| (pair.id.clone(), pair.status)).collect();
            model.play(&one);
            model.check(&before);
        }
    }
}
