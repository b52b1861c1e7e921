use tokio::net::TcpListener;

use super::*;
use crate::scripted::{Answer, Scripted};

const LONG: Duration = Duration::from_secs(30);
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

fn hello(cursor: i64) -> String {
    format!(
        "id: {cursor}\nevent: hello\nretry: 2000\ndata: {{\"cursor\":{cursor},\"version\":\"{VERSION}\"}}\n\n"
    )
}

fn event(seq: i64) -> String {
    format!(
        "id: {seq}\nevent: agent.removed\ndata: {{\"seq\":{seq},\"name\":\"agent.removed\",\"at\":0,\"by\":\"a\",\"x\":\"ä✓\"}}\n\n"
    )
}

/// The stream of a relay whose log ends at `last`, as it answers to the request.
fn log(request: &str, last: i64) -> String {
    let since = cursor_of(request);
    let events: String = (since + 1..=last).map(event).collect();
    format!("{HEAD}: comment\n\n{}{events}", hello(since))
}

fn cursor_of(request: &str) -> i64 {
    let (_, rest) = request.split_once("since=").unwrap();
    rest.split([' ', '&']).next().unwrap().parse().unwrap()
}

fn frames(text: &str) -> Answer {
    Answer::Hold(format!("{HEAD}{text}").into_bytes())
}

fn open(server: &Scripted) -> Events {
    server.relay().events(Some("a".parse().unwrap()), Some(Seq(0))).hurried(LONG)
}

async fn item(events: &mut Events) -> Item {
    let next = tokio::time::timeout(LONG, events.next());
    next.await.expect("an item comes").unwrap().unwrap()
}

/// The numbers of the events up to `last`.
async fn numbers(events: &mut Events, last: i64) -> Vec<i64> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        if let Item::Event(event) = item(events).await {
            numbers.push(event.seq.0);
        }
    }
    numbers
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_loses_and_repeats_nothing() {
    let whole = log("since=0 ", 3).len();
    for cut in 0..whole {
        let server = Scripted::start(move |number, request| {
            let mut bytes = log(request, 3).into_bytes();
            if number == 0 {
                bytes.truncate(cut);
                return Answer::Close(bytes);
            }
            Answer::Hold(bytes)
        })
        .await;
        assert_eq!(numbers(&mut open(&server), 3).await, [1, 2, 3], "cut at byte {cut}");
    }
}

#[tokio::test]
async fn the_cursor_travels_in_the_query_and_the_token_in_a_header() {
    let server = Scripted::start(|number, request| match number {
        0 => Answer::Close(log(request, 2).into_bytes()),
        _ => Answer::Hold(log(request, 3).into_bytes()),
    })
    .await;
    let mut events = open(&server);
    assert_eq!(numbers(&mut events, 3).await, [1, 2, 3]);
    assert_eq!(events.cursor(), Some(Seq(3)));
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /api/events?for=a&since=0 "), "{}", requests[0]);
    assert!(requests[1].starts_with("GET /api/events?for=a&since=2 "), "{}", requests[1]);
    for request in requests {
        assert!(request.contains("authorization: Bearer t0ken"), "{request}");
        assert!(!request.to_lowercase().contains("last-event-id"), "{request}");
    }
}

#[tokio::test]
async fn what_was_handed_out_is_not_handed_out_again() {
    let text = format!("{}{}{}{}{}", hello(0), event(1), event(2), event(1), event(3));
    let server = Scripted::start(move |_, _| frames(&text)).await;
    assert_eq!(numbers(&mut open(&server), 3).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_loss_is_told_once_and_so_is_the_return() {
    let server = Scripted::start(|number, request| match number {
        0 => Answer::Close(log(request, 1).into_bytes()),
        1 | 2 => Answer::refusal(503, "shutting_down"),
        _ => Answer::Hold(log(request, 2).into_bytes()),
    })
    .await;
    let mut events = open(&server);
    assert!(matches!(item(&mut events).await, Item::Hello(_)));
    assert!(matches!(item(&mut events).await, Item::Event(_)));
    assert!(matches!(item(&mut events).await, Item::Disconnected { .. }));
    assert_eq!(item(&mut events).await, Item::Reconnected);
    assert!(matches!(item(&mut events).await, Item::Hello(_)));
    assert_eq!(numbers(&mut events, 2).await, [2]);
}

#[tokio::test]
async fn a_relay_that_is_not_there_yet_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let relay = Relay::new(&format!("http://{address}"), None).unwrap();
    let mut events = relay.events(None, Some(Seq(0))).hurried(LONG);
    let Item::Disconnected { reason } = item(&mut events).await else { panic!("connected") };
    assert!(reason.to_lowercase().contains("refused"), "{reason}");
    let listener = TcpListener::bind(address).await.unwrap();
    let _server = Scripted::on(listener, |_, request| Answer::Hold(log(request, 1).into_bytes()));
    assert_eq!(item(&mut events).await, Item::Reconnected);
    assert_eq!(numbers(&mut events, 1).await, [1]);
}

#[tokio::test]
async fn a_refused_stream_is_an_error_and_stays_closed() {
    for (status, code) in [
        (400, "invalid_cursor"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (410, "gone"),
    ] {
        let server = Scripted::start(move |_, _| Answer::refusal(status, code)).await;
        let mut events = open(&server);
        let error = events.next().await.unwrap_err();
        assert_eq!(error.refusal().unwrap().code, code);
        assert_eq!(events.next().await.unwrap(), None);
        assert_eq!(server.requests().len(), 1, "asked once");
    }
}

#[tokio::test]
async fn a_relay_may_end_a_stream_for_good() {
    let server = Scripted::start(|_, _| Answer::Close(b"HTTP/1.1 204 No\r\n\r\n".to_vec())).await;
    assert_eq!(open(&server).next().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_stream_is_no_relay() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\ndata: x\n\n";
    let server = Scripted::start(move |_, _| Answer::Close(page.into())).await;
    let error = open(&server).next().await.unwrap_err();
    assert!(matches!(&error, ClientError::Protocol { what, .. } if what.contains("text/html")));
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_token_elsewhere() {
    let other = Scripted::start(|_, request| Answer::Hold(log(request, 1).into_bytes())).await;
    for status in [301, 302, 307, 308] {
        let to = format!("location: {}/api/events?since=0\r\n", other.url);
        let server = Scripted::start(move |_, _| Answer::with(status, &to, "")).await;
        let error = open(&server).next().await.unwrap_err();
        assert!(matches!(error, ClientError::Protocol { .. }), "{status}: {error}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_silent_stream_is_opened_again() {
    let server = Scripted::start(|number, request| match number {
        0 => Answer::Hold(log(request, 1).into_bytes()),
        1 => Answer::Hold(Vec::new()),
        _ => Answer::Hold(log(request, 2).into_bytes()),
    })
    .await;
    let mut events = server.relay().events(None, Some(Seq(0))).hurried(Duration::from_millis(50));
    assert_eq!(numbers(&mut events, 2).await, [1, 2]);
}

#[tokio::test]
async fn a_frame_without_an_end_is_not_kept_in_memory() {
    let server = Scripted::start(|number, request| match number {
        0 => frames(&format!("data: {}", "x".repeat(5 * 1024 * 1024))),
        _ => Answer::Hold(log(request, 1).into_bytes()),
    })
    .await;
    let mut events = open(&server);
    let Item::Disconnected { reason } = item(&mut events).await else { panic!("connected") };
    assert!(reason.contains("no end"), "{reason}");
    assert_eq!(numbers(&mut events, 1).await, [1]);
}

#[tokio::test]
async fn gaps_are_told_and_passed() {
    let gap = "id: 7\nevent: gap\ndata: {\"from\":1,\"to\":7}\n\n";
    let strange =
        "id: 9\nevent: message.new\ndata: {\"seq\":9,\"name\":\"message.new\",\"at\":[]}\n\n";
    let text = format!("{}{gap}{}{strange}{}", hello(0), event(8), event(10));
    let server = Scripted::start(move |_, _| frames(&text)).await;
    let mut events = open(&server);
    item(&mut events).await;
    assert_eq!(item(&mut events).await, Item::Gap(Gap { from: Seq(1), to: Seq(7) }));
    assert_eq!(numbers(&mut events, 8).await, [8]);
    assert_eq!(item(&mut events).await, Item::Gap(Gap { from: Seq(9), to: Seq(9) }), "unreadable");
    assert_eq!(numbers(&mut events, 10).await, [10]);
}

#[tokio::test]
async fn a_relay_begun_anew_counts_from_its_own_start() {
    let text = format!("{}{}", hello(3), event(4));
    let server = Scripted::start(move |_, _| frames(&text)).await;
    let mut events = server.relay().events(None, Some(Seq(900))).hurried(LONG);
    assert_eq!(numbers(&mut events, 4).await, [4]);
}

#[tokio::test]
async fn a_shutdown_is_a_loss_with_a_return() {
    let bye = "id: 1\nevent: server.shutdown\ndata: {}\n\n";
    let first = format!("{}{}{bye}", hello(0), event(1));
    let server = Scripted::start(move |number, request| match number {
        0 => frames(&first),
        _ => Answer::Hold(log(request, 2).into_bytes()),
    })
    .await;
    let mut events = open(&server);
    assert_eq!(numbers(&mut events, 1).await, [1]);
    let Item::Disconnected { reason } = item(&mut events).await else { panic!("no loss") };
    assert_eq!(reason, "the relay is shutting down");
    assert_eq!(numbers(&mut events, 2).await, [2]);
}
