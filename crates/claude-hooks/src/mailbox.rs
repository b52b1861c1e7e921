//! An agent's mailbox on disk: what has come, what the session has, what it is done with.
//!
//! A message is a file that moves from folder to folder, each move one rename: `queue` (come, not
//! seen), `taken` (in the context of a turn that runs), `ended` (that turn has ended) and then gone;
//! `again` holds what stands in the context of a turn that was cut off. Losing the folder loses no
//! mail: what is not marked read comes again from the relay.

mod note;

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use relay_client::place::{create_private_dir, write_private};
use relay_core::{
    id::MessageId,
    message::{Message, Urgency},
    prompt::Reader,
};

pub use self::note::Note;
use crate::path::Via;

/// Claude Code puts what a hook gives it into the context up to 10,000 characters; above that the
/// model sees the beginning and a file's name.
const ROOM: usize = 9_400;
const CUT_OFF: &str = "The session was cut off in the turn that had these, and you have their text; \
                       do what is still open: ";

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has come.
    Queue,
    /// It stands in the context of a turn that was cut off.
    Again,
    /// It stands in the context of a turn.
    Taken,
    /// That turn has ended.
    Ended,
}

impl Stage {
    const ALL: [Stage; 4] = [Stage::Queue, Stage::Again, Stage::Taken, Stage::Ended];

    fn folder(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Again => "again",
            Self::Taken => "taken",
            Self::Ended => "ended",
        }
    }
}

/// A message in the mailbox.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub message: Message,
    /// How it came into the context, once it has.
    pub via: Option<Via>,
}

/// An agent's mailbox.
#[derive(Clone, Debug)]
pub struct Mailbox {
    folder: PathBuf,
}

/// What a hook gives to the model, and what it has to move when it was given.
#[derive(Debug, Default)]
pub struct Batch {
    /// The text; empty where there is nothing.
    pub text: String,
    mail: Vec<Mail>,
}

impl Mailbox {
    /// The mailbox in that folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes its folders.
    pub fn create(&self) -> io::Result<()> {
        Stage::ALL.iter().try_for_each(|stage| create_private_dir(&self.stage(*stage)))
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file beside the mail.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The watched file.
    pub fn nudge_file(&self) -> PathBuf {
        self.file("nudge")
    }

    fn stage(&self, stage: Stage) -> PathBuf {
        self.folder.join(stage.folder())
    }

    /// Puts a message into the queue; false where it was there already, at whatever stage.
    pub fn put(&self, message: &Message) -> io::Result<bool> {
        if Stage::ALL.iter().any(|stage| self.holds(*stage, message)) {
            return Ok(false);
        }
        let text = serde_json::to_string(message).map_err(io::Error::other)?;
        write_private(&self.stage(Stage::Queue).join(name(message.id, None)), &text)?;
        Ok(true)
    }

    /// A relay begun anew counts its ids from the start, so that a message is known by its time too.
    fn holds(&self, stage: Stage, message: &Message) -> bool {
        let number = name(message.id, None);
        let mut alike = self.names(stage).into_iter().filter(|name| name.starts_with(&number));
        alike.any(|name| {
            self.mail(stage, &name)
                .is_some_and(|mail| mail.message.created_at == message.created_at)
        })
    }

    /// The mail at a stage, oldest first. What cannot be read is passed over.
    pub fn list(&self, stage: Stage) -> Vec<Mail> {
        self.names(stage).into_iter().filter_map(|name| self.mail(stage, &name)).collect()
    }

    /// How much is at a stage.
    pub fn count(&self, stage: Stage) -> usize {
        self.names(stage).len()
    }

    /// What the session has still to be told of.
    pub fn pending(&self) -> usize {
        self.count(Stage::Queue) + self.count(Stage::Again)
    }

    fn names(&self, stage: Stage) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.stage(stage)) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    fn mail(&self, stage: Stage, name: &str) -> Option<Mail> {
        let path = self.stage(stage).join(name);
        let message = serde_json::from_str(&fs::read_to_string(&path).ok()?).ok()?;
        let via = name.split('.').nth(1).and_then(Via::named);
        Some(Mail { path, message, via })
    }

    /// Keeps two hooks from giving the same message; `None` while another has it.
    pub fn try_lock(&self) -> Option<File> {
        let file = open_lock(&self.file("take.lock")).ok()?;
        file.try_lock().ok()?;
        Some(file)
    }

    /// Writes down what fits into one context, in order: first what was cut off, then what has come.
    /// With `later`, also what asked to come between turns. What has expired is dropped.
    pub fn batch(&self, reader: &Reader, later: bool) -> Batch {
        let mut batch = Batch::default();
        let again = self.list(Stage::Again);
        if !again.is_empty() {
            let headers: Vec<_> = again.iter().map(|mail| reader.reminder(&mail.message)).collect();
            batch.text = format!("{CUT_OFF}{}", fitting(&headers.join("; ")));
            batch.mail.extend(again);
        }
        for mail in self.list(Stage::Queue) {
            if mail.message.is_over(reader.now) {
                let _ = fs::remove_file(&mail.path);
                continue;
            }
            if mail.message.urgency == Urgency::Later && !later {
                continue;
            }
            let text = reader.message(&mail.message);
            if length(&batch.text) + 1 + length(&text) > ROOM {
                break;
            }
            if !batch.text.is_empty() {
                batch.text.push('\n');
            }
            batch.text.push_str(&text);
            batch.mail.push(mail);
        }
        batch
    }

    /// Moves what was given to `taken`, with the way it came.
    pub fn taken(&self, batch: &Batch, via: Via) {
        for mail in &batch.mail {
            let via = mail.via.unwrap_or(via);
            let to = self.stage(Stage::Taken).join(name(mail.message.id, Some(via)));
            let _ = fs::rename(&mail.path, to);
        }
    }

    /// What nobody needs to hand over any more leaves the queue. What a hook is just giving stays.
    pub fn withdraw(&self, id: MessageId) {
        let Some(_lock) = self.try_lock() else { return };
        let _ = fs::remove_file(self.stage(Stage::Queue).join(name(id, None)));
    }

    /// The turn has ended: what it had is handled.
    pub fn end_turn(&self) {
        self.move_all(Stage::Taken, |_| Stage::Ended);
    }

    /// A process that had mail is gone, and another goes on with its session. What the transcript
    /// has shall be thought of again; what it has not comes again.
    pub fn recover(&self, transcript: &str) {
        let stands = |message: &Message| {
            transcript.contains(&format!("[msg:{}] from {}", message.id, message.from))
        };
        let to = |mail: &Mail| if stands(&mail.message) { Stage::Again } else { Stage::Queue };
        self.move_all(Stage::Taken, to);
        self.move_all(Stage::Again, to);
    }

    fn move_all(&self, from: Stage, to: impl Fn(&Mail) -> Stage) {
        for mail in self.list(from) {
            let stage = to(&mail);
            let via = mail.via.filter(|_| stage != Stage::Queue);
            let _ = fs::rename(&mail.path, self.stage(stage).join(name(mail.message.id, via)));
        }
    }
}

/// Opens a file that is there to be locked.
pub fn open_lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        create_private_dir(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn name(id: MessageId, via: Option<Via>) -> String {
    match via {
        Some(via) => format!("{:016}.{}", id.0, via.as_str()),
        None => format!("{:016}", id.0),
    }
}

/// Claude Code counts as JavaScript does.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn fitting(text: &str) -> String {
    text.chars().take(ROOM / 4).collect()
}

#[cfg(test)]
mod tests;
