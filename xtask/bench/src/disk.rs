//! The disk alone: what one durable write costs here and now, before any server adds to it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use tokio::time::Instant;

use crate::load::{latencies, quantile, record};

/// What the disk takes, in milliseconds.
pub struct Run {
    pub p50: f64,
    pub p99: f64,
}

/// Appends 4 KiB and syncs them, a few hundred times in a row.
pub fn sync(folder: &Path) -> io::Result<Run> {
    let path = folder.join("disk");
    let mut file = File::create(&path)?;
    let mut seen = latencies();
    for _ in 0..300 {
        let started = Instant::now();
        file.write_all(&[b'x'; 4096])?;
        file.sync_data()?;
        record(&mut seen, started.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(Run { p50: quantile(&seen, 0.5), p99: quantile(&seen, 0.99) })
}
