//! How the parts of one session reach each other, and how Claude is reached: sockets in folders of
//! this user only.

use std::{
    io::{self, Write},
    os::unix::net::{UnixDatagram, UnixStream},
    path::{Path, PathBuf},
};

use relay_client::config::environment;
use serde_json::json;

use crate::mailbox::Mailbox;

/// Hooks ring it; the companion looks.
pub const BELL: &str = "bell";
/// Monitors connect to it, and are told what to say.
pub const MOUTH: &str = "mouth";

/// Tells the companion that something has changed. False when there is none. Never waits.
///
/// An address of a socket may hold some hundred bytes, so that it is named from its own folder.
pub fn ring(mailbox: &Mailbox) -> bool {
    let rung = || -> io::Result<()> {
        std::env::set_current_dir(mailbox.folder())?;
        let bell = UnixDatagram::unbound()?;
        bell.set_nonblocking(true)?;
        match bell.send_to(b".", BELL) {
            // It has more to look at than it needs to know.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other.map(drop),
        }
    };
    rung().is_ok()
}

/// Where the session takes messages, in versions that have it.
pub fn session_socket() -> Option<PathBuf> {
    environment("CLAUDE_CODE_MESSAGING_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Hands a line to the session as a message. That it was written is no receipt.
pub fn tell_session(socket: &Path, text: &str, now: bool) -> io::Result<()> {
    let priority = if now { "now" } else { "next" };
    let message = json!({
        "type": "user", "priority": priority, "message": {"role": "user", "content": text},
    });
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(std::time::Duration::from_secs(2)))?;
    if let Some(token) = environment("CLAUDE_CODE_MESSAGING_TOKEN") {
        writeln!(stream, "{}", json!({"type": "auth", "token": token}))?;
    }
    writeln!(stream, "{message}")
}
