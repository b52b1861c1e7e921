//! MCP at `/mcp`, on the relay's own port: who is let in, who speaks, and how sessions end.

mod support;

use std::{
    net::{IpAddr, TcpListener, UdpSocket},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Home, PATIENCE, Relay,
    http::Connection,
    load,
    mcp::{Exchange, Web, said},
};

const TOKEN: &str = "s3cret-s3cret";

fn guarded(home: &Home) -> Relay {
    let mut serve = home.command(&["serve", "--port", "0"]);
    Relay::spawn(serve.env("AGENT_RELAY_TOKEN", TOKEN))
}

fn shown(relay: &Relay, path: &str) -> Value {
    Connection::open(relay.port()).unwrap().get(path).unwrap().body
}

/// Waits until something is so.
#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
fn wait_until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < PATIENCE, "it does not come to that");
    }
}

fn is(relay: &Relay, agent: &str, status: &str) -> bool {
    shown(relay, &format!("/api/agents/{agent}"))["status"] == status
}

#[test]
fn foreign_pages_and_names_are_kept_out_in_the_relays_own_words() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for (headers, code) in [
        (&[("host", "evil.example")][..], "forbidden_host"),
        (&[("host", "evil.example:4850")], "forbidden_host"),
        (&[("origin", "http://evil.example")], "forbidden_origin"),
        (&[("origin", "null")], "forbidden_origin"),
        (&[("sec-fetch-site", "cross-site")], "forbidden_origin"),
    ] {
        for method in ["POST", "GET", "DELETE", "OPTIONS"] {
            let answer = Exchange::make(relay.port(), method, headers, &request);
            assert_eq!((answer.status, answer.code().as_str()), (403, code), "{method} {answer:?}");
        }
    }
    let own = format!("http://localhost:{}", relay.port());
    let host = format!("localhost:{}", relay.port());
    let headers = [("host", host.as_str()), ("origin", own.as_str())];
    let answer = Exchange::make(relay.port(), "POST", &headers, &request);
    assert_ne!(answer.status, 403, "a page of the relay's own: {answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn a_request_that_is_none_of_ours_is_refused_by_name() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let make =
        |method, headers: &[_], body: &str| Exchange::make(relay.port(), method, headers, body);
    let huge = "x".repeat((1 << 20) + 1);
    let refused = |answer: Exchange| (answer.status, answer.code());
    let (large, media) = ("body_too_large".to_owned(), "unsupported_media_type".to_owned());
    assert_eq!(refused(make("POST", &[], &huge)), (413, large));
    assert_eq!(refused(make("POST", &[("content-type", "text/plain")], "{}")), (415, media));
    let put = make("PUT", &[], "{}");
    assert_eq!((put.status, put.header("allow")), (405, Some("POST, GET, DELETE, HEAD")));
    assert!((400..500).contains(&make("POST", &[], "not json").status));
    assert!((400..500).contains(&make("GET", &[], "").status), "a stream needs a session");
    let lost = [("mcp-session-id", "no-such-session")];
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    assert_eq!(make("POST", &lost, &ping).status, 404, "the client begins anew");
}

#[test]
fn a_token_is_asked_for_and_decides_who_speaks() {
    let home = Home::new();
    let relay = guarded(&home);
    let port = relay.port();
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for headers in [&[][..], &[("authorization", "Bearer wrong")]] {
        let answer = Exchange::make(port, "POST", headers, &ping);
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let shown = |path: &str| Connection::with_token(port, TOKEN).unwrap().get(path).unwrap().body;
    let mut connection = Connection::with_token(port, TOKEN).unwrap();
    let alpha = connection.post("/api/agents", &json!({"id": "alpha"})).unwrap().body;
    let own = Web::connect(port, alpha["token"].as_str(), "custom");
    assert_eq!(own.me(), "alpha");
    own.call("send", &json!({"to": "human", "text": "hi"})).done();
    let sent = shown("/api/messages?for=human");
    assert_eq!((&sent[0]["from"], &sent[0]["verified"]), (&json!("alpha"), &json!(true)));

    let guest = Web::connect(port, Some(TOKEN), "Some Client");
    let me = guest.me();
    let agent = shown(&format!("/api/agents/{me}"));
    assert_eq!((&agent["provider"], &agent["label"]), (&json!("mcp"), &json!("Some Client")));

    let file = home.join(&format!("data/agent-relay/operator-{port}.token"));
    let operator = std::fs::read_to_string(file).unwrap();
    assert_eq!(Web::connect(port, Some(operator.trim()), "desk").me(), "human");

    let scoped = json!({"name": "reader", "scopes": ["agents:read"]});
    let scoped = connection.post("/api/tokens", &scoped).unwrap().body;
    let reader = Web::connect(port, scoped["token"].as_str(), "reader");
    let refused = reader.call("send", &json!({"to": "alpha", "text": "hi"})).failed();
    assert!(refused.starts_with("error forbidden_scope: "), "{refused}");
}

#[test]
fn each_session_is_an_agent_that_goes_offline_with_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let port = relay.port();
    let (a, b) = (Web::connect(port, None, "one"), Web::connect(port, None, "one"));
    let (first, second) = (a.me(), b.me());
    assert_ne!(first, second);
    let waiting = b.begin_call("inbox", &json!({"wait": 60}));
    a.call("send", &json!({"to": second, "text": "over the wire"})).done();
    assert!(said(waiting).done().contains(&format!("from {first}: over the wire")));
    assert!(b.call("agents", &json!({"match": "mcp"})).done().contains(&first));

    assert!((200..300).contains(&a.delete().status));
    wait_until(|| is(&relay, &first, "offline"));
    assert_eq!(a.exchange("ping", &json!({})).status, 404, "the session is over");
    assert!(is(&relay, &second, "idle"), "the other one goes on");
}

#[test]
fn a_client_that_hangs_up_takes_no_mail_with_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let web = Web::connect(relay.port(), None, "hasty");
    let me = web.me();
    for round in 0..5 {
        let waiting = web.begin_call("inbox", &json!({"wait": 60}));
        // The answer has begun when its head is there.
        let mut first = [0; 12];
        std::io::Read::read_exact(&mut &waiting, &mut first).unwrap();
        drop(waiting);
        web.me();
        let text = format!("message {round}");
        let sent = json!({"from": "human", "to": me, "body": text});
        Connection::open(relay.port()).unwrap().post("/api/messages", &sent).unwrap();
        let mail = web.call("inbox", &json!({"wait": 60})).done();
        assert!(mail.ends_with(&text), "{mail}");
    }
}

#[test]
fn without_a_session_only_a_token_says_who_speaks() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "status", "arguments": {}},
    });
    let answer = Exchange::make(relay.port(), "POST", &[], &request.to_string());
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(shown(&relay, "/api/agents?provider=mcp"), json!([]), "nobody was registered");
}

#[test]
fn sessions_are_bounded_in_number() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let hello = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "many", "version": "1"},
        },
    })
    .to_string();
    let mut answers = (0..300).map(|_| Exchange::make(relay.port(), "POST", &[], &hello));
    let refused = answers.find(|answer| answer.status != 200).expect("an end");
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_streams"));
    assert!(refused.header("retry-after").is_some());
    assert!(shown(&relay, "/api/stats")["version"].is_string(), "the relay serves all others");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long the end took")]
fn a_relay_that_stops_ends_its_sessions_in_time_and_their_agents_are_offline() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let port = relay.port().to_string();
    let webs: Vec<Web> = (0..5).map(|_| Web::connect(relay.port(), None, "one")).collect();
    let agents: Vec<String> = webs.iter().map(Web::me).collect();
    let waits = webs.iter().map(|web| web.begin_call("inbox", &json!({"wait": 60})));
    let waits: Vec<_> = waits.chain([webs[0].listen()]).collect();
    let begun = Instant::now();
    relay.server.signal("TERM");
    let Relay { server, .. } = relay;
    assert_eq!(server.end().0, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(waits);
    let mut serve: Command = home.command(&["serve", "--port", &port]);
    let relay = Relay::spawn(&mut serve);
    for agent in agents {
        assert!(is(&relay, &agent, "offline"), "`{agent}` was told goodbye before the end");
    }
}

/// The relay speaks to itself, also where it is bound to no loopback address and a proxy is named.
#[test]
fn what_the_tools_say_goes_through_no_proxy() {
    let Some(own) = own_address() else { return load::skip("a machine without a network address") };
    let home = Home::new();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut serve = home.command(&["serve", "--port", "0", "--host", &own.to_string()]);
    serve.env("HTTP_PROXY", &address).env("http_proxy", &address).env("AGENT_RELAY_TOKEN", TOKEN);
    let relay = Relay::spawn(&mut serve);
    let web = Web::connect_to((own, relay.port()).into(), Some(TOKEN), "any");
    assert!(web.call("status", &json!({})).done().starts_with("you are "));
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err(), "nobody came to the proxy");
}

/// An address of this machine that is not loopback. Nothing is sent to find it.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|own| own.ip()).filter(|own| !own.is_loopback())
}
