//! Claims: one winner, a lease that can be lost, and work that never opens again once finished.

mod common;

use std::time::Duration;

use common::{Client, TestAgent, mail, work};
use relay_server::testing::TestRelay;
use serde_json::{Value, json};

/// A boss and so many workers who can review.
async fn crew(workers: usize) -> (TestRelay, Client, Vec<TestAgent>) {
    let relay = TestRelay::start().await;
    let client = Client::new(&relay);
    client.register("boss", json!({})).await;
    let mut crew = Vec::new();
    for i in 0..workers {
        crew.push(client.register(&format!("w{i}"), json!({"capabilities": ["review"]})).await);
    }
    (relay, client, crew)
}

async fn job(client: &Client) -> String {
    let sent = client.post("/api/messages", work("boss", "cap:review")).await.expect(201);
    format!("/api/messages/{}", sent["id"])
}

async fn step(worker: &TestAgent, job: &str, step: &str) -> common::Answer {
    worker.http.post_nothing(&format!("{job}/{step}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_claimants_of_two_hundred_messages_have_two_hundred_winners() {
    let (_relay, client, crew) = crew(16).await;
    let mut jobs = Vec::new();
    for _ in 0..200 {
        jobs.push(job(&client).await);
    }
    let races = crew.into_iter().enumerate().map(|(i, worker)| {
        let mut jobs = jobs.clone();
        jobs.rotate_left(i * 3 % 200);
        tokio::spawn(async move {
            let mut won = Vec::new();
            for job in jobs {
                let answer = step(&worker, &job, "claim").await;
                match answer.status {
                    200 => won.push((job, answer.json()["claim"]["by"].clone(), worker.id.clone())),
                    _ => assert_eq!(answer.refusal(), (409, "already_claimed".into())),
                }
            }
            won
        })
    });
    let mut won = Vec::new();
    for race in races.collect::<Vec<_>>() {
        won.extend(race.await.unwrap());
    }
    assert!(won.iter().all(|(_, by, worker)| by == worker));
    let mut winners: Vec<_> = won.into_iter().map(|(job, ..)| job).collect();
    winners.sort();
    jobs.sort();
    assert_eq!(winners, jobs);
}

#[tokio::test]
async fn a_lapsed_lease_cannot_finish() {
    let (relay, client, crew) = crew(2).await;
    let job = job(&client).await;
    let first = step(&crew[0], &job, "claim").await.expect(200);
    assert_eq!(first["claim"]["generation"], 1);
    relay.clock().advance(Duration::from_secs(301));
    let late = step(&crew[0], &job, "done").await;
    assert_eq!(late.refusal(), (409, "lease_lost".into()));
    let second = step(&crew[1], &job, "claim").await.expect(200);
    assert_eq!(second["claim"]["generation"], 2);
    let path = format!("{job}/done");
    for worker in &crew {
        let old = worker.http.post(&path, json!({"generation": 1})).await;
        assert_eq!(old.refusal(), (409, "lease_lost".into()), "{}", worker.id);
    }
    crew[1].http.post(&path, json!({"generation": 2})).await.expect(200);
}

#[tokio::test]
async fn a_heartbeat_renews_what_is_held_and_the_silent_lose_it() {
    let (relay, client, crew) = crew(2).await;
    let (kept, lost) = (job(&client).await, job(&client).await);
    step(&crew[0], &kept, "claim").await.expect(200);
    step(&crew[1], &lost, "claim").await.expect(200);
    let mut events = client.stream("/api/events").await;
    events.expect("hello").await;
    for _ in 0..4 {
        relay.clock().advance(Duration::from_secs(100));
        crew[0].http.post_nothing("/api/agents/w0/heartbeat").await.expect(200);
    }
    relay.reap().await;
    let released = loop {
        let frame = events.next().await.unwrap();
        if frame.event == "message.claim_released" {
            break frame.data;
        }
    };
    assert_eq!(format!("/api/messages/{}", released["message"]["id"]), lost);
    assert_eq!(client.get(&kept).await.expect(200)["claim"]["by"], "w0");
    assert_eq!(client.get(&lost).await.expect(200).get("claim"), None);
}

#[tokio::test]
async fn finished_work_never_opens_again() {
    let (relay, client, crew) = crew(2).await;
    let job = job(&client).await;
    assert_eq!(step(&crew[0], &job, "done").await.refusal(), (409, "not_claimed".into()));
    step(&crew[0], &job, "claim").await.expect(200);
    assert_eq!(step(&crew[1], &job, "done").await.refusal(), (409, "lease_lost".into()));
    let done = step(&crew[0], &job, "done").await.expect(200);
    assert!(done["claim"]["doneAt"].is_number());
    step(&crew[0], &job, "done").await.expect(200);
    client.patch("/api/agents/w0/status", json!({"status": "offline"})).await.expect(200);
    relay.clock().advance(Duration::from_secs(301));
    relay.reap().await;
    relay.clock().advance(Duration::from_hours(25));
    relay.reap().await;
    let w1 = Client::new(&relay).register("w9", json!({"capabilities": ["review"]})).await;
    assert_eq!(step(&w1, &job, "claim").await.refusal(), (409, "already_done".into()));
    assert!(client.get(&job).await.expect(200)["claim"]["doneAt"].is_number());
}

#[tokio::test]
async fn going_offline_opens_what_was_held() {
    let (_relay, client, crew) = crew(2).await;
    let job = job(&client).await;
    step(&crew[0], &job, "claim").await.expect(200);
    let taken = step(&crew[1], &job, "claim").await;
    assert_eq!(taken.refusal(), (409, "already_claimed".into()));
    assert_eq!(taken.json()["error"]["details"]["claimedBy"], "w0");
    crew[0].http.patch("/api/agents/w0/status", json!({"status": "offline"})).await.expect(200);
    step(&crew[1], &job, "claim").await.expect(200);
    step(&crew[1], &job, "release").await.expect(200);
    assert_eq!(step(&crew[1], &job, "release").await.refusal(), (409, "lease_lost".into()));
}

#[tokio::test]
async fn the_holders_reply_finishes_the_work() {
    let (_relay, client, crew) = crew(1).await;
    let job = job(&client).await;
    let claimed = step(&crew[0], &job, "claim").await.expect(200);
    let mut reply = mail("w0", "boss", "done it");
    reply["replyTo"] = claimed["id"].clone();
    crew[0].http.post("/api/messages", reply).await.expect(201);
    assert!(client.get(&job).await.expect(200)["claim"]["doneAt"].is_number());
}

#[tokio::test]
async fn only_those_it_is_for_may_claim_and_only_what_is_claimable() {
    let (_relay, client, crew) = crew(1).await;
    let job = job(&client).await;
    let outsider = client.register("outsider", json!({})).await;
    assert_eq!(step(&outsider, &job, "claim").await.refusal(), (403, "forbidden".into()));
    let ghost = client.post(&format!("{job}/claim"), json!({"agentId": "ghost"})).await;
    assert_eq!(ghost.status, 404, "{}", ghost.text);
    let chat = client.post("/api/messages", mail("boss", "w0", "hi")).await.expect(201);
    let chat = format!("/api/messages/{}", chat["id"]);
    assert_eq!(step(&crew[0], &chat, "claim").await.refusal(), (409, "not_claimable".into()));
    let gone = step(&crew[0], "/api/messages/999999999", "claim").await;
    assert_eq!(gone.refusal(), (404, "not_found".into()));
    let nobody = client.post(&format!("{job}/claim"), json!({})).await;
    assert_eq!(nobody.refusal(), (400, "missing_field".into()));
}

#[tokio::test]
async fn claiming_again_changes_nothing_and_says_nothing() {
    let (_relay, client, crew) = crew(1).await;
    let job = job(&client).await;
    let first = step(&crew[0], &job, "claim").await.expect(200);
    let seq = |cursor: &Value| cursor["seq"].clone();
    let before = seq(&client.get("/api/messages/cursor").await.expect(200));
    let again = step(&crew[0], &job, "claim").await.expect(200);
    assert_eq!(first["claim"]["generation"], again["claim"]["generation"]);
    assert_eq!(before, seq(&client.get("/api/messages/cursor").await.expect(200)));
}
