//! The story of an agent: registered, proven, replaced, taken over, stale, pruned.

mod common;

use std::time::Duration;

use common::{code, fixture, id, words};
use relay_core::{
    agent::Status,
    api::{query, request::Heartbeat},
    error::Code,
    event::Name,
    identity::Mode,
    token::Digest,
};
use relay_store::{Identity, Reader};
use serde_json::json;

const STALE: Duration = Duration::from_mins(2);
const PRUNE: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_live_id_takes_proof_in_both_modes() {
    let f = fixture().await;
    let token = f.join(json!("a")).await;
    for mode in [Mode::Mark, Mode::Strict] {
        assert_eq!(code(f.register(json!("a"), None, mode).await), Code::AgentIdTaken);
        assert_eq!(code(f.register(json!("A"), None, mode).await), Code::AgentIdTaken);
        let again =
            f.register(json!({"id": "a", "tags": ["x"]}), Some(&token), mode).await.unwrap();
        assert!(!again.created);
        assert_eq!(again.reply.token.as_deref(), Some(token.as_str()));
    }
    assert_eq!(f.store.authenticate(&Digest::of(&token)), Some(Identity::Agent(id("a"))));
    assert_eq!(f.store.authenticate(&Digest::of("wrong")), None);
}

#[tokio::test]
async fn a_new_process_fences_the_old() {
    let f = fixture().await;
    let token =
        f.register(json!({"id": "a", "instanceId": "p1"}), None, Mode::Mark).await.unwrap().reply;
    assert_eq!(token.agent.epoch, 1);
    let secret = token.token.unwrap();
    let second = f
        .register(json!({"id": "a", "instanceId": "p2"}), Some(&secret), Mode::Mark)
        .await
        .unwrap();
    assert_eq!(second.reply.agent.epoch, 2);
    let old = Heartbeat {
        instance_id: Some("p1".parse().unwrap()),
        epoch: Some(1),
        ..Heartbeat::default()
    };
    assert_eq!(code(f.store.heartbeat(&id("a"), old, None).await), Code::StaleSession);
    let send = json!({"to": "human", "body": "x", "instanceId": "p1", "epoch": 1});
    assert_eq!(code(f.deliver("a", send).await), Code::StaleSession);
}

#[tokio::test]
async fn an_offline_id_may_be_taken_and_its_owner_wins() {
    let mut f = fixture().await;
    let owner =
        f.register(json!({"id": "a", "instanceId": "p1"}), None, Mode::Mark).await.unwrap().reply;
    let owner = owner.token.unwrap();
    f.patch("a", json!({"status": "offline"})).await;
    assert_eq!(code(f.register(json!("a"), None, Mode::Strict).await), Code::AgentIdTaken);
    let cursor = f.store.head();
    let guest =
        f.register(json!({"id": "a", "instanceId": "g"}), None, Mode::Mark).await.unwrap().reply;
    let taken = f.store.replay(&Reader::All, cursor, f.store.head(), 10).await.unwrap();
    assert!(taken.events[0].taken_over, "a takeover is announced");
    let guest_token = guest.token.unwrap();
    assert_ne!(guest_token, owner);
    f.reopen().await;
    assert!(f.store.authenticate(&Digest::of(&guest_token)).is_some());
    let beat = Heartbeat {
        instance_id: Some("p1".parse().unwrap()),
        epoch: Some(1),
        ..Heartbeat::default()
    };
    let back = f.store.heartbeat(&id("a"), beat, Some(Digest::of(&owner))).await.unwrap();
    assert_eq!((back.epoch, back.instance_id.as_deref()), (guest.agent.epoch + 1, Some("p1")));
    assert_eq!(f.store.authenticate(&Digest::of(&guest_token)), None, "the guest is out");
    let g = Heartbeat { epoch: Some(guest.agent.epoch), ..Heartbeat::default() };
    assert_eq!(code(f.store.heartbeat(&id("a"), g, None).await), Code::StaleSession);
}

#[tokio::test]
async fn the_silent_go_offline_and_then_away_but_their_mail_waits() {
    let f = fixture().await;
    let token = f.join(json!("a")).await;
    f.join(json!("b")).await;
    f.advance(STALE);
    f.store.heartbeat(&id("b"), Heartbeat::default(), None).await.unwrap();
    assert_eq!(f.store.reap(STALE, PRUNE).await.unwrap().offline, 0, "not a moment early");
    f.advance(Duration::from_millis(1));
    assert_eq!(f.store.reap(STALE, PRUNE).await.unwrap().offline, 1);
    assert_eq!(f.store.agent(&id("a")).await.unwrap().status, Status::Offline);
    assert_eq!(f.store.agent(&id("b")).await.unwrap().status, Status::Idle);
    let early = f.send("b", "a", "are you there?").await;
    for _ in 0..(24 * 31) {
        f.advance(STALE);
        f.store.heartbeat(&id("b"), Heartbeat::default(), None).await.unwrap();
    }
    f.store.reap(STALE, PRUNE).await.unwrap();
    assert_eq!(code(f.store.agent(&id("a")).await), Code::NotFound);
    assert_eq!(code(f.store.heartbeat(&id("a"), Heartbeat::default(), None).await), Code::NotFound);
    let late = f.send("b", "a", "still").await;
    let back = f.register(json!("a"), Some(&token), Mode::Strict).await.unwrap();
    assert!(back.created);
    assert_eq!(back.reply.token, Some(token), "the owner's token still works");
    assert_eq!(f.unread("a").await, [early.0, late.0]);
}

#[tokio::test]
async fn a_removed_agent_is_unknown_and_its_id_free() {
    let f = fixture().await;
    let token = f.join(json!({"id": "a", "tags": ["x"]})).await;
    f.store.remove_agent(&id("A")).await.unwrap();
    assert_eq!(code(f.store.remove_agent(&id("a")).await), Code::NotFound);
    assert_eq!(f.store.authenticate(&Digest::of(&token)), None);
    let again = f.register(json!("a"), None, Mode::Strict).await.unwrap();
    assert_ne!(again.reply.token, Some(token));
    assert!(again.reply.agent.tags.is_empty(), "who takes a free id starts anew");
    assert_eq!(again.reply.agent.epoch, 2, "but no process of the old one speaks for it");
    assert_eq!(code(f.store.remove_agent(&id("human")).await), Code::ReservedId);
    assert_eq!(code(f.register(json!("Human"), None, Mode::Mark).await), Code::ReservedId);
}

#[tokio::test]
async fn agents_survive_a_restart_with_all_they_said() {
    let mut f = fixture().await;
    let about = json!({"id": "a", "label": "Bee", "tags": ["x"], "capabilities": ["c"], "channels": ["ops"],
        "machine": "m1", "project": "shop", "meta": {"k": [1, null]}, "status": "busy", "statusDetail": "testing"});
    f.join(about).await;
    let before = f.store.agent(&id("a")).await.unwrap();
    f.reopen().await;
    assert_eq!(f.store.agent(&id("a")).await.unwrap(), before);
    let fits = async |query: query::Agents| f.store.agents(&query).await.unwrap().items.len();
    assert_eq!(
        fits(query::Agents { label: Some("BEE".parse().unwrap()), ..Default::default() }).await,
        1
    );
    assert_eq!(
        fits(query::Agents { tag: Some("y".parse().unwrap()), ..Default::default() }).await,
        0
    );
    assert_eq!(fits(query::Agents::default()).await, 1, "human is not in the list");
}

#[tokio::test]
async fn a_sign_of_life_is_no_event_but_a_change_is() {
    let f = fixture().await;
    f.join(json!("a")).await;
    let cursor = f.store.head();
    f.store.heartbeat(&id("a"), Heartbeat::default(), None).await.unwrap();
    assert_eq!(f.store.head(), cursor);
    let busy = Heartbeat { status: Some(Status::Busy), ..Heartbeat::default() };
    f.store.heartbeat(&id("a"), busy, None).await.unwrap();
    assert_eq!(words(&f.replay("a", cursor).await), [Name::AgentStatus.as_str()]);
}

#[tokio::test]
async fn the_operator_stays_whatever_is_said_of_it() {
    let mut f = fixture().await;
    f.patch("human", json!({"label": "Ada"})).await;
    for restarted in [false, true] {
        f.advance(PRUNE * 3);
        let reaped = f.store.reap(STALE, PRUNE).await.unwrap();
        assert_eq!((reaped.offline, reaped.pruned), (0, 0), "restarted: {restarted}");
        assert_eq!(f.store.agent(&id("human")).await.unwrap().label.as_deref(), Some("Ada"));
        let listed = f.store.agents(&query::Agents::default()).await.unwrap().items;
        assert_eq!(listed.len(), 0, "restarted: {restarted}");
        f.reopen().await;
    }
}
