//! The story of what fails below several servers: PostgreSQL, a connection, one of them.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use common::{
    full, id,
    two::{PATIENCE, cut_listeners, ids, join, message, open, raw, send, two, until},
};
use relay_core::caller::Verified;
use relay_store::{Delivery, Place, testing};
use sqlx::{Connection, Executor};
use tokio::time::{Instant, timeout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_its_listening_connection_cut_every_event_comes_in_time() {
    let Some((place, servers)) = two().await else { return };
    join(&servers[0], "a").await;
    join(&servers[0], "b").await;
    let mut feed = servers[1].feed();
    let mut connection = raw(&place).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..if full() { 50 } else { 5 } {
        cut_listeners(&mut connection).await;
        let began = Instant::now();
        let sent = servers[0].send_message(id("a"), Verified(true), message("b", "x", None)).await;
        let Ok(Delivery::Stored(sent)) = sent else { panic!("not stored") };
        loop {
            let told = timeout(PATIENCE, feed.next()).await.unwrap().unwrap();
            if ids(&told.events).any(|id| id == sent.message.id.0) {
                break;
            }
        }
        slowest = slowest.max(began.elapsed());
    }
    println!("the slowest of the events came after {slowest:?}");
    assert!(slowest < Duration::from_millis(if full() { 1_200 } else { 5_000 }), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_restarts_of_postgresql_nothing_acknowledged_is_lost_or_doubled() {
    let Some(cluster) = testing::Cluster::start() else {
        assert!(!full(), "PostgreSQL's programs are not installed");
        return eprintln!("SKIPPED: PostgreSQL's programs are not installed");
    };
    let place = Place::Server(cluster.address());
    let servers = [open(&place).await, open(&place).await];
    assert!(servers[0].reduced().is_some_and(|why| why.contains("fsync is off")));
    join(&servers[0], "a").await;
    join(&servers[1], "b").await;
    let done = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (server, done, written) =
                (servers[writer % 2].clone(), done.clone(), written.clone());
            tokio::spawn(async move {
                let mut sent = Vec::new();
                while !done.load(Ordering::SeqCst) {
                    let key = format!("{writer}-{}", sent.len());
                    sent.push(send(&server, "b", &key).await.0);
                    written.fetch_add(1, Ordering::SeqCst);
                }
                sent
            })
        })
        .collect();
    let written_to = async |count: u64| {
        until("writing goes on", async || written.load(Ordering::SeqCst) >= count).await;
    };
    let mut slowest = Duration::ZERO;
    for _ in 0..if full() { 10 } else { 2 } {
        let before = written.load(Ordering::SeqCst);
        written_to(before + 200).await;
        tokio::task::block_in_place(|| {
            cluster.crash();
            cluster.start_again();
        });
        let (began, now) = (Instant::now(), written.load(Ordering::SeqCst));
        // Each of the writers has an answer from after the restart.
        written_to(now + 16).await;
        slowest = slowest.max(began.elapsed());
    }
    done.store(true, Ordering::SeqCst);
    let mut sent = Vec::new();
    for writer in writers {
        sent.extend(writer.await.unwrap());
    }
    println!("{} messages; writing again after at most {slowest:?}", sent.len());
    assert!(slowest < Duration::from_secs(if full() { 3 } else { 30 }), "{slowest:?}");
    let mut connection = raw(&place).await;
    let rows: Vec<(i64,)> = sqlx::query_as("SELECT id FROM message ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let stored: Vec<i64> = rows.into_iter().map(|row| row.0).collect();
    sent.sort_unstable();
    assert_eq!(stored, sent, "each key once, and everything that was acknowledged");
}

#[tokio::test]
async fn a_server_that_stalls_with_the_lock_in_hand_holds_up_nobody_for_long() {
    let Some((place, servers)) = two().await else { return };
    join(&servers[0], "a").await;
    let mut stalled = raw(&place).await;
    // What a stopped process leaves behind: a session with the lock, and with our time-outs.
    let sql = "SET idle_in_transaction_session_timeout = '1s'; BEGIN; \
         SELECT pg_advisory_xact_lock(4850, hashtext(current_schema()))";
    stalled.execute(sql).await.unwrap();
    let sent = timeout(PATIENCE, send(&servers[1], "a", "k")).await.unwrap();
    assert!(sent.0 > 0);
    drop(stalled.close().await);
}
