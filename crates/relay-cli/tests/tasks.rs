//! Tasks on the command line: created, found, claimed, reported on and finished.
#![cfg(unix)]

mod support;

use relay_core::task::Task;
use serde_json::Value;
use support::{
    Done, Home, Relay, Running, assert_fails, assert_ok, http::Connection, terminal::Terminal,
};

/// The ids that `task 12 is open for … (msg:13)` tells.
#[track_caller]
fn opened(done: &Done) -> (String, String) {
    assert_ok(done);
    let words: Vec<&str> = done.stdout.split([' ', '(', ')', '\n']).collect();
    let message = words.iter().find_map(|word| word.strip_prefix("msg:"));
    (words[1].to_owned(), message.unwrap_or_else(|| panic!("no message in {done:?}")).to_owned())
}

fn read<T: serde::de::DeserializeOwned>(terminal: &mut Terminal<'_>, arguments: &[&str]) -> T {
    let done = terminal.run(&[arguments, &["--json"]].concat());
    assert_ok(&done);
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

fn task(terminal: &mut Terminal<'_>, id: &str) -> Task {
    read(terminal, &["tasks", "show", id])
}

#[test]
fn a_task_is_created_here_and_worked_on_there() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut alice = Terminal::open(&home, &relay, "alice");
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&alice.run(&["join", "alice"]));
    assert_ok(&bob.run(&["join", "bob", "--cap", "ops"]));

    let facts = ["--severity", "error", "--type", "alert", "--meta", "host=db-1"];
    let create = [&["tasks", "create", "Disk", "full", "--to", "cap:ops"][..], &facts].concat();
    let (id, message) = opened(&alice.run(&create));
    let list = bob.run(&["tasks"]);
    let row = list.stdout.lines().nth(1).unwrap();
    for word in ["open", "error", "Disk full", "agent:alice", "cap:ops"] {
        assert!(row.contains(word), "no {word} in {list:?}");
    }
    let inbox = bob.run(&["inbox"]).stdout;
    let header =
        format!("[msg:{message}] from alice (to cap:ops, task {id}, claimable): Disk full");
    assert_eq!(inbox.trim_end(), header, "a title that is all the text is shown once");

    let claim = bob.run(&["tasks", "claim", &id]);
    assert_ok(&claim);
    assert!(claim.stdout.starts_with(&format!("[task {id}] Disk full\n")), "{claim:?}");
    assert!(claim.stdout.contains("meta      host=db-1"), "{claim:?}");
    assert!(claim.stderr.contains(&format!("`agent-relay tasks done {id} RESULT`")), "{claim:?}");
    let status = bob.run(&["status"]).stdout;
    assert!(status.contains(&format!("claims  msg:{message}\n")), "{status}");
    assert!(status.contains("work    1 claimed\ntasks   1 claimed\n"), "{status}");

    let report = bob.run(&["tasks", "update", &id, "--progress", "freed 2 GB"]);
    assert_eq!(report.stdout, format!("task {id} is in_progress\n"));
    let blocked = ["tasks", "update", &id, "--status", "blocked", "--progress", "who may delete?"];
    assert_eq!(bob.run(&blocked).stdout, format!("task {id} is blocked\n"));
    let done = bob.run(&["tasks", "done", &id, "rotated", "the", "logs"]);
    assert_eq!(done.stdout, format!("task {id} is done\n"));

    let shown = alice.run(&["tasks", "show", &id]).stdout;
    assert!(shown.contains("progress  who may delete?\nresult    rotated the logs\n"), "{shown}");
    let history: Vec<&str> = shown.lines().skip_while(|line| *line != "history").skip(1).collect();
    let steps: Vec<&str> =
        history.iter().map(|line| line.trim().split_once("ago").unwrap().1.trim()).collect();
    assert_eq!(
        steps,
        [
            "created by alice",
            "claimed by bob",
            "progress by bob: freed 2 GB",
            "blocked by bob: who may delete?",
            "done by bob: rotated the logs",
        ]
    );
    let list = bob.run(&["tasks"]);
    assert!(list.stdout.is_empty() && list.stderr.contains("no active tasks"), "{list:?}");
    assert!(bob.run(&["tasks", "--all"]).stdout.contains("done"));
}

#[test]
fn a_task_and_its_message_are_claimed_as_one_from_either_side() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    let mut eve = Terminal::open(&home, &relay, "eve");
    assert_ok(&bob.run(&["join", "bob", "--cap", "ops"]));
    assert_ok(&eve.run(&["join", "eve", "--cap", "ops"]));
    let (id, message) = opened(&eve.run(&["tasks", "create", "a", "--to", "cap:ops"]));

    let claim = bob.run(&["claim", &message]);
    assert_ok(&claim);
    assert!(claim.stderr.contains(&format!("tasks update {id} --progress TEXT")), "{claim:?}");
    assert_eq!(task(&mut bob, &id).claim.unwrap().generation, 1);
    assert_ok(&bob.run(&["tasks", "release", &id]));
    assert_eq!(task(&mut bob, &id).status.as_str(), "open");
    assert!(bob.run(&["read", &message]).stdout.contains("claimable"));

    assert_eq!(task(&mut bob, &id).claim, None);
    assert_ok(&bob.run(&["tasks", "claim", &id]));
    assert!(bob.run(&["read", &message]).stdout.contains("claimed by you"));
    let lost = bob.run(&["tasks", "done", &id, "--generation", "1"]);
    assert_fails(&lost, 1, "does not hold it any more (generation 2)", "claim it again");
    let done = bob.run(&["done", &message]);
    assert_eq!(done.stdout, format!("msg:{message} is done, and so is task {id}\n"));
    assert_eq!(task(&mut bob, &id).status.as_str(), "done");

    let (id, message) = opened(&eve.run(&["tasks", "create", "b", "--to", "bob"]));
    assert_ok(&bob.run(&["tasks", "claim", &id]));
    assert_ok(&bob.run(&["reply", &message, "it is mended"]));
    assert_eq!(task(&mut bob, &id).result.as_deref(), Some("it is mended"), "an answer ends it");
}

#[test]
fn the_same_key_is_counted_while_its_task_is_active() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&bob.run(&["join", "bob"]));
    let create = ["tasks", "create", "red", "--to", "bob", "--dedupe-key", "main"];
    let (id, _) = opened(&bob.run(&create));
    let again = bob.run(&create);
    assert_eq!(again.stdout, format!("task {id} is open already; counted, 2 times now\n"));
    assert!(bob.run(&["tasks"]).stdout.contains("2x, "));
    assert_ok(&bob.run(&["tasks", "update", &id, "--status", "cancelled", "--result", "flaky"]));
    let (next, _) = opened(&bob.run(&create));
    assert_ne!(next, id, "after the end the key opens another");
}

#[test]
fn every_command_on_tasks_prints_the_apis_type() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&bob.run(&["join", "bob"]));
    let options = ["--body", "text", "--channel", "ops", "--meta", "a=b=c", "--meta", "n=1"];
    let create = [&["tasks", "create", "t", "--target", "bob"][..], &options].concat();
    let mut ann = Terminal::open(&home, &relay, "ann");
    assert_ok(&ann.run(&["join", "ann"]));
    let made: Task = read(&mut ann, &create);
    assert_eq!((made.body.as_str(), made.channel.as_deref()), ("text", Some("ops")));
    assert_eq!(Value::Object(made.meta), serde_json::json!({"a": "b=c", "n": "1"}));
    let id = made.id.to_string();
    assert_eq!(read::<Vec<Task>>(&mut bob, &["tasks"])[0].id, made.id);
    assert_eq!(read::<Vec<Task>>(&mut bob, &["tasks", "list", "--status", "done"]), []);
    assert_eq!(read::<Task>(&mut bob, &["tasks", "claim", &id]).claim.unwrap().generation, 1);
    let update = ["tasks", "update", &id, "--progress", "half"];
    assert_eq!(read::<Task>(&mut bob, &update).progress.as_deref(), Some("half"));
    assert_eq!(read::<Task>(&mut bob, &["tasks", "release", &id]).status.as_str(), "open");
    assert_ok(&bob.run(&["tasks", "claim", &id]));
    assert_eq!(read::<Task>(&mut bob, &["tasks", "done", &id, "ok"]).result.as_deref(), Some("ok"));
    let shown: Value = read(&mut bob, &["tasks", "show", &id]);
    let kinds: Vec<&Value> =
        shown["events"].as_array().unwrap().iter().map(|e| &e["type"]).collect();
    assert_eq!(kinds, ["created", "claimed", "progress", "released", "claimed", "done"]);
    assert_eq!(shown["result"], "ok");
    assert_eq!(read::<Value>(&mut bob, &["status"])["tasks"]["open"], 0);
}

#[test]
fn what_cannot_be_done_to_a_task_is_told() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    let mut eve = Terminal::open(&home, &relay, "eve");
    let mut mallory = Terminal::open(&home, &relay, "mallory");
    assert_ok(&bob.run(&["join", "bob", "--cap", "ops"]));
    assert_ok(&eve.run(&["join", "eve", "--cap", "ops"]));
    assert_ok(&mallory.run(&["join", "mallory"]));
    let (id, _) = opened(&mallory.run(&["tasks", "create", "a", "--to", "cap:ops"]));
    for unknown in [&["show", "99"][..], &["claim", "99"], &["release", "99"], &["done", "99"]] {
        let done = bob.run(&[&["tasks"], unknown].concat());
        assert_fails(&done, 1, "task 99 does not exist", "`agent-relay tasks`");
    }
    assert_fails(&bob.run(&["tasks", "done", &id]), 1, "nobody has claimed it", "claim it first");
    let own = mallory.run(&["tasks", "claim", &id]);
    assert_fails(&own, 3, "is `mallory`'s own", "others");
    assert_ok(&bob.run(&["tasks", "claim", &id]));
    assert_fails(&eve.run(&["tasks", "claim", &id]), 1, "already claimed by `bob`", "other work");
    assert_fails(&eve.run(&["tasks", "done", &id]), 1, "`eve` does not hold it", "claim it");
    assert_fails(&eve.run(&["tasks", "release", &id]), 1, "`eve` does not hold it", "claim it");
    let reopen = bob.run(&["tasks", "update", &id, "--status", "open"]);
    assert_fails(&reopen, 1, "cannot become open", "release it");
    assert_ok(&bob.run(&["tasks", "done", &id]));
    for finished in [&["claim", &id][..], &["done", &id], &["update", &id, "--progress", "x"]] {
        let done = bob.run(&[&["tasks"], finished].concat());
        assert_fails(&done, 1, &format!("task {id} is done"), "never opens again");
    }
    let to = |target: &str| bob_creates(&home, &relay, target);
    assert_fails(&to("nobody"), 1, "no agent `nobody`", "agent-relay agents");
    assert_fails(&to("grp:x"), 2, "`grp:x` is no target", "");
    let nobody = to("cap:nobody-can");
    assert_ok(&nobody);
    assert!(nobody.stderr.contains("nobody is there yet: it stays open"), "{nobody:?}");
}

fn bob_creates(home: &Home, relay: &Relay, target: &str) -> Done {
    home.run(&["tasks", "create", "t", "--to", target, "--url", &relay.url])
}

#[test]
fn a_wrong_command_on_tasks_is_told_in_a_line() {
    let home = Home::new();
    for (arguments, error, hint) in [
        (&["tasks", "create"][..], "<TITLE>", "agent-relay tasks create"),
        (&["tasks", "create", "t"], "--to", ""),
        (&["tasks", "create", "t", "--to", "x", "--severity", "bad"], "info, warning", ""),
        (&["tasks", "create", "t", "--to", "x", "--meta", "k"], "name=value", ""),
        (&["tasks", "update", "7"], "--status", ""),
        (&["tasks", "update", "7", "--status", "closed"], "one of open, claimed", ""),
        (&["tasks", "claim", "t7"], "whole number", ""),
        (&["tasks", "--status", "open", "--all"], "cannot be used with", ""),
        (&["tasks", "--limit", "501"], "1 to 500", ""),
        (&["tasks", "--source", "who:x"], "--source", ""),
        (&["integrations", "dead-letters", "--retry", "some"], "whole number", ""),
    ] {
        assert_fails(&home.run(arguments), 2, error, hint);
    }
}

#[test]
fn a_task_whose_answer_is_lost_is_not_created_twice() {
    let home = Home::new();
    let relay = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", relay.local_addr().unwrap());
    let (told, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in relay.incoming().map_while(Result::ok) {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = told.send(());
        }
    });
    let done = home.run(&["tasks", "create", "t", "--to", "cap:x", "--url", &url]);
    assert_fails(&done, 3, "no relay answers", "it may have been created");
    assert_eq!(requests.try_iter().count(), 1);
}

#[test]
fn a_pipe_is_read_only_where_a_dash_asks_for_it() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&bob.run(&["join", "bob"]));
    let list =
        "printf 'one\\ntwo\\n' | while read -r t; do agent-relay tasks create $t --to bob; done";
    let made = bob.type_in(list);
    assert_eq!(made.stdout.lines().count(), 2, "the loop kept its lines: {made:?}");
    let create = "agent-relay tasks create t --to bob --body - --agent human";
    let (id, _) = opened(&bob.type_in(&format!("printf 'a\\nb\\n' | {create}")));
    assert_eq!(task(&mut bob, &id).body, "a\nb");
    assert_ok(&bob.run(&["tasks", "claim", &id]));
    assert_ok(&bob.type_in(&format!("echo half | agent-relay tasks update {id} --progress -")));
    assert_ok(&bob.type_in(&format!("echo whole | agent-relay tasks done {id} -")));
    let task = task(&mut bob, &id);
    let said = (task.progress.as_deref(), task.result.as_deref());
    assert_eq!(said, (Some("half"), Some("whole")));
    let empty = bob.run(&["tasks", "done", &id, "-"]);
    assert_fails(&empty, 2, "the result must not be empty", "");
}

#[test]
fn lists_are_narrowed_and_the_newest_page_says_that_there_is_more() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&bob.run(&["join", "bob"]));
    let mut human = Connection::open(relay.port()).unwrap();
    for number in 0..3 {
        let task = serde_json::json!({"title": format!("t{number}"), "target": "broadcast", "from": "human"});
        assert_eq!(human.post("/api/tasks", &task).unwrap().status, 201);
    }
    let (own, _) = opened(&bob.run(&["tasks", "create", "own", "--to", "human"]));
    let titles = |bob: &mut Terminal<'_>, arguments: &[&str]| {
        let tasks: Vec<Task> = read(bob, &[&["tasks"], arguments].concat());
        tasks.iter().map(|task| task.title.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&mut bob, &["--source", "agent:bob"]), ["own"]);
    assert_eq!(titles(&mut bob, &["list", "--target", "broadcast"]), ["t0", "t1", "t2"]);
    assert_eq!(titles(&mut bob, &["--limit", "2"]), ["t2", "own"]);
    assert!(bob.run(&["tasks", "--limit", "2"]).stderr.contains("there are older ones"));
    assert_eq!(bob.run(&["tasks", "--limit", "4"]).stderr, "");
    assert_ok(&bob.run(&["tasks", "update", &own, "--status", "cancelled"]));
    assert_eq!(titles(&mut bob, &["--active"]), ["t0", "t1", "t2"]);
    assert_eq!(titles(&mut bob, &["--status", "cancelled"]), ["own"]);
    assert_eq!(titles(&mut bob, &["--all"]).len(), 4);
    let none = bob.run(&["tasks", "--status", "failed"]);
    assert!(none.stderr.contains("tasks --all"), "{none:?}");
}

#[test]
fn what_happens_to_tasks_is_seen_live() {
    let home = Home::new();
    let relay = Relay::start(&home);
    let mut bob = Terminal::open(&home, &relay, "bob");
    assert_ok(&bob.run(&["join", "bob", "--cap", "ops"]));
    let watch = Running::start(&mut home.command(&["watch", "--url", &relay.url]));
    watch.talk_with("watching");
    let key = ["--dedupe-key", "k", "--severity", "critical"];
    let create = [&["tasks", "create", "Disk", "full", "--to", "cap:ops"][..], &key].concat();
    let mut ann = Terminal::open(&home, &relay, "ann");
    assert_ok(&ann.run(&["join", "ann"]));
    let (id, _) = opened(&ann.run(&create));
    assert_ok(&ann.run(&create));
    assert_ok(&bob.run(&["tasks", "claim", &id]));
    assert_ok(&bob.run(&["tasks", "release", &id]));
    assert_ok(&bob.run(&["tasks", "claim", &id]));
    assert_ok(&bob.run(&["tasks", "update", &id, "--progress", "half\nway"]));
    assert_ok(&bob.run(&["tasks", "update", &id, "--status", "failed", "--result", "no key"]));
    for line in [
        "from agent:ann (critical, for cap:ops): Disk full",
        "reported again by ann (2 times)",
        "claimed by bob",
        "open again: released by bob",
        "claimed by bob",
        "progress by bob: half way",
        "failed by bob: no key",
    ] {
        let seen = watch.line_with(&format!("task {id} "));
        assert!(seen.ends_with(line), "{line} is not {seen}");
    }
}
