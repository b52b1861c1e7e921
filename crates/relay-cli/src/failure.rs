//! Why a command ended without success: one line, what to do about it, and the exit code.

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};
use relay_client::{error::ClientError, identity::IdentityError};
use relay_core::text::printable;
use relay_store::StoreError;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// The exit codes besides 0. Scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The relay, or the machine, said no: busy, taken, not found.
    Refused = 1,
    /// Wrong arguments, or a setting with a bad value.
    Usage = 2,
    /// The relay is unreachable, or does not allow it.
    Unreachable = 3,
    /// The person at the keyboard stopped it, as shells count it.
    Interrupted = 130,
}

/// Why a command ended without success.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
    unauthorized: bool,
}

impl Failure {
    fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None, unauthorized: false }
    }

    /// Somebody said no.
    pub fn refused(message: impl fmt::Display) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// Wrong arguments, or a setting with a bad value.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The relay is not there, or does not allow it.
    pub fn unreachable(message: impl fmt::Display) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// Stopped from the keyboard.
    pub fn interrupted(message: impl fmt::Display) -> Self {
        Self::new(Exit::Interrupted, message)
    }

    /// Whoever read our output has gone: nothing is wrong and nobody is there to be told.
    fn quiet() -> Self {
        Self::new(Exit::Refused, "")
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Adds what to do next, where that is known.
    #[must_use]
    pub fn maybe_hint(self, hint: Option<impl fmt::Display>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// True when the relay did not accept the token.
    pub fn is_unauthorized(&self) -> bool {
        self.unauthorized
    }

    /// Tells the person, and the exit code to end with.
    pub fn report(&self) -> ExitCode {
        if self.message.is_empty() {
            return ExitCode::SUCCESS;
        }
        let mut talk = anstream::stderr().lock();
        // Whoever listened may have gone; the exit code still tells.
        let _ = writeln!(talk, "{ERROR}error:{ERROR:#} {}", one_line(&self.message));
        if let Some(hint) = &self.hint {
            let _ = writeln!(talk, "{HINT}hint:{HINT:#} {}", one_line(hint));
        }
        ExitCode::from(self.exit as u8)
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

/// Output that cannot be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::quiet(),
            _ => Self::refused(format_args!("cannot write the output: {error}")),
        }
    }
}

/// What came back from the relay, or did not.
impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Refused(refusal) if matches!(refusal.status, 400 | 413 | 415) => {
                Exit::Usage
            }
            ClientError::Refused(_) => Exit::Refused,
            ClientError::Config(_) => Exit::Usage,
            ClientError::Unauthorized(_)
            | ClientError::Unreachable { .. }
            | ClientError::Protocol { .. } => Exit::Unreachable,
        };
        let unauthorized = error.status() == Some(401);
        Self { unauthorized, ..Self::new(exit, &error).maybe_hint(error.hint()) }
    }
}

/// What to do about a PostgreSQL that cannot be reached.
pub const NO_POSTGRES: &str =
    "is PostgreSQL there, and does it let this user in? AGENT_RELAY_DATABASE_URL says where";

/// A database that cannot be had.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::Locked { .. } => {
                "stop the relay that has it, or choose another file with --db"
            }
            StoreError::Newer { .. } => {
                "run the newer agent-relay, or choose another file with --db"
            }
            StoreError::Foreign { .. } => "choose another file with --db; this one was not touched",
            StoreError::Path { .. } => "choose another file with --db, or mend the folder",
            StoreError::Unreachable { .. } => NO_POSTGRES,
            StoreError::Damaged { .. } => "restore a backup, or choose another file with --db",
            StoreError::Full => "make room on the disk",
            _ => return Self::refused(error),
        };
        Self::refused(error).hint(hint)
    }
}

/// Nobody can tell who we are.
impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Unreadable { .. } => Self::refused(error),
            IdentityError::Ambiguous { .. } | IdentityError::Config(_) => Self::usage(error),
        }
    }
}

/// A rule that the command line itself asked: the same words as from the relay.
impl From<relay_core::error::Refused> for Failure {
    fn from(refused: relay_core::error::Refused) -> Self {
        Self::refused(&refused).maybe_hint(refused.hint.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_message_holds_it_stays_on_its_line() {
        assert_eq!(one_line("a\u{1b}[2J\nhint: lies\r\n b"), "a[2J hint: lies b");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(format!("{:?}", gone.report()), format!("{:?}", ExitCode::SUCCESS));
    }
}
