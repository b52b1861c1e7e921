//! Notes: what a sender is told of the turn that its message began. A hook writes them down, the
//! companion sends them.

use std::{fs, path::PathBuf};

use relay_client::place::write_private;
use relay_core::{message::Message, text::Slug};
use serde::{Deserialize, Serialize};

use super::{Mailbox, Stage, name};

/// How a note is marked, so that it is not itself answered with one.
const KIND: &str = "system";

/// A note to a message's sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub message: Message,
    /// What the sender is told.
    pub text: String,
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
}

impl Note {
    /// The kind of message that it is sent as.
    pub fn kind() -> Slug {
        KIND.parse().expect("a slug")
    }
}

impl Mailbox {
    /// Writes a note to everybody whose mail the running turn has. Of several for one message the
    /// first one stays.
    pub fn note(&self, text: &str) {
        for mail in self.list(Stage::Taken) {
            let path = self.notes_folder().join(name(mail.message.id, None));
            if mail.message.kind.as_str() == KIND || path.exists() {
                continue;
            }
            let note = Note { message: mail.message, text: text.to_owned(), path };
            let text = serde_json::to_string(&note).expect("plain JSON");
            // Without it the sender is not told, and the call is denied all the same.
            let _ = write_private(&note.path, &text);
        }
    }

    /// The notes that are not sent yet.
    pub fn notes(&self) -> Vec<Note> {
        let entries = fs::read_dir(self.notes_folder()).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter_map(|path| Some(Note { path: path.clone(), ..read(&path)? })).collect()
    }

    fn notes_folder(&self) -> PathBuf {
        self.file("note")
    }
}

fn read(path: &std::path::Path) -> Option<Note> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}
