//! The example of a receiver, given what it should take and what it should not.

#[expect(dead_code, reason = "its main is for the command line")]
#[path = "../callback_receiver.rs"]
mod callback_receiver;

use std::time::{SystemTime, UNIX_EPOCH};

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
