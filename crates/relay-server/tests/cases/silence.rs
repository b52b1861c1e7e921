//! Who is slow or says nothing, in real time: the one place in these tests where time is waited
//! for, because it is the time-outs that are tried.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{case::Case, cases, verdict, wire::Socket, world::World};

/// How long a request's head may take.
const SHORT: Duration = Duration::from_secs(10);
/// Longer than any of the relay's time-outs.
const LONG: Duration = Duration::from_secs(40);
const CROWD: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slow_and_the_silent_are_cut_off_and_cost_others_nothing() {
    // Both ends of every connection are this process's.
    let _ = rlimit::increase_nofile_limit(4096);
    let world = World::with_a_token().await;
    let before = world.stored().await;
    let slow: Vec<Case> = cases(|_| true).into_iter().filter(|case| case.slow).collect();
    assert!(!slow.is_empty(), "the tables have slow cases");
    let mut crowd = crowd(&world).await;
    let served = async {
        for _ in 0..20 {
            assert_eq!(world.ask("GET", "/api/stats", Some("ADMIN"), None).await.status, 200);
        }
    };
    let gone = tokio::time::timeout(SHORT, join_all(crowd.iter_mut().map(Socket::closed)));
    let slow = join_all(slow.iter().map(|case| on(&world, case)));
    let (verdicts, (), gone) = tokio::join!(slow, served, gone);
    assert!(gone.is_ok(), "a crowd that says nothing more is cut off within {SHORT:?}");
    let failures: Vec<String> = verdicts.into_iter().flatten().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(world.stored().await, before, "something was stored");
}

/// Half a request each, and not a word more.
async fn crowd(world: &World) -> Vec<Socket> {
    let half = b"GET /api/stats HTTP/1.1\r\nHost: 127.0.0.1\r\n".to_vec();
    let address = world.relay.address();
    let sockets = join_all((0..CROWD).map(|_| Socket::send(address, half.clone(), false, None)));
    sockets.await.into_iter().collect::<Result<_, _>>().expect("all of them connect")
}

async fn on(world: &World, case: &Case) -> Vec<String> {
    let complaints = match case.sending(&world.values).exchange(world.relay.address(), LONG).await {
        Ok(answers) => answers.iter().flat_map(|a| verdict::on_answer(world, case, a)).collect(),
        Err(why) => vec![why],
    };
    complaints.into_iter().map(|complaint| format!("{}: {complaint}", case.name)).collect()
}
