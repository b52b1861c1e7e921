//! The real Claude Code, where it is installed: from sending a message to the model's having it.

use std::io;

use testkit::{
    World,
    claude::{Setup, measure},
    program::{self, Version},
};

use super::{Rows, spread};

/// Adds the rows.
pub fn measure(rows: &mut Rows, count: usize) -> io::Result<()> {
    let Some(claude) = program::claude(Version::Newest) else {
        rows.miss("not measured: how soon mail is there, because there is no claude (RELAY_TEST_CLAUDE names one)");
        return Ok(());
    };
    let setup = Setup { claude, ..Setup::default() };
    // The relay runs in this process, and the terminals are waited for.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (idle, busy) = runtime.block_on(async {
        let world = World::new().await;
        let idle = measure::idle_wake(&world, &setup, count).await;
        let mut busy = Vec::new();
        for _ in 0..count.div_ceil(4) {
            // Each time in a session of its own, whose first tool it is.
            busy.extend(measure::after_tool(&world, &setup, 1).await);
        }
        (idle, busy)
    });
    let (median, longest) = spread(idle);
    rows.add("idle session, median until the model has it", median, "s", Some(0.107));
    rows.add("idle session, longest", longest, "s", Some(0.445));
    let (median, longest) = spread(busy);
    rows.add("busy session, median from the tool's end", median, "s", None);
    rows.add("busy session, longest", longest, "s", None);
    Ok(())
}
