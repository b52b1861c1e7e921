//! Why a command ended without success: one line, what to do about it, and the exit code.

use std::{
    fmt,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use relay_client::core::text::printable;

/// Why a command ended without success.
#[derive(Debug)]
pub struct Failure {
    exit: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn new(exit: u8, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    /// Somebody said no: the machine, Codex or the relay.
    pub fn refused(message: impl fmt::Display) -> Self {
        Self::new(1, message)
    }

    /// Wrong arguments, or a setting with a bad value.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(2, message)
    }

    /// A file or folder that cannot be read, written, made or removed.
    pub fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::refused(format_args!("cannot {verb} {}: {error}", path.display()))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Adds what to do next, where nothing better is known.
    #[must_use]
    pub fn or_hint(self, hint: impl fmt::Display) -> Self {
        if self.hint.is_some() { self } else { self.hint(hint) }
    }

    /// What to do next, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Tells the person, and the exit code to end with.
    pub fn report(&self) -> ExitCode {
        // Whoever listened may have gone; the exit code still tells.
        let _ = writeln!(io::stderr(), "error: {}", one_line(&self.message));
        if let Some(hint) = &self.hint {
            let _ = writeln!(io::stderr(), "hint: {}", one_line(hint));
        }
        ExitCode::from(self.exit)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What came from elsewhere may hold anything; it stays on its one line.
fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Says what a person may want to know. Nobody may be listening; that is no reason to end.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", printable(text));
}

/// Says what a person should know: it worked, but perhaps not as meant.
pub fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "warning: {}", one_line(text));
}

/// Prints data.
pub fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever read has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|error| Failure::refused(format_args!("cannot write: {error}"))),
    }
}
