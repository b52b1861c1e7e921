use std::io;

use relay_core::id::{CallbackId, TaskId};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_500);

fn headers(retry_after: &str) -> HeaderMap {
    HeaderMap::from_iter([(RETRY_AFTER, retry_after.parse().unwrap())])
}

#[test]
fn a_receiver_says_in_two_ways_when_to_come_back() {
    let wait = |text: &str| retry_after(&headers(text), NOW).map(|span| span.as_millis());
    assert_eq!(wait("120"), Some(120_000));
    assert_eq!(wait(" 0 "), Some(0));
    // 1_800_000_000 s after the epoch is 08:00:00.
    assert_eq!(wait("Fri, 15 Jan 2027 08:02:00 GMT"), Some(119_500));
    assert_eq!(wait("Friday, 15-Jan-27 08:02:00 GMT"), Some(119_500), "the older forms, too");
    assert_eq!(wait("Fri, 15 Jan 2027 07:00:00 GMT"), Some(0), "gone by");
    assert_eq!(wait("-1"), None);
    assert_eq!(wait("99999999999999999999999"), None);
    assert_eq!(wait("soon"), None);
    assert_eq!(retry_after(&HeaderMap::new(), NOW), None);
}

#[test]
fn only_2xx_is_a_success() {
    let ended = |status: u16| answered(StatusCode::from_u16(status).unwrap(), &headers("7"), NOW);
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(ended(status), Ended::Delivered, "{status}");
    }
    for status in [300, 301, 302, 304, 307, 308, 400, 404, 410, 429, 500, 503, 599] {
        let failure = ended(status).failure().unwrap();
        assert_eq!(failure.status, Some(status));
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)), "{status}");
        let redirect = (300..400).contains(&status);
        assert_eq!(failure.why.contains("redirects are not followed"), redirect, "{}", failure.why);
    }
}

fn sender(url: &str, resolver: Resolver) -> Sender {
    let receiver = Receiver { url: url.parse().unwrap(), secret: "0123456789abcdef".into() };
    Sender::new(&receiver, Duration::from_secs(10), resolver).unwrap()
}

fn due() -> Due {
    Due { id: CallbackId(7), task_id: TaskId(3), attempts: 0, body: "{}".to_owned() }
}

/// Accepts one connection, answers it, and closes it.
async fn answer_once(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"{}") {
        stream.read_buf(&mut request).await.unwrap();
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

/// The second look-up of a name may give another address than the first.
#[tokio::test]
async fn a_name_that_turns_to_the_metadata_address_is_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let turned = std::sync::atomic::AtomicBool::new(false);
    let resolver = Resolver::new(move |_| {
        let bad = turned.swap(true, std::sync::atomic::Ordering::SeqCst);
        Ok(vec![if bad { "169.254.169.254" } else { "127.0.0.1" }.parse().unwrap()])
    });
    let sender = sender(&format!("http://rebind.example:{port}/hook?key=hush"), resolver);
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let due = due();
    let (first, request) = tokio::join!(sender.attempt(&due, NOW), answer_once(&listener, answer));
    assert_eq!(first, Ended::Delivered);
    assert!(request.starts_with("POST /hook?key=hush HTTP/1.1\r\n"), "{request}");
    let Ended::Forbidden(second) = sender.attempt(&due, NOW).await else { panic!("not refused") };
    assert!(second.why.contains("169.254.169.254"), "{}", second.why);
}

#[tokio::test]
async fn an_address_in_the_url_is_checked_though_no_resolver_sees_it() {
    let resolver = Resolver::new(|_| panic!("an address is not looked up"));
    for url in ["http://169.254.169.254/", "https://[::ffff:a9fe:a9fe]/", "http://0xa9fea9fe/"] {
        let ended = sender(url, resolver.clone()).attempt(&due(), NOW).await;
        assert_eq!(ended.word(), "forbidden", "{url}");
    }
}

#[tokio::test]
async fn why_it_failed_is_told_without_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let nowhere = Resolver::new(|_| Err(io::Error::other("no such name")));
    for (url, why) in [
        (format!("http://127.0.0.1:{port}/hook?key=hush"), "cannot connect: "),
        ("http://nobody.example/hook?key=hush".to_owned(), "cannot connect: no such name"),
    ] {
        let ended = sender(&url, nowhere.clone()).attempt(&due(), NOW).await;
        let Ended::Unreachable(failure) = ended else { panic!("{ended:?}") };
        assert!(failure.why.starts_with(why), "{}", failure.why);
        assert!(!failure.why.contains("hush") && !failure.why.contains("/hook"), "{}", failure.why);
    }
}

#[tokio::test]
async fn a_receiver_that_breaks_off_or_talks_nonsense_is_told_apart_from_one_that_refuses() {
    for answer in ["", "HTTP/1.1 2", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 9999 No\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (sender, due) = (sender(&url, Resolver::system()), due());
        let (ended, _) = tokio::join!(sender.attempt(&due, NOW), answer_once(&listener, answer));
        assert_eq!(ended.word(), "unreachable", "{answer:?}");
    }
}
