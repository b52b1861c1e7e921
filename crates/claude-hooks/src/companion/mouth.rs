//! The companion's side of the monitors: the newest that is still there speaks.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

use crate::{
    monitor::{HELLO_SOCKET, PRINT, SOCKET, SOCKET_NOW},
    wire::MOUTH,
};

/// A monitor that is there.
#[derive(Clone)]
struct Speaker {
    lines: mpsc::UnboundedSender<String>,
    has_socket: bool,
}

/// The monitor of this session, if it has one.
#[derive(Clone, Default)]
pub struct Mouth {
    speaker: Arc<Mutex<Option<Speaker>>>,
}

impl Mouth {
    /// Opens it in the current folder.
    pub fn open() -> io::Result<(Self, UnixListener)> {
        let _ = std::fs::remove_file(MOUTH);
        Ok((Self::default(), UnixListener::bind(MOUTH)?))
    }

    /// True when a line could be printed.
    pub fn can_print(&self) -> bool {
        self.speaker().is_some()
    }

    /// True when the session's socket could be written to by a child of the session.
    pub fn has_socket(&self) -> bool {
        self.speaker().is_some_and(|speaker| speaker.has_socket)
    }

    /// Prints a line.
    pub fn print(&self, line: &str) {
        self.say(PRINT, line);
    }

    /// Writes a line to the session's socket.
    pub fn tell(&self, line: &str, now: bool) {
        self.say(if now { SOCKET_NOW } else { SOCKET }, line);
    }

    fn say(&self, how: &str, line: &str) {
        if let Some(speaker) = self.speaker() {
            let _ = speaker.lines.send(format!("{how} {line}\n"));
        }
    }

    fn speaker(&self) -> Option<Speaker> {
        self.slot().clone().filter(|speaker| !speaker.lines.is_closed())
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Speaker>> {
        self.speaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a monitor that has connected, and keeps it until it is gone.
    pub async fn take(self, stream: UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read).lines();
        let hello = read.next_line().await?.unwrap_or_default();
        let (lines, mut to_say) = mpsc::unbounded_channel::<String>();
        *self.slot() = Some(Speaker { lines, has_socket: hello == HELLO_SOCKET });
        loop {
            tokio::select! {
                line = to_say.recv() => match line {
                    Some(line) => write.write_all(line.as_bytes()).await?,
                    None => return Ok(()),
                },
                // It says nothing more; this is its end.
                _ = read.next_line() => return Ok(()),
            }
        }
    }
}
