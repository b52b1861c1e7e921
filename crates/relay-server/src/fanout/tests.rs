//! The fan-out without a store: events in, frames out.

use relay_core::{event::Name, id::MessageId};
use serde_json::json;

use super::*;

fn agent(id: &str, about: &serde_json::Value) -> Agent {
    let mut request = json!({ "id": id });
    request.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
    Agent::register(serde_json::from_value(request).unwrap(), Timestamp(0))
}

fn fanout(agents: &[Agent], room: Room) -> Arc<Fanout> {
    let mut index = Index::default();
    for agent in agents {
        index.put(agent.clone());
    }
    Arc::new(Fanout::new(index, Seq(0), room, Counter::default()))
}

const ROOM: Room = Room { events: 4, bytes: 1 << 20 };

fn mail(seq: i64, to: &str) -> Arc<Event> {
    let message = serde_json::from_value(json!({
        "id": MessageId(seq), "from": "sender", "to": to, "body": "hi", "kind": "chat",
        "urgency": "normal", "threadId": seq, "claimable": false, "verified": true, "createdAt": 5,
    }));
    Arc::new(Event::of_message(message.unwrap()))
}

fn about(seq: i64, name: Name, agent: Agent) -> Arc<Event> {
    Arc::new(Event { agent: Some(agent), ..Event::new(Seq(seq), name, Timestamp(0)) })
}

fn of(id: &str) -> Reader {
    Reader::Agent { id: id.parse().unwrap(), presence: false }
}

/// The numbers waiting for a listener.
fn waiting(listener: &Listener) -> Vec<i64> {
    let mut seqs = Vec::new();
    while let Some(Ok(frame)) = futures_util::FutureExt::now_or_never(listener.next()) {
        seqs.push(frame.event.seq.0);
    }
    seqs
}

#[test]
fn an_event_reaches_those_it_concerns_once() {
    let tagged = json!({ "tags": ["x"], "capabilities": ["review"] });
    let fanout = fanout(&[agent("a", &tagged), agent("b", &json!({}))], ROOM);
    let [a, again, b] = ["a", "A", "b"].map(|id| fanout.listen(&of(id)).unwrap());
    let all = fanout.listen(&Reader::All).unwrap();
    fanout.publish(vec![mail(1, "tag:x"), mail(2, "b"), mail(3, "broadcast"), mail(4, "cap:none")]);
    assert_eq!(waiting(&a), [1, 3]);
    assert_eq!(waiting(&again), [1, 3]);
    assert_eq!(waiting(&b), [2, 3]);
    assert_eq!(waiting(&all), [1, 2, 3, 4]);
    assert_eq!(fanout.position(), Seq(4));
    assert!(fanout.listen(&of("nobody")).is_none());
}

#[test]
fn addresses_change_at_the_agents_own_event() {
    let fanout = fanout(&[agent("a", &json!({ "label": "old" }))], ROOM);
    let a = fanout.listen(&of("a")).unwrap();
    fanout.publish(vec![
        mail(1, "label:old"),
        mail(2, "label:new"),
        about(3, Name::AgentStatus, agent("a", &json!({ "label": "New" }))),
        mail(4, "label:old"),
        mail(5, "label:new"),
    ]);
    assert_eq!(waiting(&a), [1, 3, 5]);
}

#[test]
fn a_removed_agent_hears_of_it_and_then_nothing() {
    let fanout = fanout(&[agent("a", &json!({}))], ROOM);
    let a = fanout.listen(&of("a")).unwrap();
    fanout
        .publish(vec![about(1, Name::AgentRemoved, agent("a", &json!({}))), mail(2, "broadcast")]);
    assert_eq!(waiting(&a), [1]);
    assert!(fanout.listen(&of("a")).is_none());
    drop(a);
    fanout.publish(vec![about(3, Name::AgentRegistered, agent("a", &json!({})))]);
    assert!(fanout.listen(&of("a")).is_some());
}

#[test]
fn presence_is_heard_by_those_who_asked_for_it() {
    let fanout = fanout(&[agent("a", &json!({}))], ROOM);
    let curious = Reader::Agent { id: "a".parse().unwrap(), presence: true };
    let [curious, a] = [curious, of("a")].map(|reader| fanout.listen(&reader).unwrap());
    fanout.publish(vec![about(1, Name::AgentRegistered, agent("b", &json!({})))]);
    assert_eq!((waiting(&curious), waiting(&a)), (vec![1], vec![]));
}

#[test]
fn a_full_mailbox_is_emptied_and_costs_nothing_more() {
    let fanout = fanout(&[agent("a", &json!({}))], ROOM);
    let slow = fanout.listen(&of("a")).unwrap();
    let healthy = fanout.listen(&of("a")).unwrap();
    for seq in 1..=100 {
        fanout.publish(vec![mail(seq, "a")]);
        assert_eq!(waiting(&healthy), [seq]);
        assert!(fanout.buffered_bytes() <= 4 * 400, "{}", fanout.buffered_bytes());
    }
    assert_eq!(futures_util::FutureExt::now_or_never(slow.next()).unwrap().unwrap_err(), Lagged);
    assert_eq!(fanout.buffered_bytes(), 0);
    assert_eq!((fanout.listeners(), fanout.lagged.get()), (1, 1));
}

#[test]
fn bytes_are_bounded_too() {
    let fanout = fanout(&[agent("a", &json!({}))], Room { events: 100, bytes: 600 });
    let slow = fanout.listen(&of("a")).unwrap();
    fanout.publish((1..=10).map(|seq| mail(seq, "a")).collect());
    assert!(futures_util::FutureExt::now_or_never(slow.next()).unwrap().is_err());
}

#[test]
fn whoever_only_waits_is_woken_by_the_first_event() {
    let fanout = fanout(&[agent("a", &json!({}))], ROOM);
    let waiter = fanout.wait(&of("a")).unwrap();
    assert!(futures_util::FutureExt::now_or_never(waiter.next()).is_none());
    fanout.publish(vec![mail(1, "a")]);
    assert_eq!(futures_util::FutureExt::now_or_never(waiter.next()).unwrap().unwrap_err(), Lagged);
}

#[test]
fn nothing_is_left_of_listeners_that_are_gone() {
    let fanout = fanout(&[agent("a", &json!({ "tags": ["x"] }))], ROOM);
    let listeners: Vec<_> = (0..10).map(|_| fanout.listen(&of("a")).unwrap()).collect();
    fanout.publish(vec![mail(1, "a")]);
    assert!(fanout.buffered_bytes() > 0);
    drop(listeners);
    assert_eq!(fanout.buffered_bytes(), 0);
    assert!(fanout.state().mailboxes.is_empty());
    assert!(fanout.state().index.listeners(&mail(2, "a")).is_empty());
}

#[test]
fn a_frame_is_one_event_with_its_number() {
    let text = Frame::new(mail(7, "a")).text();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.starts_with("id: 7\nevent: message.new\ndata: {\"seq\":7,"), "{text}");
    assert!(text.ends_with("}\n\n") && text.lines().count() == 4, "{text}");
}
