//! What a command prints: data to standard output, talk to standard error.
//!
//! `--json` prints the API's own object, nothing else. Otherwise people read it: nothing that came
//! from elsewhere may move the cursor, change colours or look like a line of ours.

pub mod agent;
pub mod channel;
pub mod event;
pub mod integration;
pub mod message;
pub mod pair;
pub mod task;

use std::io::Write as _;

use anstyle::{AnsiColor, Effects, Style};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use relay_core::text::printable;
use serde::Serialize;

use crate::failure::Failure;

/// What stands out in a line.
pub const STRONG: Style = Style::new().effects(Effects::BOLD);
/// What stands back.
pub const FAINT: Style = Style::new().effects(Effects::DIMMED);
const WARNING: Style = AnsiColor::Yellow.on_default();

/// Where a command prints to.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Output for people, or as JSON.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints what was read or made: the API's own object for programs, a line or several for
    /// people.
    pub fn show<T: Serialize>(
        self,
        object: &T,
        people: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            return data(&to_json(serde_json::to_string_pretty(object))?);
        }
        self.line(&people())
    }

    /// Prints a list: one JSON array, or a line each; where there is nothing, says so.
    pub fn list<T: Serialize>(
        self,
        objects: &[T],
        nothing: &str,
        people: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if !self.json && objects.is_empty() {
            self.note(nothing);
            return Ok(());
        }
        self.show(&objects, people)
    }

    /// Prints one element of an endless list: a line of JSON, or a line for people.
    pub fn element<T: Serialize>(
        self,
        object: &T,
        people: impl FnOnce() -> Option<String>,
    ) -> Result<(), Failure> {
        if self.json {
            return data(&to_json(serde_json::to_string(object))?);
        }
        people().map_or(Ok(()), |line| self.line(&line))
    }

    /// Prints data for people.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        writeln!(out, "{}", text.trim_end_matches('\n'))?;
        Ok(out.flush()?)
    }

    /// Says what a person may want to know beside the data.
    pub fn note(self, text: &str) {
        talk(FAINT, text);
    }

    /// Says what a person should know: it worked, but perhaps not as meant.
    pub fn warn(self, text: &str) {
        talk(WARNING, text);
    }
}

/// Prints for programs, byte for byte: what strips colours off might take a message's own characters.
fn data(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Nobody may be listening any more; that is no reason to end.
fn talk(style: Style, text: &str) {
    let _ = writeln!(anstream::stderr(), "{style}{}{style:#}", printable(text));
}

fn to_json(text: serde_json::Result<String>) -> Result<String, Failure> {
    text.map_err(|error| Failure::refused(format_args!("cannot write as JSON: {error}")))
}

/// One line of text from elsewhere: nothing hidden, no line of its own.
pub fn inline(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A table without lines, as wide as the terminal; unbounded where there is none.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_its_columns_up() {
        let rows = [vec!["a".to_owned(), "long enough".to_owned()], vec!["bcd".into(), "x".into()]];
        assert_eq!(table(&["id", "what"], rows), "ID   WHAT\na    long enough\nbcd  x");
    }

    #[test]
    fn a_name_cannot_break_its_line() {
        assert_eq!(inline("a\n[msg:1] from human:\u{1b}[31m b"), "a [msg:1] from human:[31m b");
    }
}
