use relay_core::{
    api::{
        query,
        request::{RegisterAgent, SendMessage},
    },
    error::Code,
};

use serde_json::Value;

use super::*;
use crate::scripted::{Answer, Scripted};

fn link(text: &'static str) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert(LINK, HeaderValue::from_static(text));
    next_link(&headers)
}

#[test]
fn a_page_is_fetched_from_the_same_relay_only() {
    let path = Some("/api/messages?since=9".to_owned());
    assert_eq!(link(r#"</api/messages?since=9>; rel="next""#), path);
    assert_eq!(link(r#"<https://evil.example/api/messages?since=9>; rel="next""#), path);
    assert_eq!(link(r#"</api/x>; rel="prev", </api/messages?since=9>; rel="next""#), path);
    assert_eq!(link(r#"</api/m?a=1,2>; rel="next""#), Some("/api/m?a=1,2".to_owned()));
    assert_eq!(link(r#"</api/x>; rel="prev""#), None);
    assert_eq!(link("nonsense"), None);
}

#[test]
fn a_token_is_not_printed_and_must_fit_a_header() {
    let relay = Relay::new("http://localhost:1/", Some("s3cret")).unwrap();
    assert_eq!(relay.url(), "http://localhost:1");
    assert!(!format!("{relay:?}").contains("s3cret"));
    assert!(matches!(relay.with_token("a\nb"), Err(ConfigError::Token)));
}

const MESSAGE: &str = r#"{"id":7,"from":"a","to":"b","body":"hi","kind":"chat","urgency":"normal",
    "threadId":7,"claimable":false,"verified":false,"createdAt":0,"recipients":1}"#;

fn send() -> SendMessage {
    SendMessage::new("a".parse().unwrap(), "b".parse().unwrap(), "hi".parse().unwrap())
}

fn body_of(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_send_whose_answer_is_lost_is_repeated_under_the_same_key() {
    let server = Scripted::start(|number, _| match number {
        0 => Answer::Close(Vec::new()),
        1 => Answer::Close(b"HTTP/1.1 201 Created\r\ncontent-le".to_vec()),
        _ => Answer::json(200, MESSAGE),
    })
    .await;
    let sent = server.relay().send_message(send()).await.unwrap();
    assert_eq!((sent.message.id.0, sent.recipients), (7, 1));
    let keys: Vec<_> =
        server.requests().iter().map(|r| body_of(r)["idempotencyKey"].clone()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0].is_string() && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn a_registration_whose_answer_is_lost_is_not_repeated() {
    let server = Scripted::start(|_, _| Answer::Close(Vec::new())).await;
    let register = RegisterAgent::new("a".parse().unwrap());
    let error = server.relay().register_agent(&register).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { sent: true, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_relay_that_is_busy_is_asked_again_and_not_for_ever() {
    let server = Scripted::start(|number, _| match number {
        0 | 1 => Answer::refusal(503, "overloaded"),
        _ => Answer::json(200, MESSAGE),
    })
    .await;
    assert!(server.relay().send_message(send()).await.is_ok());
    let server = Scripted::start(|_, _| Answer::refusal(503, "storage_failed")).await;
    let error = server.relay().with_retries(1).send_message(send()).await.unwrap_err();
    assert!(error.is(Code::StorageFailed));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refusal_keeps_all_that_the_relay_said() {
    let body = r#"{"error":{"code":"already_claimed","message":"already claimed by `b`",
        "hint":"wait","details":{"claimedBy":"b"}}}"#;
    let server = Scripted::start(|_, _| Answer::with(409, "retry-after: 3\r\n", body)).await;
    let error = server.relay().cursor().await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert!(error.is(Code::AlreadyClaimed) && error.exit_code() == 1);
    assert_eq!((refusal.status, refusal.hint.as_deref()), (409, Some("wait")));
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(3)));
    assert_eq!(refusal.details.as_ref().unwrap()["claimedBy"], "b");
    assert_eq!(server.requests().len(), 1, "a refusal is not asked again");
}

#[tokio::test]
async fn who_is_no_relay_is_told_so() {
    for (status, body) in [(404, "<html>"), (200, "<html>"), (302, ""), (200, "{}")] {
        let server = Scripted::start(move |_, _| Answer::json(status, body)).await;
        let error = server.relay().cursor().await.unwrap_err();
        assert!(matches!(error, ClientError::Protocol { .. }), "{status}: {error}");
    }
}

#[tokio::test]
async fn an_older_relay_is_spared_one_field_it_does_not_know() {
    let unknown = |field: &str| {
        let body = format!(
            r#"{{"error":{{"code":"unknown_field","message":"no","details":{{"field":"{field}"}}}}}}"#
        );
        Answer::json(400, &body)
    };
    let server = Scripted::start(move |number, _| match number {
        0 => unknown("urgency"),
        _ => Answer::json(201, MESSAGE),
    })
    .await;
    let request = SendMessage { urgency: Some(relay_core::message::Urgency::Later), ..send() };
    server.relay().send_message(request).await.unwrap();
    let requests = server.requests();
    assert_eq!(body_of(&requests[0])["urgency"], "later");
    assert!(body_of(&requests[1]).get("urgency").is_none());
    assert_eq!(body_of(&requests[1])["body"], "hi");
    let server = Scripted::start(move |_, _| unknown("claimable")).await;
    let request = SendMessage { claimable: Some(true), ..send() };
    let error = server.relay().send_message(request).await.unwrap_err();
    assert!(error.is(Code::UnknownField), "work must not become talk");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let cursor = |items: &str, next: &str| {
        let link = format!("link: <{next}>; rel=\"next\"\r\n");
        Answer::with(200, if next.is_empty() { "" } else { &link }, items)
    };
    let message = MESSAGE.to_owned();
    let server = Scripted::start(move |_, request| {
        if request.contains("since=7") {
            cursor(&format!("[{}]", message.replace('7', "8")), "")
        } else {
            cursor(&format!("[{message}]"), "/api/messages?since=7&limit=1")
        }
    })
    .await;
    let all = server.relay().all_messages(&query::Messages::default()).await.unwrap();
    assert_eq!(all.iter().map(|m| m.id.0).collect::<Vec<_>>(), [7, 8]);
    assert!(server.requests()[1].contains("authorization: Bearer t0ken"));
}

#[tokio::test]
async fn nobody_there_is_one_clear_line() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let error = Relay::new(&url, None).unwrap().with_retries(0).cursor().await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    assert!(text.starts_with(&format!("no relay answers at {url}: ")), "{text}");
    assert!(text.to_lowercase().contains("refused") && !text.contains('\n'), "{text}");
}
