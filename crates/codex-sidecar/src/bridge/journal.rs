//! What outlasts the bridge, for each thread: the mail that is on its way, and what the thread was
//! told.
//!
//! Losing it loses no mail, since the relay keeps what is unread; what it saves is that a message
//! comes twice, or that nobody thinks of one whose turn was cut off.

use std::{fs, io, path::PathBuf};

use relay_client::place::{self, write_private};
use serde::{Deserialize, Serialize};

use super::mail::Mail;

/// What outlasts the bridge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Journal {
    /// The mail on its way.
    pub mail: Mail,
    /// What the thread was last told about the relay.
    pub told: Option<String>,
}

/// Where a thread's journal is kept, for its user only.
#[derive(Clone, Debug)]
pub struct JournalFile(PathBuf);

impl JournalFile {
    /// That of a thread of this user.
    pub fn of_thread(thread: &str) -> Result<Self, relay_client::ConfigError> {
        Ok(Self::in_folder(&place::state_dir()?, thread))
    }

    fn in_folder(folder: &std::path::Path, thread: &str) -> Self {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String = thread.chars().map(safe).take(128).collect();
        Self(folder.join("codex").join("thread").join(format!("{name}.json")))
    }

    /// What it holds; nothing where it cannot be read.
    pub fn read(&self) -> Journal {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Writes what must outlast this process.
    pub fn write(&self, journal: &Journal) -> io::Result<()> {
        let kept = Journal { mail: journal.mail.kept(), told: journal.told.clone() };
        let text = serde_json::to_string(&kept).map_err(io::Error::other)?;
        write_private(&self.0, &text)
    }
}

#[cfg(test)]
mod tests {
    use relay_client::core::time::Timestamp;

    use super::*;
    use crate::bridge::batch::{
        Room, Via,
        tests::{message, reader},
    };

    #[test]
    fn what_is_on_its_way_outlasts_the_process_and_what_waits_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = JournalFile::in_folder(folder.path(), "../a thread");
        assert_eq!(file.read(), Journal::default());
        let mut journal = Journal { told: Some("hello".into()), ..Journal::default() };
        journal.mail.arrive(message(1, "sent"), false, Timestamp(0));
        journal.mail.send(&reader(), true, Via::Turn, Room::OF_TURN).unwrap();
        journal.mail.arrive(message(2, "waits"), false, Timestamp(0));
        file.write(&journal).unwrap();
        let read = file.read();
        assert_eq!(read.told.as_deref(), Some("hello"));
        assert_eq!(read.mail, journal.mail.kept());
        assert!(read.mail.is_in_flight() && read.mail.pending().is_empty());
        fs::write(&file.0, "{ half").unwrap();
        assert_eq!(file.read(), Journal::default());
    }
}
