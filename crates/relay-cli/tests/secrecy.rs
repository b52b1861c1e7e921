//! What is nobody else's business: modes, whatever the umask; other users; and secrets, which are
//! in no log, no argument, no error and no memory that a crash leaves behind.
#![cfg(target_os = "linux")]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use support::{
    Home, Relay, assert_ok, finish,
    http::{Answer, Connection},
    load,
    receiver::Receiver,
};

/// Everything below a folder.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(all(&path));
        }
        paths.push(path);
    }
    paths
}

/// Has every command make its files, under a umask that forbids nothing, or much.
fn make_everything(home: &Home, umask: &str) {
    let script = format!(
        "set -e; umask {umask}\n\
         agent-relay setup --yes --port 1\n\
         agent-relay serve --port 0 > out 2> err &\n\
         until grep -q listening out; do sleep 0.05; done\n\
         export AGENT_RELAY_URL=$(sed 's/listening on //' out)\n\
         export AGENT_RELAY_TOKEN=$(sed -n 's/AGENT_RELAY_TOKEN=//p' config/agent-relay/relay.env)\n\
         echo \"$AGENT_RELAY_TOKEN\" | agent-relay context add here --url \"$AGENT_RELAY_URL\" --token-stdin --use\n\
         agent-relay join alice\n\
         agent-relay send human hello\n\
         agent-relay send alice hello\n\
         agent-relay inbox\n\
         agent-relay open || true\n\
         agent-relay doctor || true\n\
         mkdir -m 700 copies; agent-relay backup copies/backup.db\n\
         agent-relay daemon install --yes || true\n\
         kill -TERM $!; wait $!\n\
         agent-relay restore copies/backup.db --yes\n\
         AGENT_RELAY_DB_PATH=new/deep/relay.db agent-relay restore copies/backup.db --yes\n"
    );
    let mut shell = Command::new("sh");
    home.furnish(shell.args(["-c", &script]));
    assert_ok(&finish(&mut shell));
}

#[test]
fn every_file_is_its_users_only_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let home = Home::new();
        make_everything(&home, umask);
        let mut kinds = (0, 0);
        for folder in ["data", "state", "config/agent-relay", "copies", "new"] {
            let mut paths = all(&home.join(folder));
            paths.push(home.join(folder));
            for path in paths {
                let about = fs::metadata(&path).unwrap();
                let (mode, wanted) = (
                    about.permissions().mode() & 0o777,
                    if about.is_dir() { 0o700 } else { 0o600 },
                );
                assert_eq!(mode, wanted, "{} under umask {umask}", path.display());
                if about.is_dir() { kinds.0 += 1 } else { kinds.1 += 1 }
            }
        }
        assert!(kinds.0 >= 7 && kinds.1 >= 8, "{kinds:?} folders and files were made");
        let unit = home.join("config/systemd/user/agent-relay.service");
        assert_eq!(fs::metadata(unit).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn another_user_can_read_nothing() {
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    if !load::works("setpriv", &[&nobody[..], &["true"]].concat()) {
        return load::skip("another user: setpriv is missing, or this user may not be another");
    }
    let home = Home::new();
    // Nothing but our own modes is in the way.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    make_everything(&home, "000");
    let as_nobody = |script: &str| {
        let mut command = Command::new("setpriv");
        home.furnish(command.args(nobody).args(["sh", "-c", script]));
        finish(&mut command)
    };
    // The control: what is everybody's is seen.
    assert!(as_nobody("cat out").stdout.contains("listening on"), "the test is blind");
    for folder in ["data", "state", "config/agent-relay", "copies", "new"] {
        for path in all(&home.join(folder)) {
            let path = path.to_str().unwrap();
            let done = as_nobody(&format!("cat '{path}' || ls '{path}'"));
            assert!(done.code != 0 && done.stdout.is_empty(), "{path}: {done:?}");
        }
    }
    let relay =
        Relay::spawn(home.command(&["serve", "--port", "0"]).env("AGENT_RELAY_TOKEN", "s3cret"));
    let environment = as_nobody(&format!("cat /proc/{}/environ", relay.pid()));
    assert!(environment.code != 0 && !environment.stdout.contains("s3cret"), "{environment:?}");
}

/// What must be seen nowhere. Each has a word of its own, so that a leak is named.
const SECRETS: [&str; 6] = [
    "canary-of-the-relays-token",
    "canary-of-the-integrations-token",
    "canary-of-the-callbacks-secret",
    "canary-of-a-wrong-token",
    "canary-of-the-telegram-token",
    "canary-of-a-callbacks-query",
];
/// What people say to each other: in no log either.
const TEXTS: [&str; 5] = [
    "canary-of-a-body",
    "canary-of-a-subject",
    "canary-of-a-payload",
    "canary-of-a-search",
    "canary-of-a-task",
];

/// No secret is in it.
#[track_caller]
fn hides(what: &str, text: &str, also: &[String]) {
    let secrets = SECRETS.iter().map(|secret| (*secret).to_owned()).chain(also.iter().cloned());
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in {what}: {}", around(text, &secret));
    }
}

fn around(text: &str, part: &str) -> String {
    let line = text.lines().find(|line| line.contains(part)).unwrap_or_default();
    line.chars().take(600).collect()
}

#[test]
fn no_secret_is_in_a_log_an_argument_or_an_error() {
    let home = Home::new();
    let receiver = Receiver::answering(500);
    let relay = watched(&home, &receiver.url);
    let mut issued = Vec::new();
    let errors = drive(relay.port(), &mut issued);
    for answer in &errors {
        assert!(answer.status >= 400, "{answer:?}");
        hides("an error", &answer.text, &issued);
    }
    assert!(errors.len() >= 15, "{} errors", errors.len());
    receiver.next();
    for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        hides("the arguments of a process", &String::from_utf8_lossy(&line), &issued);
    }
    for done in clients(&home, &relay.url) {
        hides("what a command says", &format!("{}{}", done.stdout, done.stderr), &issued);
    }
    let stop = relay.server;
    stop.signal("TERM");
    let log = stop.end().1;
    let lines = log.lines().count();
    assert!(
        lines > 200 && log.contains("TRACE") && log.contains("a callback failed"),
        "{lines} lines"
    );
    hides("the log", &log, &issued);
    for text in TEXTS {
        assert!(!log.contains(text), "{text} is in the log: {}", around(&log, text));
    }
}

/// A relay with every secret it can have, that logs all it can.
fn watched(home: &Home, receiver: &str) -> Relay {
    let integrations = json!([{
        "name": "ops", "token": "canary-of-the-integrations-token", "scopes": ["*"], "targets": ["*"],
        "callbackUrl": format!("{receiver}?key=canary-of-a-callbacks-query"),
        "callbackSecret": "canary-of-the-callbacks-secret",
    }]);
    let file = home.join("integrations.json");
    fs::write(&file, integrations.to_string()).unwrap();
    let mut command = home.command(&["serve", "--port", "0"]);
    command.env("AGENT_RELAY_LOG", "trace").env("AGENT_RELAY_TOKEN", "canary-of-the-relays-token");
    command.env("AGENT_RELAY_TELEGRAM_TOKEN", "canary-of-the-telegram-token");
    command.env("AGENT_RELAY_CALLBACK_RETRY_MS", "0,10,10");
    Relay::spawn(command.env("AGENT_RELAY_INTEGRATIONS_FILE", file))
}

/// Asks for much, in good ways and in bad ones. Returns what was refused, and notes the tokens that
/// were given out.
fn drive(port: u16, issued: &mut Vec<String>) -> Vec<Answer> {
    let mut full = Connection::with_token(port, "canary-of-the-relays-token").unwrap();
    let mut ok = |path: &str, body: &Value| {
        let answer = full.post(path, body).unwrap();
        assert!(answer.status < 300, "{answer:?}");
        answer
    };
    let agent = ok("/api/agents", &json!({"id": "alice"})).body["token"].clone();
    ok("/api/agents", &json!({"id": "bob"}));
    let scoped = ok("/api/tokens", &json!({"name": "ci", "scopes": ["messages:read"]}));
    for token in [agent, scoped.body["token"].clone()] {
        issued.push(token.as_str().unwrap().to_owned());
    }
    let message = json!({"from": "alice", "to": "bob", "subject": "canary-of-a-subject",
        "body": "canary-of-a-body", "payload": {"key": "canary-of-a-payload"}});
    ok("/api/messages", &message);
    let mut errors = Vec::new();
    for token in ["canary-of-a-wrong-token", issued[0].as_str(), issued[1].as_str()] {
        let mut connection = Connection::with_token(port, token).unwrap();
        errors.push(connection.post("/api/messages", &message).unwrap());
        errors
            .push(connection.post("/api/tokens", &json!({"name": "x", "scopes": ["*"]})).unwrap());
        errors.push(connection.get("/api/integrations/dead-letters").unwrap());
        errors.push(connection.get("/api/messages?q=canary-of-a-search&limit=0").unwrap());
    }
    errors.retain(|answer| answer.status >= 400);
    let mut full = Connection::with_token(port, "canary-of-the-relays-token").unwrap();
    for body in [
        json!({"from": "alice", "to": "nobody-here", "body": "canary-of-a-body"}),
        json!({"from": "alice", "to": "bob", "body": "canary-of-a-body", "canary": true}),
        json!({"from": "alice", "to": "bob", "body": "canary-of-a-body", "urgency": "now"}),
        json!({"from": "alice", "to": "bob", "body": "canary-of-a-body\u{0}"}),
        json!({"from": "alice", "to": "bob"}),
        json!({"from": "alice", "to": "bob", "body": "canary-of-a-body", "replyTo": 99_999}),
        json!(["canary-of-a-body"]),
    ] {
        errors.push(full.post("/api/messages", &body).unwrap());
    }
    full.get("/api/messages?q=canary-of-a-search").unwrap();
    for path in
        ["/api/nothing?token=x", "/api/messages/0", "/api/messages?since=-1", "/api/events?since=x"]
    {
        errors.push(full.get(path).unwrap());
    }
    let mut ops = Connection::with_token(port, "canary-of-the-integrations-token").unwrap();
    let event = json!({"type": "alert", "severity": "error", "dedupeKey": "k", "title": "canary-of-a-task",
        "body": "canary-of-a-body", "target": "bob"});
    let opened = ops.post("/api/integrations/events", &event).unwrap();
    assert_eq!(opened.status, 201, "{opened:?}");
    errors
        .push(ops.post("/api/integrations/events", &json!({"title": "canary-of-a-task"})).unwrap());
    errors
}

/// Commands that log all they can, with a right token and with a wrong one.
fn clients(home: &Home, url: &str) -> Vec<support::Done> {
    let mut done = Vec::new();
    for token in ["canary-of-the-relays-token", "canary-of-a-wrong-token"] {
        for arguments in [
            &["agents", "--agent", "x"][..],
            &["send", "bob", "canary-of-a-body", "--agent", "carol"],
            &["doctor"],
            &["status"],
            &["integrations"],
            &["token", "list"],
        ] {
            let mut command = home.command(arguments);
            command.env("AGENT_RELAY_URL", url).env("AGENT_RELAY_TOKEN", token);
            done.push(finish(command.env("AGENT_RELAY_LOG", "trace")));
        }
    }
    assert!(done.iter().any(|done| done.stderr.contains("TRACE")), "the commands log");
    done
}

#[test]
fn a_crash_leaves_no_memory_behind() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let proc = PathBuf::from(format!("/proc/{}", relay.pid()));
    let limits = fs::read_to_string(proc.join("limits")).unwrap();
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let fields: Vec<_> = limit.split_whitespace().collect();
    assert_eq!(fields[4..6], ["0", "0"], "no core file, and no way back: {limit}");
    // A program that takes cores in through a pipe is told no limit: it gets an empty one.
    let filter = fs::read_to_string(proc.join("coredump_filter")).unwrap();
    assert_eq!(u32::from_str_radix(filter.trim(), 16), Ok(0), "{filter}");
    relay.server.signal("ABRT");
    let (code, _) = relay.server.end();
    assert_eq!(code, None, "it ended by the signal");
    let cores: Vec<_> = all(home.path()).into_iter().filter(|path| is_core(path)).collect();
    assert_eq!(cores, Vec::<PathBuf>::new());
}

fn is_core(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))
}
