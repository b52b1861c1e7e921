//! examples/integration, fed with payloads of their sources: what each makes of them in the real
//! relay, and what it does when the relay is away or busy.
#![cfg(unix)]

#[path = "integration/desk.rs"]
mod desk;
mod support;

use std::fs;

use desk::{
    Adapter, Desk, RETRY_AFTER, Scripted, TOKEN, address_in_alertmanager_yml, folder, have,
    hides_the_token, notify, payload, post, root, succeeds, workflow,
};
use serde_json::json;
use support::{Home, Relay, Running, finish, free_port};

#[test]
fn an_alert_is_a_task_until_it_is_resolved() {
    let Some(desk) = Desk::open(&["python3"]) else { return };
    let adapter = Adapter::start(&desk.home, &desk.relay.url);
    let path = address_in_alertmanager_yml();
    assert_eq!(adapter.post(&path, "alertmanager-firing.json").0, 200);
    let tasks = desk.tasks();
    let [first, second] = &tasks[..] else { panic!("two alerts: {tasks:?}") };
    assert_eq!(first["title"], "Disk almost full on db-1.example.com:9100");
    assert_eq!(first["dedupeKey"], "5f3c9a1b2e7d4806");
    assert_eq!((&first["severity"], &second["severity"]), (&json!("critical"), &json!("warning")));
    assert_eq!((&first["target"], &first["channel"]), (&json!("cap:ops"), &json!("alerts")));
    assert!(first["body"].as_str().unwrap().contains("device: /dev/nvme0n1p2"), "{first}");

    assert_eq!(adapter.post(&path, "alertmanager-resolved.json").0, 200);
    assert_eq!(desk.facts("status"), ["done", "open"]);
    assert_eq!(desk.facts("occurrenceCount"), [1, 2]);
    adapter.post(&path, "alertmanager-resolved.json");
    assert_eq!(desk.facts("status"), ["done", "open"], "resolved again changes nothing");
    adapter.post(&path, "alertmanager-firing.json");
    assert_eq!(desk.facts("status"), ["done", "open", "open"], "it fires again");
    adapter.end_without_the_token();
}

#[test]
fn a_ticket_is_a_task_until_it_is_solved_and_again_when_it_is_reopened() {
    let Some(desk) = Desk::open(&["python3"]) else { return };
    let adapter = Adapter::start(&desk.home, &desk.relay.url);
    let post = |change| adapter.post("/zendesk?target=cap:support", change);
    assert_eq!(post("zendesk-ticket-created.json").0, 200);
    let tasks = desk.tasks();
    let [task] = &tasks[..] else { panic!("one ticket: {tasks:?}") };
    assert_eq!(task["title"], "App crashes at checkout 😱❤", "no variation selector");
    assert_eq!((&task["type"], &task["severity"]), (&json!("ticket"), &json!("critical")));
    assert!(task["body"].as_str().unwrap().starts_with("Since this morning"), "{task}");

    assert_eq!(post("zendesk-ticket-assigned.json"), (200, json!({"posted": 0})));
    assert_eq!(post("zendesk-ticket-solved.json").0, 200);
    assert_eq!(desk.facts("status"), ["done"]);
    assert_eq!(post("zendesk-ticket-reopened.json").0, 200);
    assert_eq!(desk.facts("status"), ["done", "open"]);
    adapter.end_without_the_token();
}

#[test]
fn a_red_workflow_is_a_task_until_it_is_green() {
    let Some(desk) = Desk::open(&["bash", "jq", "curl"]) else { return };
    let run = |payload| workflow(&desk.home, &desk.relay.url, payload);
    assert!(succeeds(&run("github-workflow-run-success.json")).contains("green, as before"));
    for _ in 0..2 {
        succeeds(&run("github-workflow-run-failure.json"));
    }
    let tasks = desk.tasks();
    let [task] = &tasks[..] else { panic!("one workflow on one branch: {tasks:?}") };
    let title = "🏗 Build & test failed on feature/\"quoted\"-$(name) of example-org/shop";
    assert_eq!((&task["title"], &task["occurrenceCount"]), (&json!(title), &json!(2)));
    let body = task["body"].as_str().unwrap();
    assert!(
        body.contains("https://github.com/example-org/shop/actions/runs/18234455671"),
        "{body}"
    );
    succeeds(&run("github-workflow-run-success.json"));
    assert_eq!(desk.facts("status"), ["done"]);
}

#[test]
fn a_script_tells_what_it_printed_whatever_that_holds() {
    let Some(desk) = Desk::open(&["curl"]) else { return };
    let output = b"50% of C:\\temp \"lost\"\n\tfor $(ever) `now`\r\n\x1b[31mred\x1b[0m \0 caf\xc3\xa9 \xff\n";
    fs::write(desk.home.join("job.log"), output).unwrap();
    let run = |words: &[&str]| finish(&mut notify(&desk.home, &desk.relay.url, words));
    succeeds(&run(&["-k", "job", "-b", "job.log", "The \"job\"\nfailed: é"]));
    let tasks = desk.tasks();
    let [task] = &tasks[..] else { panic!("one report: {tasks:?}") };
    assert_eq!(task["title"], "The \"job\" failed: é");
    let text = "50% of C:\\temp \"lost\"\n\tfor $(ever) `now`\nred  café ";
    assert_eq!(task["body"].as_str().unwrap().trim_end(), text.trim_end());

    fs::write(desk.home.join("job.log"), "\\\"é".repeat(60_000)).unwrap();
    succeeds(&run(&["-k", "long", "-s", "info", "-b", "job.log", &"long ".repeat(99)]));
    succeeds(&run(&["-k", "job", "-r"]));
    succeeds(&run(&["-k", "job", "-r"]));
    assert_eq!(desk.facts("status"), ["done", "open"]);

    for (words, code) in [
        (&["-t", "cap:secret", "Not allowed"][..], 3),
        (&["-t", "no target", "Not a target"], 1),
        (&["-s", "banana", "Not a severity"], 1),
        (&["-b", "absent.log", "No such file"], 2),
        (&["-r"], 2),
        (&[], 2),
    ] {
        let done = run(words);
        assert_eq!(done.code, code, "{words:?}: {done:?}");
        assert!(done.stderr.starts_with("notify.sh: "), "{done:?}");
        hides_the_token(&done);
    }
    assert_eq!(desk.tasks().len(), 2);
}

#[test]
fn what_is_too_much_for_the_relay_gets_through_later() {
    let Some(desk) = Desk::open(&["curl"]) else { return };
    let event = json!({"type": "alert", "status": "resolved", "dedupeKey": "flood"}).to_string();
    let flood = || post(desk.relay.port(), "/api/integrations/events", Some(TOKEN), &event).0;
    assert!((0..1_000).any(|_| flood() == 429), "the relay takes any number of events");
    succeeds(&finish(&mut notify(&desk.home, &desk.relay.url, &["After the flood"])));
    assert_eq!(desk.facts("title"), ["After the flood"]);
}

#[test]
fn a_webhook_waits_as_long_as_a_busy_relay_says() {
    waits_as_told(503, &["python3"], |home, relay| {
        let adapter = Adapter::start(home, relay);
        let posted = adapter.post("/zendesk?target=cap:support", "zendesk-ticket-created.json");
        assert_eq!(posted, (200, json!({"posted": 1})));
        adapter.end_without_the_token();
    });
}

#[test]
fn a_script_waits_as_long_as_a_busy_relay_says() {
    waits_as_told(429, &["curl"], |home, relay| {
        succeeds(&finish(&mut notify(home, relay, &["Failed"])));
    });
}

#[test]
fn a_workflow_waits_as_long_as_a_busy_relay_says() {
    waits_as_told(429, &["bash", "jq", "curl"], |home, relay| {
        succeeds(&workflow(home, relay, "github-workflow-run-failure.json"));
    });
}

fn waits_as_told(busy: u16, programs: &[&str], report: impl Fn(&Home, &str)) {
    if !have(programs) {
        return;
    }
    let scripted = Scripted::start([busy, 201]);
    report(&Home::new(), &scripted.url);
    let asked: Vec<_> = scripted.asked.try_iter().collect();
    let [(first, then), (second, later)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(first, second);
    assert!(*later - *then >= RETRY_AFTER, "it did not wait");
}

#[test]
fn a_relay_that_is_away_is_a_clear_error_and_no_lost_webhook() {
    if !have(&["python3", "bash", "jq", "curl"]) {
        return;
    }
    let home = Home::new();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let done = finish(notify(&home, &nobody, &["Failed"]).env("AGENT_RELAY_RETRY_SECONDS", "1"));
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains(&format!("no relay answers at {nobody}")), "{done:?}");
    hides_the_token(&done);
    let done = workflow(&home, &nobody, "github-workflow-run-failure.json");
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains(&format!("::error::the relay at {nobody} answered nothing")));
    hides_the_token(&done);

    let adapter = Adapter::start(&home, &nobody);
    let (status, said) = adapter.post("/zendesk?target=cap:x", "zendesk-ticket-created.json");
    assert_eq!(status, 503, "the sender is to come back: {said}");
    assert!(said["error"].as_str().unwrap().contains("no relay answers at"), "{said}");
    adapter.end_without_the_token();
}

#[test]
fn a_script_waits_for_a_relay_that_starts_meanwhile() {
    if !have(&["curl"]) {
        return;
    }
    let home = Home::new();
    let port = free_port();
    let mut script = notify(&home, &format!("http://127.0.0.1:{port}"), &["Failed"]);
    let script = Running::start(script.env("AGENT_RELAY_RETRY_SECONDS", "60"));
    let desk = Desk::on(home, port);
    assert_eq!(script.end(), (Some(0), String::new()));
    assert_eq!(desk.facts("title"), ["Failed"]);
}

#[test]
fn what_is_no_webhook_is_refused_and_changes_nothing() {
    if !have(&["python3"]) {
        return;
    }
    let home = Home::new();
    let scripted = Scripted::start([401]);
    let adapter = Adapter::start(&home, &scripted.url);
    let whole = payload("zendesk-ticket-created.json");
    let (zendesk, bearer) = ("/zendesk?target=cap:x", Some(TOKEN));
    for (path, token, body, status) in [
        ("/nagios?target=cap:x", bearer, &*whole, 404),
        ("/zendesk", bearer, &whole, 400),
        ("/zendesk?target=cap:x&severity=info", bearer, &whole, 400),
        (zendesk, None, &whole, 401),
        (zendesk, bearer, "{", 400),
        (zendesk, bearer, "[]", 400),
        (zendesk, bearer, r#"{"type": "zen:event-type:ticket.created"}"#, 400),
        ("/alertmanager?target=cap:x", bearer, r#"{"version": "3", "alerts": []}"#, 400),
    ] {
        let (got, said) = post(adapter.port, path, token, body);
        assert_eq!(got, status, "{path} {body}: {said}");
        assert!(said["error"].is_string(), "{said}");
    }
    assert_eq!(scripted.asked.try_iter().count(), 0, "nothing reached the relay");
    assert_eq!(post(adapter.port, zendesk, bearer, &whole).0, 401, "the relay's own refusal");
    adapter.end_without_the_token();
}

#[test]
fn the_documents_show_the_examples_as_they_are() {
    let page = fs::read_to_string(root().join("docs/integrations.md")).unwrap();
    for name in ["alertmanager.yml", "notify.sh", "github-actions.yml", "webhook.py"] {
        let path = format!("examples/integration/{name}");
        assert!(page.contains(&path), "docs/integrations.md does not name {path}");
    }
    let yaml = fs::read_to_string(folder().join("alertmanager.yml")).unwrap();
    assert!(page.contains(&yaml), "docs/integrations.md shows another alertmanager.yml");

    let settings = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let home = Home::new();
    fs::write(home.join("integrations.json"), settings.expect("settings are shown")).unwrap();
    let mut command = home.command(&["serve", "--port", "0"]);
    Relay::spawn(command.env("AGENT_RELAY_INTEGRATIONS_FILE", home.join("integrations.json")));
}
