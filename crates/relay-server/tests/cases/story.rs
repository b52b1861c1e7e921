//! Cases that need more than one request.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    wire::Socket,
    world::{PATIENCE, World},
};

#[tokio::test]
async fn thirty_wrong_tokens_are_one_minutes_share_and_the_right_one_still_opens() {
    let world = World::with_limits(|_| {}).await;
    let mut wrong = 0;
    let refused = loop {
        let answer = world.ask_with("GET", "/api/stats", Some("wrong"), None).await;
        if answer.status != 401 {
            break answer;
        }
        wrong += 1;
        assert!(wrong < 60, "nobody minds wrong tokens");
    };
    // On a slow machine a share of the next minute is there before the first is used up.
    assert!((30..40).contains(&wrong), "{wrong} wrong tokens were heard");
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.text().contains("\"rate_limited\""), "{}", refused.text());
    let wait: u64 = refused.header("retry-after").expect("when to come back").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    for who in ["ADMIN", "A", "RO"] {
        assert_eq!(world.ask("GET", "/api/stats", Some(who), None).await.status, 200, "{who}");
    }
}

#[tokio::test]
async fn a_cursor_older_than_the_log_is_told_of_the_gap() {
    let world = World::with_a_token().await;
    world.relay.clock().advance(Duration::from_hours(24 * 31));
    world.relay.retain().await;
    let (host, token) = (world.values.get("HOST"), world.values.get("A_TOKEN"));
    let request = format!(
        "GET /api/events?for={} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Last-Event-ID: 1\r\n\r\n",
        world.values.get("A")
    );
    let opened = Socket::send(world.relay.address(), request.into_bytes(), false, None).await;
    let mut stream = opened.expect("a connection");
    let frames = async { (stream.answer(false).await, stream.frame().await) };
    let (hello, gap) = tokio::time::timeout(PATIENCE, frames).await.expect("two frames");
    assert_eq!(hello.status, 200, "{}", hello.text());
    assert!(hello.text().contains("event: hello"), "{}", hello.text());
    assert!(gap.contains("event: gap"), "{gap}");
    assert!(gap.contains("\"from\":2"), "{gap}");
}

#[tokio::test]
async fn joining_a_thread_shows_nothing_of_what_others_said_in_it() {
    let world = World::with_a_token().await;
    let thread = format!("/api/messages/{}/thread", world.values.get("MSG_AB"));
    let reply = json!({
        "to": world.values.get("B"), "body": "me, too",
        "replyTo": world.values.get("MSG_AB").parse::<i64>().unwrap(),
    });
    let sent = world.ask("POST", "/api/messages", Some("C"), Some(reply)).await;
    assert!(!sent.text().contains("\"once\""), "{}", sent.text());
    for path in [thread.as_str(), "/api/messages", "/api/messages?since=0"] {
        let answer = world.ask("GET", path, Some("C"), None).await;
        assert!(!answer.text().contains("\"once\""), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_agents_stream_shows_only_what_concerns_it() {
    let world = World::with_a_token().await;
    let mut stream = open_stream(&world, "/api/events?since=0", "C").await;
    let last = json!({ "to": world.values.get("C"), "body": "for you" });
    world.ask("POST", "/api/messages", Some("A"), Some(last)).await;
    let until_the_last = async {
        let mut all = String::new();
        while !all.contains("\"for you\"") {
            all += &stream.frame().await;
        }
        all
    };
    let all = tokio::time::timeout(PATIENCE, until_the_last).await.expect("what is for it arrives");
    assert!(all.contains("who has time?"), "work for its capability is there: {all}");
    assert!(!all.contains("\"once\""), "another's mail is there: {all}");
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let world = World::with_a_token().await;
    let about = json!({ "name": "a reader", "scopes": ["events:read"] });
    let made = world.ask("POST", "/api/tokens", Some("ADMIN"), Some(about)).await;
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    let token = made["token"].as_str().expect("a token");
    let mut readers = [
        open_stream_with(&world, "/api/events", token).await,
        open_stream(&world, "/api/events", "C").await,
    ];
    let id = world.values.get("C");
    for path in [format!("/api/tokens/{}", made["id"]), format!("/api/agents/{id}")] {
        assert_eq!(world.ask("DELETE", &path, Some("ADMIN"), None).await.status, 204, "{path}");
    }
    let closed = futures_util::future::join_all(readers.iter_mut().map(Socket::closed));
    tokio::time::timeout(PATIENCE, closed).await.expect("both streams end at once");
    assert_eq!(world.ask_with("GET", "/api/events", Some(token), None).await.status, 401);
}

async fn open_stream(world: &World, path: &str, who: &str) -> Socket {
    open_stream_with(world, path, &world.values.token(who).expect("a token")).await
}

/// A stream that has said hello.
async fn open_stream_with(world: &World, path: &str, token: &str) -> Socket {
    let host = world.values.get("HOST");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    let opened = Socket::send(world.relay.address(), request.into_bytes(), false, None).await;
    let mut stream = opened.expect("a connection");
    let hello = tokio::time::timeout(PATIENCE, stream.answer(false)).await.expect("an answer");
    assert!(hello.text().contains("event: hello"), "{} {}", hello.status, hello.text());
    stream
}
