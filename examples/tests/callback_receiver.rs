//! The example of a receiver, given what it should take and what it should not.

#[expect(dead_code, reason = "its main is for the command line")]
#[path = "../callback_receiver.rs"]
mod callback_receiver;

use std::{
    io::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use callback_receiver::{Receiver, serve};
use hyper::StatusCode;
use standardwebhooks::Webhook;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"event": "done", "sequence": 2, "at": 1795356787165, "task": {"id": 9, "source": "ops",
    "type": "alert", "severity": "error", "title": "Disk full", "body": "/var", "target": "cap:ops",
    "status": "done", "occurrenceCount": 1, "result": "swept", "createdAt": 1795356787165,
    "lastSeenAt": 1795356787165, "updatedAt": 1795356787165}, "taskEvent": {"id": 12, "taskId": 9,
    "type": "done", "by": "ann", "at": 1795356787165}}"#;

#[expect(clippy::disallowed_methods, reason = "a signature is of the present moment")]
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

/// Posts a callback over a connection of its own.
async fn post(port: u16, id: &str, at: i64, signature: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\nconnection: close\r\n\
         webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line")
}

#[tokio::test]
async fn a_signed_callback_is_taken_once_or_again_and_a_forged_one_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { serve(listener, Receiver::new(SECRET).unwrap()).await.unwrap() });
    let (signer, at) = (Webhook::new(SECRET).unwrap(), now());
    let sign = |id: &str, at: i64| signer.sign(id, at, BODY.as_bytes()).unwrap();
    let good = sign("evt_12", at);
    assert_eq!(post(port, "evt_12", at, &good, BODY).await, 200);
    assert_eq!(post(port, "evt_12", at, &good, BODY).await, 200, "a repeat is no mistake");
    let rotated = format!("v1,AAAA {good}");
    assert_eq!(post(port, "evt_12", at, &rotated, BODY).await, 200, "one of two fits");

    assert_eq!(post(port, "evt_13", at, &good, BODY).await, 401, "the id is signed");
    assert_eq!(post(port, "evt_12", at, &good, &BODY.replace("swept", "wiped")).await, 401);
    assert_eq!(post(port, "evt_12", at, "", BODY).await, 401);
    let old = at - 3_600;
    assert_eq!(post(port, "evt_12", old, &sign("evt_12", old), BODY).await, 401, "a replay");
    let other = Webhook::from_bytes(b"another secret".to_vec()).unwrap();
    let forged = other.sign("evt_12", at, BODY.as_bytes()).unwrap();
    assert_eq!(post(port, "evt_12", at, &forged, BODY).await, 401);
}

#[tokio::test]
async fn a_secret_without_prefix_is_the_key_itself() {
    let receiver = Receiver::new("ops-token-0123456789").unwrap();
    let (signer, at) = (Webhook::from_bytes(b"ops-token-0123456789".to_vec()).unwrap(), now());
    let mut headers = hyper::HeaderMap::new();
    headers.insert("webhook-id", "evt_1".parse().unwrap());
    headers.insert("webhook-timestamp", at.into());
    let signature = signer.sign("evt_1", at, b"{}").unwrap();
    headers.insert("webhook-signature", signature.parse().unwrap());
    assert_eq!(receiver.receive(&headers, b"{}").await, StatusCode::OK);
    headers.insert("webhook-signature", "v1,AAAA".parse().unwrap());
    assert_eq!(receiver.receive(&headers, b"{}").await, StatusCode::UNAUTHORIZED);
}

/// The page that shows a callback, and how to sign one by hand.
fn page() -> &'static str {
    let page = include_str!("../../docs/integrations.md");
    page.split_once("\n## Callbacks\n").expect("the page tells of callbacks").1
}

fn block(language: &str) -> &'static str {
    let begin = format!("```{language}\n");
    page().split_once(&begin).and_then(|(_, rest)| rest.split_once("```")).expect("a block").0
}

#[test]
fn a_callback_is_shown_as_it_is_sent() {
    let shown: serde_json::Value = serde_json::from_str(block("json")).unwrap();
    let callback: relay_client::core::callback::Callback =
        serde_json::from_value(shown.clone()).unwrap();
    assert_eq!(serde_json::to_value(&callback).unwrap(), shown);
}

#[tokio::test]
async fn what_the_page_says_to_type_is_a_good_signature() {
    for program in ["openssl", "curl"] {
        if std::process::Command::new(program).arg("--help").output().is_err() {
            return skip(&format!("signing by hand: there is no {program}"));
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let typed = block("sh").replace("localhost:4870", &listener.local_addr().unwrap().to_string());
    tokio::spawn(async move { serve(listener, Receiver::new(SECRET).unwrap()).await.unwrap() });
    let mut shell = std::process::Command::new("sh");
    shell.args(["-ec", &typed]).env("CALLBACK_SECRET", SECRET).env("no_proxy", "*");
    let done = tokio::task::spawn_blocking(move || shell.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said} {done:?}");
}

/// Says aloud what cannot be tried here; in the long run that is a failure.
#[expect(clippy::disallowed_methods, reason = "the switch between the short and the long run")]
fn skip(why: &str) {
    assert!(std::env::var("RELAY_TEST_FULL").as_deref() != Ok("1"), "{why}");
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
