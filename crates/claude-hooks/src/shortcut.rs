//! What the plugin's `bin/run` looks at, so that it need not start this program for every tool.
//!
//! A link in the plugin's data folder, named after the Claude process and its session, leads to the
//! mailbox; there `open` says that nothing is gated, and `busy` that the status is known. Each of
//! them is a reason to do less, so that one that is missing costs time and nothing else; and a
//! session that was begun and has no `open` is gated, even where this program cannot run any more.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use relay_client::{
    config::environment,
    place::{create_private_dir, write_private},
};
use relay_core::agent::Approval;

use crate::{mailbox::Mailbox, place::Place, process, seat::Seat};

const OPEN: &str = "open";
const BUSY: &str = "busy";

/// A session has begun: its shell finds the mailbox, and whether it is gated.
pub fn begin(place: &Place, seat: &Seat) -> io::Result<()> {
    let mailbox = seat.mailbox(place);
    mark(&mailbox, OPEN, seat.approval == Approval::Open)?;
    let Some(folder) = folder() else { return Ok(()) };
    create_private_dir(&folder)?;
    sweep(&folder);
    let link = folder.join(format!("{}-{}", seat.pid, seat.session));
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(mailbox.folder(), link)?;
    Ok(())
}

/// The status is known to be busy, or is not.
pub fn busy(mailbox: &Mailbox, is: bool) {
    // Without the file, the program is started and looks for itself.
    let _ = mark(mailbox, BUSY, is);
}

fn mark(mailbox: &Mailbox, name: &str, is: bool) -> io::Result<()> {
    let file = mailbox.file(name);
    if is {
        return if file.exists() { Ok(()) } else { write_private(&file, "") };
    }
    match fs::remove_file(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Claude Code gives its hooks a folder for what the plugin keeps.
fn folder() -> Option<PathBuf> {
    let data = environment("CLAUDE_PLUGIN_DATA").filter(|data| !data.is_empty())?;
    Some(PathBuf::from(data).join("desk"))
}

/// Takes away the links of processes that are gone.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split_once('-')?.0.parse().ok());
        if pid.is_none_or(|pid| !process::runs(pid, None)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
