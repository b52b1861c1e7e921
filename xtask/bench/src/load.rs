//! The closed loop: so many connections, each sending its next request when the last is answered.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::reply::Framing;

/// What one run of the loop saw.
pub struct Run {
    pub per_second: f64,
    /// Milliseconds from writing a request to having its reply.
    pub p50: f64,
    pub p99: f64,
}

/// How long one run is.
#[derive(Clone, Copy)]
pub struct Length {
    pub warm_up: Duration,
    pub measured: Duration,
}

/// Runs one connection per request, to each of the addresses in turn, all on this thread, so that the
/// servers have the other.
pub async fn closed_loop(
    addresses: &[SocketAddr],
    framing: Framing,
    requests: Vec<Vec<u8>>,
    length: Length,
) -> io::Result<Run> {
    let seen = Rc::new(RefCell::new(latencies()));
    let local = LocalSet::new();
    let from = Instant::now() + length.warm_up;
    let until = from + length.measured;
    let loops: Vec<_> = requests
        .into_iter()
        .zip(addresses.iter().copied().cycle())
        .map(|(request, address)| {
            let seen = Rc::clone(&seen);
            local.spawn_local(async move {
                let mut connection = Connection::open(address, framing).await?;
                loop {
                    let sent = Instant::now();
                    if sent >= until {
                        return Ok::<(), io::Error>(());
                    }
                    connection.exchange(&request).await?;
                    let answered = Instant::now();
                    if sent >= from && answered < until {
                        record(&mut seen.borrow_mut(), answered - sent);
                    }
                }
            })
        })
        .collect();
    local.await;
    for one in loops {
        one.await.map_err(io::Error::other)??;
    }
    let seen = seen.borrow();
    let per_second = seen.len() as f64 / length.measured.as_secs_f64();
    Ok(Run { per_second, p50: quantile(&seen, 0.5), p99: quantile(&seen, 0.99) })
}

/// A histogram of nanoseconds up to a minute, with three digits.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

pub fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(latency.as_nanos() as u64);
}

/// In milliseconds.
pub fn quantile(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1e6
}
