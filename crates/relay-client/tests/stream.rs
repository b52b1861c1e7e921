//! The stream of events, against a real relay.

use std::time::Duration;

use relay_client::{
    ClientError, Events, Item, Relay,
    core::{
        api::request::SendMessage,
        error::Code,
        event::Name,
        id::{AgentId, Seq},
    },
};
use relay_server::testing::TestRelay;

const PATIENCE: Duration = Duration::from_secs(20);

fn client(relay: &TestRelay) -> Relay {
    Relay::new(&relay.url(), None).unwrap()
}

async fn send(relay: &Relay, body: &str) -> i64 {
    let request =
        SendMessage::new(AgentId::human(), "broadcast".parse().unwrap(), body.parse().unwrap());
    relay.send_message(request).await.unwrap().message.id.0
}

async fn item(events: &mut Events) -> Item {
    let next = tokio::time::timeout(PATIENCE, events.next());
    next.await.expect("an item comes").unwrap().expect("the stream goes on")
}

/// The messages' ids up to `last`.
async fn ids(events: &mut Events, last: i64) -> Vec<i64> {
    let mut ids = Vec::new();
    while ids.last() != Some(&last) {
        match item(events).await {
            Item::Event(event) if event.name == Name::MessageNew => ids.push(event.seq.0),
            _ => {}
        }
    }
    ids
}

#[tokio::test]
async fn a_stream_goes_on_over_restarts_without_loss_or_repetition() {
    let mut server = TestRelay::start().await;
    let relay = client(&server);
    let mut events = relay.events(None, Some(Seq(0)));
    let mut sent = Vec::new();
    let mut seen = Vec::new();
    for round in 0..3 {
        for part in 0..20 {
            sent.push(send(&relay, &format!("{round}.{part}")).await);
        }
        // Half is read before the relay goes, half after it came back.
        seen.extend(ids(&mut events, sent[sent.len() - 10]).await);
        server.restart().await;
        sent.push(send(&relay, "back").await);
        seen.extend(ids(&mut events, sent[sent.len() - 1]).await);
    }
    assert_eq!(seen, sent);
}

#[tokio::test]
async fn a_stream_from_the_present_begins_with_what_comes() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    send(&relay, "before").await;
    let mut events = relay.events(None, None);
    let Item::Hello(hello) = item(&mut events).await else { panic!("no hello") };
    assert_eq!(Some(hello.cursor), events.cursor());
    let after = send(&relay, "after").await;
    assert_eq!(ids(&mut events, after).await, [after]);
}

#[tokio::test]
async fn pruned_events_are_announced() {
    let server = TestRelay::start().await;
    let relay = client(&server);
    for part in 0..5 {
        send(&relay, &format!("{part}")).await;
    }
    server.clock().advance(Duration::from_hours(24 * 40));
    server.retain().await;
    let last = send(&relay, "new").await;
    let mut events = relay.events(None, Some(Seq(1)));
    assert!(matches!(item(&mut events).await, Item::Hello(_)));
    let Item::Gap(gap) = item(&mut events).await else { panic!("no gap") };
    assert!(gap.from == Seq(2) && gap.to < Seq(last), "{gap:?}");
    assert_eq!(ids(&mut events, last).await, [last]);
}

#[tokio::test]
async fn a_stream_for_nobody_is_refused() {
    let server = TestRelay::start().await;
    let mut events = client(&server).events(Some("nobody".parse().unwrap()), None);
    let error = events.next().await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused(no) if no.status == 404), "{error}");
    assert!(error.is(Code::NotFound) || error.is(Code::TargetNotFound), "{error}");
    assert_eq!(events.next().await.unwrap(), None);
}
