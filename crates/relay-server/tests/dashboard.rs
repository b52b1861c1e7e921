//! The page and its files over the wire: what they are, how long they are kept, and what else is there.

mod common;

use std::{fs, io::Read as _};

use common::{Answer, Client};
use flate2::read::GzDecoder;
use http::Method;
use http_body_util::BodyExt as _;
use relay_server::testing::TestRelay;
use tempfile::TempDir;

const SCRIPT: &str = "/assets/index-B4x1.js";

/// A relay with a page of a few files.
async fn with_page() -> (TestRelay, Client, TempDir) {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("assets")).unwrap();
    let files = [
        ("index.html", "<!doctype html><title>page</title>"),
        ("favicon.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
        (&SCRIPT[1..], &"console.log('a');".repeat(100)),
        (".secret", "hidden"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().to_owned();
    let relay =
        TestRelay::builder().config(|config| config.dashboard_dir = Some(path)).start().await;
    let client = Client::new(&relay);
    (relay, client, folder)
}

#[tokio::test]
async fn the_page_is_asked_for_again_and_its_hashed_files_are_kept() {
    let (_relay, client, _folder) = with_page().await;
    let page = client.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.text, "<!doctype html><title>page</title>");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert_eq!(client.get("/index.html").await.text, page.text);

    let script = client.get(SCRIPT).await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    let icon = client.get("/favicon.svg").await;
    assert_eq!((icon.header("content-type"), icon.status), ("image/svg+xml", 200));
    assert_eq!(icon.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn nothing_inline_nothing_foreign_and_no_frame() {
    let (_relay, client, _folder) = with_page().await;
    for path in ["/", SCRIPT] {
        let answer = client.get(path).await;
        let policy = answer.header("content-security-policy");
        for rule in [
            "default-src 'self';",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "object-src 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(rule), "{rule} is not in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn whoever_has_the_content_gets_a_304_until_it_changes() {
    let (_relay, client, folder) = with_page().await;
    let first = client.get("/").await;
    let tag = first.header("etag").to_owned();
    let known = client.with("if-none-match", &tag);
    let again = known.get("/").await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    for name in ["etag", "cache-control", "vary", "content-security-policy"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let packed = known.with("accept-encoding", "gzip").open(Method::GET, "/", None).await;
    assert_eq!(packed.status(), 200, "another encoding is another content");

    fs::write(folder.path().join("index.html"), "<!doctype html><title>new</title>").unwrap();
    let changed = known.get("/").await;
    assert_eq!((changed.status, changed.text.contains("new")), (200, true));
}

#[tokio::test]
async fn gzip_is_smaller_and_the_same() {
    let (_relay, client, _folder) = with_page().await;
    let plain = client.get(SCRIPT).await;
    let response = client.with("accept-encoding", "gzip, br").open(Method::GET, SCRIPT, None).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["vary"], "accept-encoding");
    assert_ne!(response.headers()["etag"], plain.header("etag"));
    let packed = response.into_body().collect().await.unwrap().to_bytes();
    assert!(packed.len() < plain.text.len() / 5, "{} bytes", packed.len());
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let (_relay, client, _folder) = with_page().await;
    for path in ["/", SCRIPT] {
        let whole = client.get(path).await;
        let head = client.send(Method::HEAD, path, None).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        for name in ["content-length", "content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), whole.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn what_is_no_file_of_the_page_is_not_found() {
    let (_relay, client, _folder) = with_page().await;
    for path in [
        "/agents",
        "/assets",
        "/assets/",
        "/assets/none.js",
        "/.secret",
        "/../Cargo.toml",
        "/assets/../index.html",
        "/%2e%2e/Cargo.toml",
        "//index.html",
        "/api/index.html",
    ] {
        assert_eq!(client.get(path).await.refusal(), (404, "not_found".into()), "{path}");
    }
    let posted: Answer = client.post_nothing(SCRIPT).await;
    assert_eq!(posted.refusal(), (405, "method_not_allowed".into()));
    assert_eq!(posted.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn without_a_page_it_says_how_to_build_one_and_the_api_serves_on() {
    let empty = TempDir::new().unwrap();
    let path = empty.path().to_owned();
    let relay =
        TestRelay::builder().config(|config| config.dashboard_dir = Some(path)).start().await;
    let client = Client::new(&relay);
    let page = client.get("/").await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-cache"));
    assert!(page.text.contains("cargo xtask serve") && page.text.contains("cargo xtask dashboard"));
    assert!(!page.text.contains("<script") && !page.text.contains("style="));
    assert!(page.header("content-security-policy").contains("style-src 'sha256-"));
    assert_eq!(client.get(SCRIPT).await.status, 404);

    let health = client.get("/api/health").await.expect(200);
    let checks = health["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "dashboard").expect("a check");
    assert_eq!((&check["ok"], &health["ok"]), (&true.into(), &true.into()));
    assert!(check["detail"].as_str().unwrap().contains("cargo xtask dashboard"), "{check}");
}

/// The files are no secret, so a relay with a token shows them: it is the page that asks for it.
#[tokio::test]
async fn the_page_is_open_where_the_api_takes_a_token() {
    let relay = TestRelay::builder().token("relay-token").start().await;
    let client = Client::new(&relay);
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(client.get("/api/stats").await.refusal(), (401, "unauthorized".into()));
}
