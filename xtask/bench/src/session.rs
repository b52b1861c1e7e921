//! What Agent Relay costs a session of Claude Code or Codex: in time per hook, in tokens, and until a
//! message is in the model's context. Beside it stands what the best peer was measured at (hcom 0.7.31
//! with Claude Code 2.1.330 and Codex 0.169, on another machine), as docs/providers.md quotes it.

#[cfg(target_os = "linux")]
mod claude;
#[cfg(target_os = "linux")]
mod codex;
mod hook;
mod token;

use std::{fmt::Write as _, io, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::figure::number;

/// One figure, and the peer's where it is known.
struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    peer: Option<f64>,
}

/// All of them, in the order in which they were measured.
#[derive(Default)]
pub struct Rows {
    rows: Vec<Row>,
    /// What could not be measured, and why.
    missing: Vec<&'static str>,
}

impl Rows {
    /// Measures everything that can be measured here.
    pub fn measure(hooks: &Path, quick: bool) -> io::Result<Self> {
        eprintln!("bench: sessions of Claude Code and Codex");
        let mut rows = Self::default();
        token::count(&mut rows)?;
        hook::measure(&mut rows, hooks, if quick { 50 } else { 500 })?;
        #[cfg(target_os = "linux")]
        {
            let count = if quick { 3 } else { 20 };
            claude::measure(&mut rows, count)?;
            codex::measure(&mut rows, count)?;
        }
        Ok(rows)
    }

    fn add(&mut self, name: &'static str, value: f64, unit: &'static str, peer: Option<f64>) {
        self.rows.push(Row { name, value, unit, peer });
    }

    fn miss(&mut self, why: &'static str) {
        self.missing.push(why);
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = format!("{:<52} {:>10} {:>10} unit\n", "sessions", "ours", "peer");
        for Row { name, value, unit, peer } in &self.rows {
            let peer = peer.map_or_else(String::new, number);
            let _ = writeln!(table, "{name:<52} {:>10} {peer:>10} {unit}", number(*value));
        }
        for why in &self.missing {
            let _ = writeln!(table, "{why}");
        }
        table
    }

    /// For programs.
    pub fn json(&self) -> Value {
        self.rows
            .iter()
            .map(|row| json!({"name": row.name, "value": row.value, "unit": row.unit, "peer": row.peer}))
            .collect()
    }
}

/// The median and the longest, in seconds.
#[cfg(target_os = "linux")]
fn spread(mut took: Vec<Duration>) -> (f64, f64) {
    took.sort();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    let longest = took.last().copied().unwrap_or_default();
    (median.as_secs_f64(), longest.as_secs_f64())
}
