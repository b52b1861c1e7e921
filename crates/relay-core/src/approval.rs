//! Verdicts: whether an agent's tool call may run under its approval mode.
//!
//! How a call passes through: [`call`](Call) takes a tool's name and input apart, `script` parses
//! shell text and walks it, `word` says what each word is known to hold, `command` looks through
//! `env`, `bash -c`, `xargs` and the like, and then `reading` (the allow-list of `read-only`) or
//! `danger` (the list of what `guarded` asks about) has the last word.
//!
//! It is a judgement of text. Paths are compared as they are written, with `~`, `.` and `..`
//! resolved; symbolic links, aliases, the variables of the session and what a program does once it
//! runs are not known here. Where `read-only` does not understand, it denies; `guarded` asks.

mod call;
mod command;
mod danger;
mod expansion;
mod file;
mod git;
mod package;
mod place;
mod program;
mod reading;
mod remote;
mod script;
mod sed;
mod syntax;
mod word;

use std::{fmt, thread};

pub use call::Call;
pub use place::Place;

use crate::{agent::Approval, text};

/// What may become of a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may run.
    Allow,
    /// A person decides.
    Ask(Reason),
    /// It may not run.
    Deny(Reason),
}

impl Verdict {
    /// The verdict where nobody is there to be asked: what would ask is denied.
    #[must_use]
    pub fn unattended(self) -> Self {
        match self {
            Self::Ask(reason) => Self::Deny(reason),
            other => other,
        }
    }

    /// The reason, where there is one to give.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Allow => None,
            Self::Ask(reason) | Self::Deny(reason) => Some(reason),
        }
    }
}

/// Why a call was not simply allowed, as one line for the model and the person:
/// `deletes files: rm -rf build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The most characters of a command that are quoted.
    const MOST: usize = 160;

    /// A reason about a piece of text, which is shown on one line, cut and without hidden characters.
    pub(crate) fn about(why: &str, what: &str) -> Self {
        let line = text::printable(what).split_whitespace().collect::<Vec<_>>().join(" ");
        let mut shown: String = line.chars().take(Self::MOST).collect();
        if shown.len() < line.len() {
            shown.push('…');
        }
        Self(if shown.is_empty() { why.to_owned() } else { format!("{why}: {shown}") })
    }

    /// The reason's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing to object to, or the first reason to.
pub(crate) type Checked = Result<(), Reason>;

/// What is looked for: the two modes that gate anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Everything passes but what is known to destroy or to reach outward, and what cannot be read.
    Guarded,
    /// Nothing passes but what is known to read.
    ReadOnly,
}

/// Decides whether a call may run. Never panics, whatever the text; `open` allows everything
/// without looking at it.
pub fn judge(mode: Approval, call: &Call, place: &Place) -> Verdict {
    match mode {
        Approval::Open => Verdict::Allow,
        Approval::Guarded => examine(Gate::Guarded, call, place).map_or_else(Verdict::Ask, allow),
        Approval::ReadOnly => {
            examine(Gate::ReadOnly, call, place).map_or_else(Verdict::Deny, allow)
        }
    }
}

fn allow((): ()) -> Verdict {
    Verdict::Allow
}

/// The stack of the thread that reads. Parsing recurses, text may be nested on purpose, and a
/// program that overflows its stack is gone without a verdict; memory is taken only as it is used.
const STACK: usize = 256 << 20;

fn examine(gate: Gate, call: &Call, place: &Place) -> Checked {
    let Call::Shell { text } = call else {
        return call::examine(gate, call, place);
    };
    let read = || script::Reader::new(gate, place).script(text);
    let read = thread::scope(|scope| {
        let reading = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        reading.ok().and_then(|reading| reading.join().ok())
    });
    // Neither a thread that cannot start nor a parser that panics may let a command pass.
    read.unwrap_or_else(|| Err(unreadable(text)))
}

/// The reason for what the parser or the rules do not understand.
pub(crate) fn unreadable(text: &str) -> Reason {
    Reason::about("cannot be read for certain", text)
}

#[cfg(test)]
mod tests;
