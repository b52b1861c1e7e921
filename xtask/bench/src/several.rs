//! Several relays on one PostgreSQL: what they store together, beside what one stores alone.

use std::io;

use relay_store::testing;

use crate::agents;
use crate::contender::Yard;
use crate::load::{self, Length, Run};
use crate::plan;
use crate::reply::Framing;
use crate::request;
use crate::server::Server;

/// The connections of the load.
const CONNECTIONS: usize = 64;

/// Runs one relay and then several, a few times in turn, each on a new database. Returns a table of the
/// medians, and how many times as much the several stored.
pub async fn measure(
    yard: &Yard,
    count: usize,
    rounds: usize,
    length: Length,
) -> io::Result<(String, f64)> {
    let mut runs: [Vec<Run>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (place, relays) in [1, count].into_iter().enumerate() {
            runs[place].push(run(yard, relays, length).await?);
        }
    }
    let mut table =
        format!("{:<44} {:>10} {:>10} {:>10}\n", "PostgreSQL", "/s", "p50 ms", "p99 ms");
    let [one, several] = runs.map(|mut runs| {
        runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        runs.swap_remove(runs.len() / 2)
    });
    for (relays, run) in [(1, &one), (count, &several)] {
        let name = format!("{relays} relays, {CONNECTIONS} connections");
        let Run { per_second, p50, p99 } = run;
        table.push_str(&format!("{name:<44} {per_second:>10.0} {p50:>10.2} {p99:>10.2}\n"));
    }
    Ok((table, several.per_second / one.per_second))
}

async fn run(yard: &Yard, relays: usize, length: Length) -> io::Result<Run> {
    let place = testing::postgres().await;
    let url = place.as_ref().and_then(testing::url);
    let url =
        url.ok_or_else(|| io::Error::other("no PostgreSQL here, nor at RELAY_TEST_POSTGRES_URL"))?;
    let servers: Vec<Server> =
        (0..relays).map(|_| yard.start_on(&url)).collect::<io::Result<_>>()?;
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let agents = agents::register(addresses[0], "bench", CONNECTIONS).await?;
    let pairs = agents.iter().zip(agents.iter().cycle().skip(1));
    let requests =
        pairs.map(|(from, to)| request::send(&from.token, &from.id, &to.id, plan::BODY)).collect();
    load::closed_loop(&addresses, Framing::Http, requests, length).await
}
