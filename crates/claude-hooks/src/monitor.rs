//! The monitor: a child of the session, and the companion's mouth.
//!
//! A line that it prints becomes a turn. It also writes to the session's message socket, because
//! what a child of the session writes there is never held back. It ends with its Claude.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    thread::sleep,
    time::Duration,
};

use crate::{place::Place, process, seat::Seat, wire};

/// How often a companion that is not there yet is looked for.
const PAUSE: Duration = Duration::from_millis(200);

/// What the companion asks for: a word, a space, the line.
pub const PRINT: &str = "print";
/// To the session's socket, between the tools of a turn.
pub const SOCKET: &str = "socket";
/// To the session's socket, stopping the turn.
pub const SOCKET_NOW: &str = "socket-now";
/// What a monitor says first, when it knows the session's socket.
pub const HELLO_SOCKET: &str = "socket";
/// What it says first, when it does not.
pub const HELLO: &str = "stdout";

/// Runs until the Claude above it is gone, or does not listen any more.
pub fn run() {
    let (Ok(place), Some(pid)) = (Place::of_user(), process::claude()) else { return };
    let started_at = relay_client::identity::Process::find(pid).map(|claude| claude.started_at);
    while process::runs(pid, started_at) {
        match listen(&place, pid) {
            // Nobody reads what we print.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
            _ => sleep(PAUSE),
        }
    }
}

/// Does what the companion asks until it is gone, which ends the connection.
fn listen(place: &Place, pid: u32) -> io::Result<()> {
    let seat = Seat::of(place, pid).ok_or(io::ErrorKind::NotFound)?;
    std::env::set_current_dir(seat.mailbox(place).folder())?;
    let mut mouth = UnixStream::connect(wire::MOUTH)?;
    let socket = wire::session_socket();
    writeln!(mouth, "{}", if socket.is_some() { HELLO_SOCKET } else { HELLO })?;
    for line in BufReader::new(mouth).lines() {
        let line = line?;
        let (how, text) = line.split_once(' ').unwrap_or((PRINT, ""));
        match (how, &socket) {
            (SOCKET | SOCKET_NOW, Some(socket)) => {
                // Without a turn in time, the companion goes on to the next path.
                let _ = wire::tell_session(socket, text, how == SOCKET_NOW);
            }
            (PRINT, _) => print(text)?,
            _ => {}
        }
    }
    Ok(())
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|_| io::ErrorKind::BrokenPipe.into())
}
