//! What can go wrong with storage, told apart by what the caller may conclude from it.

use std::path::PathBuf;

use relay_core::error::{Code, Refused};
use sqlx::postgres::PgDatabaseError;

/// Why the store did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A rule said no; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The disk is full; nothing was stored.
    #[error("the disk is full; nothing was stored")]
    Full,
    /// The disk refused; nothing was stored.
    #[error("the database refused: {0}")]
    Failed(String),
    /// A statement failed; nothing was stored. A bug, or a value that should have been refused.
    #[error("a statement failed: {0}")]
    Statement(String),
    /// The disk failed while the change was being made final: it may or may not be there.
    #[error("the disk failed while storing; the change may or may not be there")]
    OutcomeUnknown,
    /// Too much waits to be written.
    #[error("too much is waiting to be written")]
    Overloaded,
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
    /// Another process has the database open.
    #[error("{} is in use by another relay{}", .path.display(), .pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    Locked {
        /// The database file.
        path: PathBuf,
        /// The process that has it, where it says so.
        pid: Option<u32>,
    },
    /// The database was written by a newer relay; it was not touched.
    #[error("{} has schema {found}, written by a newer relay; this one knows up to {known}", .path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema this build knows.
        known: i64,
    },
    /// The file is a database, but not a relay's; it was not touched.
    #[error("{} is no relay database", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be used.
    #[error("{}: {why}", .path.display())]
    Path {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// No connection to the database's server came about.
    #[error("{address}: {why}")]
    Unreachable {
        /// The database, without its password.
        address: String,
        /// What the system or the server said.
        why: String,
    },
    /// The database is damaged.
    #[error("{} is damaged: {why}", .path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What the check found.
        why: String,
    },
    /// The linked SQLite has a bug that loses data.
    #[error("SQLite {found} loses data under load; this relay needs 3.51.3 or newer")]
    SqliteTooOld {
        /// The linked version.
        found: String,
    },
}

impl StoreError {
    /// The stable word for the API.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refused) => refused.code,
            Self::Full => Code::StorageFull,
            Self::OutcomeUnknown => Code::OutcomeUnknown,
            Self::Overloaded => Code::Overloaded,
            Self::Closed => Code::ShuttingDown,
            Self::Failed(_)
            | Self::Statement(_)
            | Self::Locked { .. }
            | Self::Newer { .. }
            | Self::Foreign { .. }
            | Self::Path { .. }
            | Self::Unreachable { .. }
            | Self::Damaged { .. }
            | Self::SqliteTooOld { .. } => Code::StorageFailed,
        }
    }

    /// The same failure for every command of a batch.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Refused(refused) => Self::Refused(refused.clone()),
            Self::Full => Self::Full,
            Self::OutcomeUnknown => Self::OutcomeUnknown,
            Self::Overloaded => Self::Overloaded,
            Self::Closed => Self::Closed,
            Self::Statement(why) => Self::Statement(why.clone()),
            other => Self::Failed(other.to_string()),
        }
    }

    /// True when the connection that failed cannot be trusted any more: the kernel may have dropped
    /// what it could not write, and the next flush may say that all is well.
    pub(crate) fn is_suspect(&self) -> bool {
        matches!(self, Self::OutcomeUnknown | Self::Failed(_))
    }
}

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>) that mean more to us than
/// "it failed".
mod primary {
    pub(super) const ERROR: i64 = 1;
    pub(super) const FULL: i64 = 13;
    pub(super) const TOO_BIG: i64 = 18;
    pub(super) const CONSTRAINT: i64 = 19;
    pub(super) const MISMATCH: i64 = 20;
    pub(super) const RANGE: i64 = 25;
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(told) = error.as_database_error() else { return Self::Failed(error.to_string()) };
        let code = told.code().unwrap_or_default();
        if told.try_downcast_ref::<PgDatabaseError>().is_some() {
            return Self::of_postgres(&code, error.to_string());
        }
        Self::of_sqlite(code.parse().unwrap_or_default(), error.to_string())
    }
}

impl StoreError {
    fn of_sqlite(code: i64, text: String) -> Self {
        use primary::{CONSTRAINT, ERROR, FULL, MISMATCH, RANGE, TOO_BIG};
        match code & 0xff {
            FULL => Self::Full,
            ERROR | CONSTRAINT | TOO_BIG | MISMATCH | RANGE => Self::Statement(text),
            _ => Self::Failed(text),
        }
    }

    /// By the class of a SQLSTATE, its first two characters
    /// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
    fn of_postgres(state: &str, text: String) -> Self {
        match (state, state.get(..2)) {
            ("53100", _) => Self::Full,
            // The writers' lock, or a row, was not to be had in time: others have much to write.
            ("55P03", _) => Self::Overloaded,
            // Not supported, wrong cardinality, data, integrity, syntax or access rule, a limit.
            (_, Some("0A" | "21" | "22" | "23" | "42" | "54")) => Self::Statement(text),
            _ => Self::Failed(text),
        }
    }
}

impl StoreError {
    /// What an error means when it came while the change was being made final.
    pub(crate) fn at_commit(error: impl Into<Self>) -> Self {
        match error.into() {
            Self::Failed(why) => {
                tracing::error!(error = why, "the disk failed at a commit");
                Self::OutcomeUnknown
            }
            known => known,
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("a stored value cannot be read: {error}"))
    }
}
