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
    let mut runs: [Vec<(Run, Option<f64>)>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (place, relays) in [1, count].into_iter().enumerate() {
            runs[place].push(run(yard, relays, length).await?);
        }
    }
    let mut table = format!(
        "{:<40} {:>10} {:>10} {:>10} {:>12}\n",
        "PostgreSQL", "/s", "p50 ms", "p99 ms", "cores busy"
    );
    let [one, several] = runs.map(|mut runs| {
        runs.sort_by(|a, b| a.0.per_second.total_cmp(&b.0.per_second));
        runs.swap_remove(runs.len() / 2)
    });
    for (relays, (run, busy)) in [(1, &one), (count, &several)] {
        let relays = if relays == 1 { "1 relay".to_owned() } else { format!("{relays} relays") };
        let name = format!("{relays}, {CONNECTIONS} connections");
        let Run { per_second, p50, p99 } = run;
        let busy = busy.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
        let line = format!("{name:<40} {per_second:>10.0} {p50:>10.2} {p99:>10.2} {busy:>12}\n");
        table.push_str(&line);
    }
    Ok((table, several.0.per_second / one.0.per_second))
}

/// What was stored, and which share of the machine's time was not idle meanwhile.
async fn run(yard: &Yard, relays: usize, length: Length) -> io::Result<(Run, Option<f64>)> {
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
    let before = times();
    let run = load::closed_loop(&addresses, Framing::Http, requests, length).await?;
    let busy = before.zip(times()).map(|(before, after)| {
        let (idle, all) = (after.0 - before.0, after.1 - before.1);
        1.0 - idle / all
    });
    Ok((run, busy))
}

/// How long the machine's cores were idle, and how long they have run, in the kernel's own unit (proc(5),
/// `/proc/stat`: idle and iowait are the fourth and the fifth). `None` on other systems.
fn times() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let numbers: Vec<f64> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    // The last two are part of the first two.
    Some((numbers.get(3)? + numbers.get(4)?, numbers.iter().take(8).sum()))
}
