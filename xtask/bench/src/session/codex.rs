//! The real Codex, where it is installed: from sending a message to the model's having it.

use std::io;

use testkit::{
    World,
    codex::{Setup, measure},
};

use super::{Rows, spread};

/// Adds the rows.
pub fn measure(rows: &mut Rows, count: usize) -> io::Result<()> {
    let Some(setup) = Setup::find() else {
        rows.miss("not measured: Codex, because there is no codex (RELAY_TEST_CODEX names one)");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (idle, burst) = runtime.block_on(async {
        let world = World::new().await;
        let idle = measure::idle_wake(&world, &setup, count).await;
        (idle, measure::burst(&world, &setup).await)
    });
    let (median, longest) = spread(idle);
    rows.add("Codex, idle: median until the model has it", median, "s", Some(0.108));
    rows.add("Codex, idle: longest", longest, "s", Some(0.133));
    let whole = f64::from(u32::try_from(burst.whole).unwrap_or(u32::MAX));
    rows.add("Codex, 100 of 300 characters: whole in the context", whole, "", Some(67.0));
    let turns = f64::from(u32::try_from(burst.requests).unwrap_or(u32::MAX));
    rows.add("Codex, the same: requests to the model", turns, "", None);
    rows.add("Codex, the same: until the last turn has ended", burst.took.as_secs_f64(), "s", None);
    Ok(())
}
