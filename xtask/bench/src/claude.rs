//! What Agent Relay costs a session of Claude Code: in time per hook, in tokens, and until a message
//! is in the model's context. Beside it stands what the best peer was measured at (hcom 0.7.31 with
//! Claude Code 2.1.330, on another machine), as docs/providers.md quotes it.

mod hook;
#[cfg(target_os = "linux")]
mod session;
mod token;

use std::{fmt::Write as _, io, path::Path};

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
        eprintln!("bench: Claude Code");
        let mut rows = Self::default();
        token::count(&mut rows)?;
        hook::measure(&mut rows, hooks, if quick { 50 } else { 500 })?;
        #[cfg(target_os = "linux")]
        session::measure(&mut rows, if quick { 3 } else { 20 })?;
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
        let mut table = format!("{:<52} {:>10} {:>10} unit\n", "Claude Code", "ours", "peer");
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
