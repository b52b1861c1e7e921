//! The story of a pair: an invitation, an answer, a chat, an end.

mod common;

use std::{collections::BTreeMap, time::Duration};

use common::{Fixture, by, code, fixture, id, words};
use relay_core::{
    api::{query, request::InvitePair},
    caller::Verified,
    error::Code,
    event::{Event, Name},
    id::{AgentId, PairId, Seq},
    message::Message,
    pair::{EndReason, INVITATION, Pair, Status},
};
use relay_store::{Reader, StoreError};
use serde_json::json;

const YES: Verified = Verified(true);

async fn invite(f: &Fixture, from: &str, target: &str) -> Result<Pair, StoreError> {
    let request = json!({ "target": target, "objective": "flaky auth tests" });
    let request: InvitePair = serde_json::from_value(request).unwrap();
    f.store.invite_pair(by(from), YES, request).await
}

async fn accept(f: &Fixture, pair: &Pair, agent: &str) -> Result<Pair, StoreError> {
    f.store.accept_pair(pair.id.clone(), by(agent), YES).await
}

async fn hang_up(f: &Fixture, pair: &Pair, agent: &str) -> Result<Pair, StoreError> {
    f.store.hang_up_pair(pair.id.clone(), by(agent), YES).await
}

/// Fails, or says it.
async fn say(f: &Fixture, pair: &Pair, agent: &str, text: &str) -> Result<Message, StoreError> {
    let body = text.parse().unwrap();
    Ok(f.store.say_in_pair(pair.id.clone(), by(agent), YES, body).await?.message)
}

async fn world(agents: &[&str]) -> Fixture {
    let f = fixture().await;
    for agent in agents {
        f.join(json!(agent)).await;
    }
    f
}

async fn now(f: &Fixture, pair: &Pair) -> Pair {
    f.store.pair(&pair.id, None).await.unwrap()
}

/// What an agent was told in a pair, as `from: text` lines.
async fn told(f: &Fixture, agent: &str, pair: &Pair) -> Vec<String> {
    let query = query::Messages { reader: Some(id(agent)), ..query::Messages::default() };
    let page = f.store.messages(&query, None).await.unwrap();
    let of_pair = page.items.iter().filter(|m| m.pair_id.as_ref() == Some(&pair.id));
    of_pair.map(|m| format!("{}: {}", m.from, m.body.lines().next().unwrap())).collect()
}

#[tokio::test]
async fn two_agents_pair_talk_and_part() {
    let mut f = world(&["a", "b"]).await;
    let start = f.store.head();
    let pair = invite(&f, "A", "b").await.unwrap();
    assert_eq!((pair.status, pair.initiator.as_str()), (Status::Pending, "a"));
    assert_eq!(code(say(&f, &pair, "a", "hello?").await), Code::NotActive);
    f.reopen().await;
    let accepted = accept(&f, &pair, "b").await.unwrap();
    assert_eq!((accepted.status, accepted.accepted_at), (Status::Active, Some(f.store.now())));
    let head = f.store.head();
    assert_eq!(accept(&f, &pair, "b").await.unwrap(), accepted, "a repeat changes nothing");
    assert_eq!(f.store.head(), head);
    let text = say(&f, &pair, "b", "on it").await.unwrap();
    assert_eq!((text.kind.as_str(), text.to.to_string().as_str()), ("pair", "a"));
    say(&f, &pair, "a", "which test?").await.unwrap();
    let ended = hang_up(&f, &pair, "b").await.unwrap();
    assert_eq!((ended.status, ended.end_reason), (Status::Ended, Some(EndReason::Hangup)));
    assert_eq!(hang_up(&f, &pair, "a").await.unwrap(), ended, "what is over is over");
    assert_eq!(code(say(&f, &pair, "a", "x").await), Code::NotActive);
    assert_eq!(code(accept(&f, &pair, "b").await), Code::InvalidTransition);

    let invitation = "a: I invite you to a pair: flaky auth tests";
    assert_eq!(told(&f, "b", &pair).await, [invitation, "a: which test?"]);
    let [accepted, said, over] = &told(&f, "a", &pair).await[..] else { panic!("three messages") };
    assert!(accepted.starts_with("b: Accepted.") && said == "b: on it" && over.contains("over"));
    let thread = f.store.thread(text.id, None).await.unwrap();
    assert_eq!(thread.len(), 5, "one thread");
    assert!(thread.iter().skip(1).all(|m| m.reply_to == Some(thread[0].id)));
    assert_eq!(thread[0].payload["event"], "pair.invited");
    let receipts = f.store.receipts(thread[0].id, None).await.unwrap();
    assert_eq!(receipts[0].answer_id, Some(thread[1].id), "the invitation was answered");
    let seen: Vec<String> = words(&f.replay("a", start).await)
        .into_iter()
        .filter(|word| word.starts_with("pair"))
        .collect();
    assert_eq!(seen, ["pair.invited", "pair.accepted", "pair.ended"]);
}

#[tokio::test]
async fn who_is_in_a_pair_is_busy_both_ways() {
    let f = world(&["a", "b", "c", "d"]).await;
    let pair = invite(&f, "a", "b").await.unwrap();
    for (from, target) in [("c", "a"), ("c", "b"), ("a", "c"), ("b", "c"), ("b", "a"), ("a", "b")] {
        let refused = invite(&f, from, target).await.unwrap_err();
        assert_eq!(refused.code(), Code::Busy, "{from} invites {target}");
        let knows = from != "c";
        let text = format!("{refused:?}");
        assert_eq!(text.contains(pair.id.as_str()), knows, "{text}");
        assert!(!text.contains("flaky"), "{text}");
    }
    accept(&f, &pair, "b").await.unwrap();
    assert_eq!(code(invite(&f, "c", "b").await), Code::Busy);
    let other = invite(&f, "c", "d").await.unwrap();
    f.store.reject_pair(other.id.clone(), by("d"), YES).await.unwrap();
    hang_up(&f, &pair, "a").await.unwrap();
    invite(&f, "c", "b").await.unwrap();
    let counts = f.store.stats().await.unwrap().pairs;
    assert_eq!((counts.pending, counts.active), (1, 0));
}

#[tokio::test]
async fn whom_an_invitation_means() {
    let f = world(&["a", "b"]).await;
    f.join(json!({"id": "x-1", "provider": "codex", "label": "Night Shift"})).await;
    f.join(json!({"id": "x-2", "provider": "codex", "tags": ["api"]})).await;
    f.patch("b", json!({"status": "offline"})).await;
    for (target, expected) in [
        ("codex", Code::AmbiguousTarget),
        ("id:ghost", Code::TargetNotFound),
        ("b", Code::TargetNotFound),
        ("A", Code::InvalidField),
    ] {
        assert_eq!(code(invite(&f, "a", target).await), expected, "{target}");
    }
    assert_eq!(code(invite(&f, "ghost", "a").await), Code::NotFound);
    for (from, target, expected) in [
        ("a", "night shift", "x-1"),
        ("a", "tag:api", "x-2"),
        ("x-1", "codex", "x-2"),
        ("a", "human", "human"),
        ("human", "id:X-1", "x-1"),
    ] {
        let pair = invite(&f, from, target).await.unwrap();
        assert_eq!(pair.partner.as_str(), expected, "{target}");
        hang_up(&f, &pair, from).await.unwrap();
    }
}

#[tokio::test]
async fn an_invitation_that_nobody_answers_expires() {
    let f = world(&["a", "b", "c"]).await;
    let pair = invite(&f, "a", "b").await.unwrap();
    assert_eq!(f.store.expire_pairs().await.unwrap(), 0);
    f.advance(INVITATION);
    assert_eq!(f.unread("b").await, [] as [i64; 0], "nobody gets an old invitation");
    let seen = now(&f, &pair).await;
    for (status, count) in [(Status::Pending, 0), (Status::Expired, 1)] {
        let query = query::Pairs { status: Some(status), ..query::Pairs::default() };
        assert_eq!(f.store.pairs(&query, None).await.unwrap().items.len(), count, "{status}");
    }
    assert_eq!(f.store.expire_pairs().await.unwrap(), 1);
    assert_eq!(f.store.expire_pairs().await.unwrap(), 0);
    let expired = now(&f, &pair).await;
    assert_eq!((expired.status, expired.end_reason), (Status::Expired, None));
    assert_eq!(seen, expired, "who looks before it is noted sees the same");
    assert_eq!(expired.ended_at, Some(f.store.now()));
    assert!(told(&f, "a", &pair).await[0].starts_with("system: `b` did not answer"));

    // Who comes too late for an invitation that nobody has looked at yet.
    let second = invite(&f, "a", "b").await.unwrap();
    f.advance(INVITATION);
    assert_eq!(code(accept(&f, &second, "b").await), Code::InvalidTransition);
    assert_eq!(now(&f, &second).await.status, Status::Expired, "a refusal notes it, too");
    let third = invite(&f, "a", "b").await.unwrap();
    f.advance(INVITATION);
    let fourth = invite(&f, "b", "c").await.unwrap();
    assert_eq!(now(&f, &third).await.status, Status::Expired);
    assert_eq!(now(&f, &fourth).await.status, Status::Pending);
}

#[tokio::test]
async fn who_goes_offline_ends_its_pair() {
    let f = world(&["a", "b"]).await;
    for way in 0..3_u8 {
        let pair = invite(&f, "a", "b").await.unwrap();
        if way > 0 {
            accept(&f, &pair, "b").await.unwrap();
        }
        let minute = Duration::from_mins(1);
        match way {
            0 => drop(f.patch("b", json!({"status": "offline"})).await),
            1 => f.store.remove_agent(&id("b")).await.unwrap(),
            _ => {
                f.advance(minute * 3);
                f.store
                    .heartbeat(&id("a"), serde_json::from_str("{}").unwrap(), None)
                    .await
                    .unwrap();
                assert_eq!(f.store.reap(minute * 2, minute * 999).await.unwrap().offline, 1);
            }
        }
        let ended = now(&f, &pair).await;
        assert_eq!((ended.status, ended.end_reason), (Status::Ended, Some(EndReason::Offline)));
        let last = told(&f, "a", &pair).await.pop().unwrap();
        assert!(last.starts_with("system: `b` went offline"), "{last}");
        let _ = f.register(json!("b"), None, relay_core::identity::Mode::Mark).await.unwrap();
    }
    f.patch("a", json!({"status": "offline"})).await;
    invite(&f, "a", "b").await.unwrap();
    assert!(f.store.agent(&id("a")).await.unwrap().is_live(), "who invites is back");
}

#[tokio::test]
async fn a_pair_is_seen_by_its_two_and_listed_newest_last() {
    let f = world(&["a", "b", "c"]).await;
    let mut all = Vec::new();
    for target in ["b", "c", "b"] {
        let pair = invite(&f, "a", target).await.unwrap();
        all.push(hang_up(&f, &pair, "a").await.unwrap());
    }
    let list = async |query: query::Pairs, viewer: Option<&str>| {
        let viewer = viewer.map(id);
        let page = f.store.pairs(&query, viewer.as_ref()).await.unwrap();
        (page.items, page.more)
    };
    let every = query::Pairs::default();
    assert_eq!(list(every.clone(), None).await, (all.clone(), false));
    assert_eq!(list(every.clone(), Some("C")).await, (vec![all[1].clone()], false));
    let two = query::Pairs { limit: Some(query::Within(2)), ..every.clone() };
    assert_eq!(list(two.clone(), None).await, (all[1..].to_vec(), true));
    let before = query::Pairs { before: Some(all[1].id.clone()), ..two };
    assert_eq!(list(before, None).await, (all[..1].to_vec(), false));
    let of_b = query::Pairs { agent: Some(id("B")), status: Some(Status::Ended), ..every.clone() };
    assert_eq!(list(of_b, Some("a")).await.0, [all[0].clone(), all[2].clone()]);
    let pending = query::Pairs { status: Some(Status::Pending), ..every };
    assert_eq!(list(pending, None).await.0, []);
    assert_eq!(code(f.store.pair(&all[0].id, Some(&id("c"))).await), Code::Forbidden);
    assert!(f.store.pair(&all[0].id, Some(&id("B"))).await.is_ok());
    let unknown: PairId = "p00000".parse().unwrap();
    assert_eq!(code(f.store.pair(&unknown, None).await), Code::NotFound);
}

#[tokio::test]
async fn retention_forgets_what_is_over_and_keeps_what_is_not() {
    let f = world(&["a", "b"]).await;
    f.store.update_agent(&AgentId::human(), serde_json::from_str("{}").unwrap()).await.unwrap();
    let over = invite(&f, "a", "b").await.unwrap();
    hang_up(&f, &over, "b").await.unwrap();
    let live = invite(&f, "human", "a").await.unwrap();
    accept(&f, &live, "a").await.unwrap();
    say(&f, &live, "a", "still there?").await.unwrap();
    f.advance(Duration::from_hours(24 * 31));
    while f.store.retain(Duration::from_hours(24 * 30)).await.unwrap().more {}
    assert_eq!(code(f.store.pair(&over.id, None).await), Code::NotFound);
    assert_eq!(now(&f, &live).await.status, Status::Active);
    assert_eq!(told(&f, "human", &live).await.len(), 2, "its mail is kept");
    assert_eq!(told(&f, "b", &over).await, [] as [&str; 0]);
}

/// A sequence that looks random and is the same in every run.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |end| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % end
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_agents_pair_at_random_and_nobody_is_ever_in_two() {
    let names: Vec<String> = (0..50).map(|n| format!("agent-{n}")).collect();
    let f = world(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let players = names.iter().zip(0..).map(|(name, seed)| play(&f, name, &names, dice(seed + 1)));
    let tried: u32 = futures_util::future::join_all(players).await.into_iter().sum();
    assert!(tried >= 2_000, "{tried} moves");
    let accepted = check_log(&f).await;
    assert!(accepted > 100, "the race is one: {accepted} pairs were accepted");
}

/// Invites, accepts, declines and hangs up at random; returns how often.
async fn play(f: &Fixture, me: &str, all: &[String], mut dice: impl FnMut(u64) -> u64) -> u32 {
    let mut tried = 0;
    for _ in 0..80 {
        let mine = query::Pairs {
            agent: Some(id(me)),
            limit: Some(query::Within(3)),
            ..Default::default()
        };
        let mine = f.store.pairs(&mine, None).await.unwrap().items;
        let outcome = match mine.last().filter(|pair| pair.status.is_live() || dice(8) == 0) {
            Some(pair) if dice(5) == 0 => hang_up(f, pair, me).await,
            Some(pair) if dice(8) == 0 => f.store.reject_pair(pair.id.clone(), by(me), YES).await,
            Some(pair) if dice(2) == 0 => accept(f, pair, me).await,
            _ => invite(f, me, &all[dice(all.len() as u64) as usize]).await,
        };
        tried += 1;
        if let Err(refused) = outcome {
            let allowed =
                [Code::Busy, Code::InvalidTransition, Code::Forbidden, Code::InvalidField];
            assert!(allowed.contains(&refused.code()), "{refused:?}");
        }
    }
    tried
}

/// Reads the whole log and lives through it: returns how many pairs were accepted.
async fn check_log(f: &Fixture) -> usize {
    let replay = f.store.replay(&Reader::All, Seq(0), f.store.head(), u32::MAX).await.unwrap();
    let mut taken: BTreeMap<AgentId, PairId> = BTreeMap::new();
    let mut accepted = 0;
    for event in &replay.events {
        let Event { name, pair: Some(pair), .. } = event.as_ref() else { continue };
        for who in [&pair.initiator, &pair.partner] {
            match name {
                Name::PairInvited => {
                    let other = taken.insert(who.clone(), pair.id.clone());
                    assert_eq!(other, None, "{who} is in two pairs");
                }
                Name::PairAccepted => assert_eq!(taken.get(who), Some(&pair.id)),
                _ => assert_eq!(taken.remove(who), Some(pair.id.clone())),
            }
        }
        accepted += usize::from(*name == Name::PairAccepted);
    }
    accepted
}
