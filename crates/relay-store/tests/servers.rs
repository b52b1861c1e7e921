//! The story of several servers on one PostgreSQL: one log, one order, one winner, one on duty.

mod common;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use common::{
    START, by, full, id,
    two::{PATIENCE, cut_listeners, ids, join, message, open, raw, send, two, until},
};
use futures_util::future::join_all;
use relay_core::{
    api::request::Heartbeat,
    caller::Verified,
    id::{MessageId, Seq},
    time::ManualClock,
    token::Digest,
};
use relay_store::{Config, Delivery, Feed, Place, Reader, Store, testing};
use serde_json::json;
use sqlx::Executor;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// How many messages a writer sends at once.
const BURST: usize = 16;

/// What is wrong with what one reader saw.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    refused: u64,
    missed: usize,
    doubled: usize,
    disordered: usize,
}

fn judge(sent: &BTreeSet<i64>, seen: &[i64]) -> Verdict {
    let distinct: BTreeSet<i64> = seen.iter().copied().collect();
    Verdict {
        refused: 0,
        missed: sent.difference(&distinct).count(),
        doubled: seen.len() - distinct.len(),
        disordered: seen.windows(2).filter(|pair| pair[0] >= pair[1]).count(),
    }
}

/// Reads on from a cursor, on one server and then on the other, until all is written and read.
async fn wander(servers: [Store; 2], mut turn: usize, mut sent: watch::Receiver<u64>) -> Vec<i64> {
    let (mut cursor, mut seen) = (Seq(0), Vec::new());
    loop {
        let server = &servers[turn % 2];
        turn += 1;
        let over = sent.has_changed().is_err();
        let Ok(head) = server.current().await else { continue };
        // On a crowded machine a reader may be told to come again, as over HTTP.
        let Ok(read) = server.replay(&Reader::All, cursor, head, 500).await else { continue };
        cursor = read.cursor;
        seen.extend(ids(&read.events));
        if cursor >= head && over {
            return seen;
        }
        for _ in 0..if cursor >= head { 32 } else { 0 } {
            // An error means that all is written: one more look.
            let _ = sent.changed().await;
        }
    }
}

/// Listens to one server until everything was heard.
async fn listen(mut feed: Feed, until: Arc<AtomicU64>) -> Vec<i64> {
    let (mut seen, mut through) = (Vec::new(), 0);
    while until.load(Ordering::SeqCst) > through {
        let told = timeout(PATIENCE, feed.next()).await.unwrap().unwrap();
        through = told.through.0 as u64;
        seen.extend(ids(&told.events));
    }
    seen
}

/// 16 writers on each server, 20 cursors that move between them, a listener on each, and meanwhile a
/// transaction that does nothing and is open for at least so long. Returns the worst that anybody saw.
async fn crowd(place: &Place, servers: [Store; 2], each: usize, idling: Duration) -> Verdict {
    join(&servers[0], "a").await;
    join(&servers[1], "b").await;
    let mut idle = raw(place).await;
    idle.execute("BEGIN; CREATE TEMPORARY TABLE held (x BIGINT); SELECT count(*) FROM message")
        .await
        .unwrap();
    let idle_until = Instant::now() + idling;
    let (written, _) = watch::channel(0);
    let written = Arc::new(written);
    let until = Arc::new(AtomicU64::new(u64::MAX));
    let listeners: Vec<_> =
        servers.iter().map(|server| tokio::spawn(listen(server.feed(), until.clone()))).collect();
    let cursors: Vec<_> = (0..20)
        .map(|turn| tokio::spawn(wander(servers.clone(), turn, written.subscribe())))
        .collect();
    let writers = (0..32).map(|writer| {
        let (server, written) = (servers[writer % 2].clone(), written.clone());
        tokio::spawn(async move {
            let (mut sent, mut refused) = (Vec::new(), 0);
            let bursts = each / BURST;
            for number in 1..=bursts {
                if number == bursts {
                    // What is written last is written while that transaction is still open.
                    tokio::time::sleep_until(idle_until).await;
                }
                let burst = (0..BURST)
                    .map(|_| server.send_message(id("a"), Verified(true), message("b", "x", None)));
                for told in join_all(burst).await {
                    match told {
                        Ok(Delivery::Stored(stored)) => sent.push(stored.message.id.0),
                        _ => refused += 1,
                    }
                }
                written.send_modify(|count| *count += 1);
            }
            (sent, refused)
        })
    });
    let (mut sent, mut verdict) = (BTreeSet::new(), Verdict::default());
    let mut acknowledged = 0;
    for written in join_all(writers).await {
        let (ids, refused) = written.unwrap();
        acknowledged += ids.len();
        sent.extend(ids);
        verdict.refused += refused;
    }
    verdict.doubled += acknowledged - sent.len();
    drop(written);
    until.store(sent.last().map_or(0, |last| *last as u64), Ordering::SeqCst);
    // Whoever still listens is told of this, and looks at the number.
    drop(servers[0].send_message(id("a"), Verified(true), message("b", "last", None)).await);
    let mut readers = listeners;
    readers.extend(cursors);
    for seen in join_all(readers).await {
        let found = judge(&sent, &seen.unwrap());
        verdict.missed = verdict.missed.max(found.missed);
        verdict.doubled = verdict.doubled.max(found.doubled);
        verdict.disordered = verdict.disordered.max(found.disordered);
    }
    idle.execute("ROLLBACK").await.unwrap();
    verdict
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cursors_that_move_between_two_servers_miss_nothing() {
    let Some((place, servers)) = two().await else { return };
    let (each, idling) =
        if full() { (3_200, Duration::from_mins(1)) } else { (160, Duration::ZERO) };
    let began = Instant::now();
    let verdict = crowd(&place, servers.clone(), each, idling).await;
    assert_eq!(verdict, Verdict::default());
    println!("{} messages over two servers in {:?}, nothing missed", each * 32, began.elapsed());
    for server in servers {
        server.close().await;
    }
}

/// The control: the same crowd where the lock does nothing. If this passed, the test above would see
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lock_the_same_crowd_comes_to_grief() {
    let Some(place) = testing::postgres().await else { return };
    let mut connection = raw(&place).await;
    let sql =
        "CREATE FUNCTION pg_advisory_xact_lock(INT, INT) RETURNS INT LANGUAGE sql AS 'SELECT 1'";
    connection.execute(sql).await.unwrap();
    // Ours comes before PostgreSQL's own.
    let url = testing::url(&place).unwrap() + "%2Cpg_catalog";
    let place = Place::Server(url.parse().unwrap());
    let servers = [open(&place).await, open(&place).await];
    join(&servers[0], "a").await;
    join(&servers[1], "b").await;
    let mut grief = false;
    for _ in 0..3 {
        let written = (0..32).map(|writer| {
            let server = servers[writer % 2].clone();
            tokio::spawn(async move {
                let mut refused = 0;
                for _ in 0..20 {
                    let told =
                        server.send_message(id("a"), Verified(true), message("b", "x", None)).await;
                    refused += usize::from(told.is_err());
                }
                refused
            })
        });
        grief |= join_all(written).await.into_iter().any(|refused| refused.unwrap() > 0);
    }
    assert!(grief, "two writers without a lock never met");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_with_the_popular_cursor_is_caught_by_the_same_judge() {
    let Some(place) = testing::postgres().await else { return };
    let mut connection = raw(&place).await;
    connection.execute("CREATE TABLE naive (id BIGSERIAL PRIMARY KEY)").await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (place, done) = (place.clone(), done.clone());
        async move {
            let mut connection = raw(&place).await;
            let (mut cursor, mut seen) = (0_i64, Vec::new());
            loop {
                let over = done.load(Ordering::SeqCst);
                let sql = "SELECT id FROM naive WHERE id > $1 ORDER BY id";
                let rows: Vec<(i64,)> =
                    sqlx::query_as(sql).bind(cursor).fetch_all(&mut connection).await.unwrap();
                if rows.is_empty() && over {
                    return seen;
                }
                seen.extend(rows.iter().map(|row| row.0));
                cursor = seen.last().copied().unwrap_or(0);
            }
        }
    });
    let writers = (0..8).map(|_| {
        let place = place.clone();
        tokio::spawn(async move {
            let mut connection = raw(&place).await;
            let mut sent = Vec::new();
            for _ in 0..200 {
                let sql = "INSERT INTO naive DEFAULT VALUES RETURNING id";
                let row: (i64,) = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
                sent.push(row.0);
            }
            sent
        })
    });
    let sent = join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    done.store(true, Ordering::SeqCst);
    let verdict = judge(&sent, &reader.await.unwrap());
    assert!(verdict.missed > 0, "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_has_one_winner_whichever_server_is_asked() {
    let Some((_, servers)) = two().await else { return };
    join(&servers[0], "boss").await;
    let names: Vec<String> = (0..16).map(|n| format!("worker-{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        join(&servers[n % 2], name).await;
    }
    for round in 0..40 {
        let work = json!({ "to": "broadcast", "body": "work", "claimable": true });
        let work = serde_json::from_value(work).unwrap();
        let Ok(Delivery::Stored(sent)) =
            servers[round % 2].send_message(id("boss"), Verified(true), work).await
        else {
            panic!("not stored")
        };
        let tries = names
            .iter()
            .enumerate()
            .map(|(n, name)| servers[n % 2].claim_message(sent.message.id, by(name)));
        let winners = join_all(tries).await.into_iter().flatten().count();
        assert_eq!(winners, 1);
    }
}

#[tokio::test]
async fn what_comes_while_a_server_waits_for_its_turn_is_written_with_it() {
    let Some((place, [server, _])) = two().await else { return };
    join(&server, "a").await;
    join(&server, "b").await;
    let mut another = raw(&place).await;
    another
        .execute("BEGIN; SELECT pg_advisory_xact_lock(4850, hashtext(current_schema()))")
        .await
        .unwrap();
    let post = || {
        let server = server.clone();
        tokio::spawn(async move {
            server.send_message(id("a"), Verified(true), message("b", "x", None)).await.is_ok()
        })
    };
    let commits = server.metrics().commits;
    let mut sent = vec![post()];
    let mut onlooker = raw(&place).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until("it waits for its turn", async || {
        let count: (i64,) = sqlx::query_as(waits).fetch_one(&mut onlooker).await.unwrap();
        count.0 > 0
    })
    .await;
    sent.extend((0..50).map(|_| post()));
    until("all are in the queue", async || server.metrics().queue_depth == 50).await;
    another.execute("COMMIT").await.unwrap();
    assert!(join_all(sent).await.into_iter().all(Result::unwrap));
    assert_eq!(server.metrics().commits, commits + 1);
}

#[tokio::test]
async fn what_one_server_knows_the_other_knows_when_it_is_asked() {
    let Some((_, [one, other])) = two().await else { return };
    let token = join(&one, "a").await;
    assert!(other.identify(&Digest::of(&token)).await.is_some(), "the token is good on both");
    assert_eq!(other.agent(&id("a")).await.unwrap().epoch, 1);
    let change = serde_json::from_value(json!({ "label": "db" })).unwrap();
    other.update_agent(&id("a"), change).await.unwrap();
    assert_eq!(one.agent(&id("a")).await.unwrap().label.unwrap().to_string(), "db");
    let heard = other.revocations();
    let made = one
        .create_token(serde_json::from_value(json!({ "name": "ci", "scopes": ["*"] })).unwrap())
        .await
        .unwrap();
    let digest = Digest::of(&made.token);
    assert!(other.identify(&digest).await.is_some());
    one.revoke_token(made.about.id).await.unwrap();
    let mut heard = heard;
    timeout(PATIENCE, heard.changed()).await.unwrap().unwrap();
    assert!(other.authenticate(&digest).is_none(), "revoked on both");
    one.remove_agent(&id("a")).await.unwrap();
    assert!(other.agent(&id("a")).await.is_err());
}

#[tokio::test]
async fn a_key_and_a_dedupe_key_are_exact_over_two_servers() {
    let Some((place, servers)) = two().await else { return };
    join(&servers[0], "a").await;
    join(&servers[1], "b").await;
    for round in 0..20 {
        let key = format!("k{round}");
        let tries = (0..8).map(|n| send(&servers[n % 2], "b", &key));
        let stored: BTreeSet<MessageId> = join_all(tries).await.into_iter().collect();
        assert_eq!(stored.len(), 1);
    }
    let mut connection = raw(&place).await;
    let count: (i64,) =
        sqlx::query_as("SELECT count(*) FROM message").fetch_one(&mut connection).await.unwrap();
    assert_eq!(count.0, 20);
}

#[tokio::test]
async fn what_integrations_report_is_counted_over_both() {
    let Some(place) = testing::postgres().await else { return };
    let clock = ManualClock::at(START);
    let config = || Config { clock: Some(Arc::new(clock.clone())), ..Config::at(place.clone()) };
    let servers = [Store::open(config()).await.unwrap(), Store::open(config()).await.unwrap()];
    for n in 0..10 {
        assert_eq!(servers[n % 2].count_report(&id("sentry"), 10).await.unwrap(), None);
    }
    let wait = servers[0].count_report(&id("Sentry"), 10).await.unwrap().unwrap();
    assert_eq!(wait, Duration::from_secs(6));
    clock.advance(wait);
    assert_eq!(servers[1].count_report(&id("sentry"), 10).await.unwrap(), None);
    assert!(servers[0].count_report(&id("sentry"), 10).await.unwrap().is_some());
}

#[tokio::test]
async fn one_is_on_duty_and_another_takes_over() {
    let Some((place, [one, other])) = two().await else { return };
    assert!(*one.duty().borrow(), "the first to come is on duty");
    assert!(!*other.duty().borrow());
    let mut duty = other.duty();
    one.close().await;
    timeout(PATIENCE, duty.wait_for(|on| *on)).await.unwrap().unwrap();
    // The same when the connection is cut and nobody says goodbye.
    let third = open(&place).await;
    let mut duty = third.duty();
    let mut connection = raw(&place).await;
    cut_listeners(&mut connection).await;
    let taken = async {
        loop {
            if *duty.borrow_and_update() || *other.duty().borrow() {
                return;
            }
            duty.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, taken).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_and_a_foreign_one_are_refused_untouched() {
    let Some(place) = testing::postgres().await else { return };
    open(&place).await.close().await;
    let mut connection = raw(&place).await;
    connection
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (999, 'the future', true, '', 0)",
        )
        .await
        .unwrap();
    let refused = Store::open(Config::at(place)).await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("has schema 999, written by a newer relay"), "{refused}");
    let Some(place) = testing::postgres().await else { return };
    let mut connection = raw(&place).await;
    connection.execute("CREATE TABLE recipe (name TEXT)").await.unwrap();
    let refused = Store::open(Config::at(place)).await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().ends_with("is no relay database"), "{refused}");
}

#[tokio::test]
async fn servers_that_start_at_once_make_one_schema() {
    let Some(place) = testing::postgres().await else { return };
    let opened = join_all((0..4).map(|_| open(&place))).await;
    assert_eq!(opened.iter().filter(|store| *store.duty().borrow()).count(), 1);
}

#[tokio::test]
async fn time_that_decides_is_the_databases() {
    let Some((place, [one, other])) = two().await else { return };
    join(&one, "a").await;
    other.heartbeat(&id("a"), Heartbeat::default(), None).await.unwrap();
    let mut connection = raw(&place).await;
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let now: (i64,) = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
    for store in [one, other] {
        assert!((store.now().0 - now.0).abs() < 60_000, "{} and {}", store.now(), now.0);
    }
}
