//! The guardian: a process between the launcher and the app-server, which ends the app-server with
//! all that it has started when the launcher is gone, however it went.
//!
//! The launcher holds the other end of its standard input. While that is open, the guardian only
//! waits; when it is closed, by the launcher or by the system because the launcher was killed, the
//! app-server is ended. A number on a line of its own names a process that must not outlive the
//! launcher either: the terminal. When the app-server ends by itself, what it left behind is ended,
//! and the guardian ends with its exit code.

use std::{
    ffi::OsString,
    io::{BufRead as _, stdin},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use relay_client::identity::Process;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use tokio::signal::unix::{SignalKind, signal};

use crate::process::{adopt_orphans, end_descendants, end_tree, terminate};

/// How long the app-server may take to end: at the first request it lets turns end, at the second
/// it goes at once.
const GRACE: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];
/// How long the terminal may take.
const TERMINALS_GRACE: Duration = Duration::from_secs(1);

enum Event {
    /// The app-server has ended, with that exit code.
    Ended(u8),
    /// The launcher is gone, or wants the end. These must not outlive it.
    Alone(Vec<Process>),
}

/// Runs the program with its arguments until it ends, or the launcher does.
pub fn main(line: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = line.split_first() else { return ExitCode::from(2) };
    // What the launcher's terminal or its user tells the launcher is not for us.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    let _inside = runtime.enter();
    let deaf = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
    let _deaf = deaf.map(signal);
    adopt_orphans();
    let mut command = Command::new(program);
    let child = command.args(arguments).stdin(Stdio::null()).process_group(0).spawn();
    let child = match child {
        Ok(child) => child.id(),
        Err(error) => {
            eprintln!("cannot start {}: {error}", program.display());
            return ExitCode::from(127);
        }
    };
    let (tell, events) = mpsc::channel();
    let told = tell.clone();
    thread::spawn(move || collect(child, &told));
    thread::spawn(move || listen(&tell));
    let code = match events.recv() {
        Ok(Event::Ended(code)) => code,
        Ok(Event::Alone(others)) => end(child, &others, &events),
        Err(_) => 1,
    };
    end_descendants(None);
    ExitCode::from(code)
}

/// Collects every child that ends: besides the app-server, those that it has left to us.
fn collect(child: u32, tell: &mpsc::Sender<Event>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().unsigned_abs() == child => {
                let signal = status.terminating_signal().map(|signal| 128 + signal);
                let code = status.exit_status().or(signal).unwrap_or(1);
                let _ = tell.send(Event::Ended(u8::try_from(code).unwrap_or(1)));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Listens to the launcher until it is gone.
fn listen(tell: &mpsc::Sender<Event>) {
    let lines = stdin().lock().lines().map_while(Result::ok);
    let others = lines.filter_map(|line| Process::find(line.trim().parse().ok()?)).collect();
    let _ = tell.send(Event::Alone(others));
}

fn end(child: u32, others: &[Process], events: &mpsc::Receiver<Event>) -> u8 {
    for other in others {
        terminate(other.pid);
    }
    let code = end_child(child, events);
    let patience = if others.is_empty() { Duration::ZERO } else { TERMINALS_GRACE };
    let _ = events.recv_timeout(patience);
    others.iter().for_each(end_tree);
    code
}

fn end_child(child: u32, events: &mpsc::Receiver<Event>) -> u8 {
    let group = i32::try_from(child).ok().and_then(Pid::from_raw);
    let tell = |signal| group.map(|group| kill_process_group(group, signal));
    for grace in GRACE {
        tell(Signal::TERM);
        if let Ok(Event::Ended(code)) = events.recv_timeout(grace) {
            return code;
        }
    }
    tell(Signal::KILL);
    end_descendants(None);
    match events.recv_timeout(GRACE[1]) {
        Ok(Event::Ended(code)) => code,
        _ => 137,
    }
}
