//! The place for MCP: what is let through to whoever is mounted there, and how its answers end.

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::Client;
use http::{Method, Response};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use relay_server::{
    http::mcp::{Answering, Asker, Mcp},
    testing::TestRelay,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

const TOKEN: &str = "s3cret-s3cret";

/// Tells what it was asked; a GET gets a stream without an end.
struct Echo;

impl Mcp for Echo {
    fn answer(&self, request: http::Request<Bytes>) -> Answering<'_> {
        Box::pin(async move {
            if request.method() == Method::GET {
                let frames = futures_util::stream::pending();
                return Response::new(Either::Right(StreamBody::new(frames).boxed_unsync()));
            }
            let asker = request.extensions().get::<Asker>().expect("who asks").clone();
            let names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
            let told = json!({
                "body": String::from_utf8_lossy(request.body()),
                "caller": format!("{:?}", asker.caller),
                "token": asker.token.as_ref().map(SecretString::expose_secret),
                "headers": names,
                "shown": format!("{request:?}"),
            });
            Response::new(Either::Left(Full::new(told.to_string().into())))
        })
    }
}

async fn mounted(builder: relay_server::testing::Builder) -> TestRelay {
    let relay = builder.start().await;
    relay.app().mount_mcp(Arc::new(Echo));
    relay
}

#[tokio::test]
async fn where_nothing_is_mounted_there_is_nothing() {
    let relay = TestRelay::start().await;
    let answer = Client::new(&relay).post("/mcp", json!({})).await;
    assert_eq!(answer.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn who_asks_is_told_and_the_proof_is_not_handed_on() {
    let relay = mounted(TestRelay::builder().token(TOKEN)).await;
    let stranger = Client::new(&relay);
    assert_eq!(stranger.post("/mcp", json!({})).await.refusal(), (401, "unauthorized".into()));
    let agent = stranger.token(TOKEN).register("alpha", json!({})).await;
    let told = agent.http.post("/mcp", json!({"hello": 1})).await.expect(200);
    assert_eq!(told["body"], json!({"hello": 1}).to_string());
    assert!(told["caller"].as_str().unwrap().contains("alpha"), "{told}");
    assert_eq!(told["token"], agent.token);
    let headers = told["headers"].as_array().unwrap();
    assert!(!headers.contains(&json!("authorization")), "{told}");
    assert!(!told["shown"].as_str().unwrap().contains(&agent.token), "no log may hold it");
}

#[tokio::test]
async fn what_is_no_mcp_is_refused_before_it_gets_there() {
    let relay = mounted(TestRelay::builder()).await;
    let client = Client::new(&relay);
    let media = client.with("content-type", "text/plain");
    let answer = media.send(Method::POST, "/mcp", Some("{}".into())).await;
    assert_eq!(answer.refusal(), (415, "unsupported_media_type".into()));
    let answer = client.send(Method::PUT, "/mcp", None).await;
    assert_eq!(answer.refusal(), (405, "method_not_allowed".into()));
    assert_eq!(client.post("/mcp?x=1", json!({})).await.refusal().0, 400);
    assert_eq!(client.post("/mcp/", json!({})).await.refusal().0, 404);
    for (name, value) in [("origin", "http://evil.example"), ("sec-fetch-site", "same-site")] {
        let answer = client.with(name, value).post("/mcp", json!({})).await;
        assert_eq!(answer.refusal(), (403, "forbidden_origin".into()), "{name}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_ends_with_the_relay() {
    let mut relay = mounted(TestRelay::builder()).await;
    let mut stream = Client::new(&relay).stream("/mcp").await;
    let (rest, ()) = tokio::join!(stream.block(), relay.stop());
    assert_eq!(rest, None);
}
