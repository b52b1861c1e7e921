//! How the session is doing: what its hooks say, and what Claude Code itself writes down.
//!
//! No hook runs when a person presses Esc or answers "No", so that the hooks alone would say busy
//! for ever. Claude Code keeps a file per process that is right then; it is undocumented, and so
//! only a hint: whichever of the two is newer counts.

use std::{fs, path::PathBuf};

use relay_client::{config::environment, place::write_private};
use relay_core::{agent::Status, text::Line, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{clock, mailbox::Mailbox, shortcut};

/// How the session is doing, since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mood {
    /// In a word.
    pub status: Status,
    /// What a person is waited for.
    #[serde(default)]
    pub detail: Option<Line>,
    /// Since when.
    pub at: Timestamp,
}

impl Mood {
    /// From now on.
    pub fn new(status: Status, detail: Option<&str>) -> Self {
        let detail = detail.and_then(|detail| detail.parse().ok());
        Self { status, detail, at: clock::now() }
    }

    /// What the hooks said last.
    pub fn of_hooks(mailbox: &Mailbox) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(file(mailbox)).ok()?).ok()
    }

    /// Writes it down, unless it is what stands there.
    pub fn save(&self, mailbox: &Mailbox) {
        let same = |old: Self| old.status == self.status && old.detail == self.detail;
        if Self::of_hooks(mailbox).is_some_and(same) && self.status == Status::Busy {
            return;
        }
        let busy = self.status == Status::Busy;
        if !busy {
            shortcut::busy(mailbox, false);
        }
        let text = serde_json::to_string(self).expect("plain JSON");
        if write_private(&file(mailbox), &text).is_ok() && busy {
            shortcut::busy(mailbox, true);
        }
    }

    /// What Claude Code says of that process.
    pub fn of_claude(pid: u32) -> Option<Self> {
        read(&fs::read_to_string(sessions_folder()?.join(format!("{pid}.json"))).ok()?)
    }

    /// The newer of the two.
    pub fn newer(hooks: Option<Self>, claude: Option<Self>) -> Option<Self> {
        match (hooks, claude) {
            (Some(hooks), Some(claude)) => Some(if claude.at > hooks.at { claude } else { hooks }),
            (hooks, claude) => hooks.or(claude),
        }
    }
}

fn file(mailbox: &Mailbox) -> PathBuf {
    mailbox.file("status.json")
}

fn sessions_folder() -> Option<PathBuf> {
    let own = environment("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty());
    let folder = match own {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(environment("HOME")?).join(".claude"),
    };
    Some(folder.join("sessions"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sheet {
    status: String,
    status_updated_at: i64,
    #[serde(default)]
    waiting_for: Option<String>,
}

fn read(text: &str) -> Option<Mood> {
    let sheet: Sheet = serde_json::from_str(text).ok()?;
    let status = match sheet.status.as_str() {
        "busy" => Status::Busy,
        "idle" | "shell" => Status::Idle,
        "waiting" => Status::Waiting,
        _ => return None,
    };
    let detail = sheet.waiting_for.and_then(|text| text.parse().ok());
    Some(Mood { status, detail, at: Timestamp(sheet.status_updated_at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mood(status: Status, at: i64) -> Mood {
        Mood { status, detail: None, at: Timestamp(at) }
    }

    #[test]
    fn claudes_own_words_are_read_leniently() {
        let read = |status: &str| {
            read(&format!(r#"{{"pid":1,"status":"{status}","statusUpdatedAt":7,"new":[]}}"#))
        };
        assert_eq!(read("busy"), Some(mood(Status::Busy, 7)));
        assert_eq!(read("shell"), Some(mood(Status::Idle, 7)));
        assert_eq!(read("dreaming"), None);
        assert_eq!(super::read("{}"), None);
        let waiting =
            r#"{"status":"waiting","statusUpdatedAt":1,"waitingFor":"permission prompt"}"#;
        assert_eq!(super::read(waiting).unwrap().detail.as_deref(), Some("permission prompt"));
    }

    #[test]
    fn the_newer_word_counts() {
        let (busy, idle) = (mood(Status::Busy, 5), mood(Status::Idle, 9));
        let newer = |a: &Mood, b: &Mood| Mood::newer(Some(a.clone()), Some(b.clone())).unwrap();
        assert_eq!(newer(&busy, &idle), idle, "Esc was pressed");
        assert_eq!(newer(&idle, &busy), idle, "the turn has ended");
        assert_eq!(Mood::newer(None, Some(idle.clone())), Some(idle));
        assert_eq!(Mood::newer(None, None), None);
    }
}
