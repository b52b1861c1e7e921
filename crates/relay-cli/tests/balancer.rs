//! The balancers as docs/deployment.md sets them up, before two relays that are replaced one after the
//! other while everybody sends: no send fails, and none needs to be repeated.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use serde_json::json;
use support::{Home, Relay, Running, free_port, http::Connection, load, page, until};

const SENDERS: u64 = 6;

/// A balancer's program. Dropping it ends it.
struct Balancer {
    program: Child,
    port: u16,
}

impl Balancer {
    /// `HAProxy` with the configuration of the page, between other addresses.
    fn haproxy(home: &Home, behind: [u16; 2]) -> Self {
        let port = free_port();
        let shown = block("backend relays").replace("bind :80", &format!("bind 127.0.0.1:{port}"));
        let file = home.join("haproxy.cfg");
        fs::write(&file, place(&shown, behind)).unwrap();
        let mut command = Command::new("haproxy");
        Self::start(command.arg("-db").arg("-f").arg(file), port)
    }

    /// nginx with the parts that the page shows.
    fn nginx(home: &Home, behind: [u16; 2]) -> Self {
        let port = free_port();
        let upstream = place(&block("upstream relays"), behind);
        let location = block("location /")
            .replace("proxy_pass http://127.0.0.1:4850;", &block("proxy_next_upstream"));
        let folder = home.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
            .concat();
        let file = home.join("nginx.conf");
        let all = format!(
            "daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\nkeepalive_requests 1000000;\n{temporary}{upstream}\n\
             server {{\nlisten 127.0.0.1:{port};\n{location}\n}}\n}}\n"
        );
        fs::write(&file, all).unwrap();
        let mut command = Command::new("nginx");
        Self::start(command.arg("-e").arg(home.join("error.log")).arg("-c").arg(file), port)
    }

    fn start(command: &mut Command, port: u16) -> Self {
        let program = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let balancer = Self { program, port };
        until("the balancer passes requests on", || {
            let asked = Connection::open(port).and_then(|mut open| open.get("/ready"));
            asked.is_ok_and(|answer| answer.status == 200)
        });
        balancer
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // nginx ends its workers only where it is asked to.
        let _ = Command::new("kill").arg(self.program.id().to_string()).status();
        let _ = self.program.wait();
    }
}

/// The block of the page that holds a line.
fn block(line: &str) -> String {
    let page = page::read("docs/deployment.md");
    let shown = page::blocks(&page, "text").find(|block| block.contains(line));
    shown.unwrap_or_else(|| panic!("docs/deployment.md shows no `{line}`")).to_owned()
}

/// Puts the addresses of real relays in the place of the page's.
fn place(shown: &str, behind: [u16; 2]) -> String {
    let [one, two] = behind.map(|port| format!("127.0.0.1:{port}"));
    shown.replace("10.0.0.1:4850", &one).replace("10.0.0.2:4850", &two)
}

/// Serves on a port of the database, told what the page tells.
fn serve(home: &Home, database: &str, port: u16) -> Relay {
    let mut command = home.command(&["serve", "--log", "warn", "--port", &port.to_string()]);
    command.env("AGENT_RELAY_DATABASE_URL", database);
    Relay::spawn(command.env("AGENT_RELAY_SHUTDOWN_DELAY_MS", "2000"))
}

/// How many messages a relay itself has stored since it started.
fn stored(port: u16) -> u64 {
    let metrics = Connection::open(port).unwrap().get("/metrics").unwrap().text;
    let line = metrics.lines().find_map(|l| l.strip_prefix("relay_messages_accepted_total "));
    line.expect("the count is there").parse().unwrap()
}

/// Sends over one connection and repeats nothing. Returns what was acknowledged, or what went wrong.
fn send(port: u16, sender: u64, done: &AtomicBool, count: &AtomicU64) -> Result<Sent, String> {
    let mut sent = Sent::new();
    let mut connection = Connection::open(port).map_err(|error| error.to_string())?;
    for number in 0.. {
        if done.load(Ordering::SeqCst) {
            break;
        }
        let text = format!("{sender}/{number}");
        let message = json!({ "from": format!("sender-{sender}"), "to": "human", "body": text });
        let answer = connection
            .post("/api/messages", &message)
            .map_err(|error| format!("after {number}: {error}"))?;
        if answer.status != 201 {
            return Err(format!("after {number}: {answer:?}"));
        }
        sent.insert(answer.body["id"].as_i64().unwrap(), text);
        count.fetch_add(1, Ordering::SeqCst);
    }
    Ok(sent)
}

type Sent = BTreeMap<i64, String>;

/// Replaces each relay a few times under load, and looks at what came of every send.
fn replace_under(start: fn(&Home, [u16; 2]) -> Balancer) {
    let Some(database) = support::database() else { return };
    let homes = [Home::new(), Home::new(), Home::new()];
    let mut relays = [0, 1].map(|n| Some(serve(&homes[n], &database, 0)));
    let ports = [0, 1].map(|n| relays[n].as_ref().unwrap().port());
    let balancer = start(&homes[2], ports);
    load::register_senders(balancer.port, SENDERS);
    let follower = follow(&homes[2], balancer.port);
    let (done, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (port, done, count) = (balancer.port, done.clone(), count.clone());
            thread::spawn(move || send(port, sender, &done, &count))
        })
        .collect();
    let rounds = if load::full() { 5 } else { 1 };
    for _ in 0..rounds {
        for (n, port) in ports.into_iter().enumerate() {
            let before = count.load(Ordering::SeqCst);
            until("all send", || count.load(Ordering::SeqCst) > before + 60);
            let old = relays[n].take().unwrap();
            old.server.signal("TERM");
            let (code, talk) = old.server.end();
            assert_eq!(code, Some(0), "{talk}");
            relays[n] = Some(serve(&homes[n], &database, port));
            until("the balancer uses the new one", || stored(port) > 0);
        }
    }
    done.store(true, Ordering::SeqCst);
    let mut sent = Sent::new();
    for sender in senders {
        sent.extend(sender.join().unwrap().expect("no send fails"));
    }
    println!("{} relays replaced, {} messages sent, none failed", rounds * 2, sent.len());
    let stored = Connection::open(balancer.port).unwrap().messages(0);
    assert_eq!(stored, sent, "each once");
    for text in sent.values() {
        let line = follower.line_with("\"message.new\"");
        assert!(line.contains(&format!("\"{text}\"")), "{text} is next, not {line}");
    }
}

/// Follows the mail through the balancer, over all that happens behind it.
fn follow(home: &Home, port: u16) -> Running {
    let url = format!("http://127.0.0.1:{port}");
    let mut command = home.command(&["watch", "--json", "--since", "0"]);
    Running::start(command.env("AGENT_RELAY_URL", url))
}

#[test]
fn haproxy_before_two_relays_that_are_replaced_loses_no_send() {
    if !load::works("haproxy", &["-v"]) {
        return load::skip("HAProxy is not installed");
    }
    replace_under(Balancer::haproxy);
}

#[test]
fn nginx_before_two_relays_that_are_replaced_loses_no_send() {
    if !load::works("nginx", &["-v"]) {
        return load::skip("nginx is not installed");
    }
    replace_under(Balancer::nginx);
}
