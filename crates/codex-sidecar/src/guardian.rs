//! Guardians: processes that end what the launcher has started when the launcher is gone, however it
//! went.
//!
//! The launcher holds the other end of a guardian's standard input. While that is open, the guardian
//! only waits; it is closed by the launcher, or by the system because the launcher was killed.
//!
//! One guardian stands between the launcher and the app-server, and ends the app-server with all that
//! it has started. When the app-server ends by itself, what it left behind is ended, and the guardian
//! ends with its exit code. Another one, with no program of its own, has the terminal in its care: a
//! number on a line of its own names a process. There are two because the app-server may be gone, and
//! its guardian with it, when the launcher is killed.

use std::{
    ffi::OsString,
    io::{self, BufRead as _, Write as _, stdin},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
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
/// How long what is named may take.
const NAMED_GRACE: Duration = Duration::from_secs(1);

enum Event {
    /// The app-server has ended, with that exit code.
    Ended(u8),
    /// The launcher is gone, or wants the end.
    Alone,
}

/// Has a program in its care, started with these arguments; without one, what is named to it.
pub fn main(line: &[OsString]) -> ExitCode {
    // What the launcher's terminal or its user tells the launcher is not for us.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    let _inside = runtime.enter();
    let deaf = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
    let _deaf = deaf.map(signal);
    match line.split_first() {
        Some((program, arguments)) => run(Command::new(program).args(arguments)),
        None => watch(),
    }
}

/// Has whatever is named in its care.
fn watch() -> ExitCode {
    let lines = stdin().lock().lines().map_while(Result::ok);
    let named: Vec<_> = lines.filter_map(|line| Process::find(line.trim().parse().ok()?)).collect();
    for process in &named {
        terminate(process);
    }
    let runs = |process: &&Process| Process::find(process.pid) == Some(**process);
    for _ in 0..NAMED_GRACE.as_millis() / 20 {
        if named.iter().find(runs).is_none() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    for process in &named {
        end_tree(process);
    }
    ExitCode::SUCCESS
}

/// Has a program in its care.
fn run(command: &mut Command) -> ExitCode {
    adopt_orphans();
    let child = match command.stdin(Stdio::null()).process_group(0).spawn() {
        Ok(child) => child.id(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: it cannot be started: {error}");
            return ExitCode::from(127);
        }
    };
    let (tell, events) = mpsc::channel();
    let told = tell.clone();
    thread::spawn(move || collect(child, &told));
    thread::spawn(move || {
        // Nothing is said but the end.
        let _ = io::copy(&mut stdin(), &mut io::sink());
        let _ = tell.send(Event::Alone);
    });
    let code = match events.recv() {
        Ok(Event::Ended(code)) => code,
        Ok(Event::Alone) => end(child, &events),
        Err(_) => 1,
    };
    end_descendants(&[]);
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

fn end(child: u32, events: &mpsc::Receiver<Event>) -> u8 {
    let group = i32::try_from(child).ok().and_then(Pid::from_raw);
    let tell = |signal| group.map(|group| kill_process_group(group, signal));
    for grace in GRACE {
        tell(Signal::TERM);
        if let Ok(Event::Ended(code)) = events.recv_timeout(grace) {
            return code;
        }
    }
    tell(Signal::KILL);
    end_descendants(&[]);
    match events.recv_timeout(GRACE[1]) {
        Ok(Event::Ended(code)) => code,
        _ => 137,
    }
}

/// The launcher's side of a guardian with no program of its own.
pub struct Watch {
    guardian: Child,
    lifeline: Option<ChildStdin>,
}

impl Watch {
    /// Starts one.
    pub fn start() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("guardian").process_group(0);
        let mut guardian =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let lifeline = guardian.stdin.take();
        Ok(Self { guardian, lifeline })
    }

    /// The guardian's own number.
    pub fn id(&self) -> u32 {
        self.guardian.id()
    }

    /// Names a process that must not outlive the launcher.
    pub fn name(&mut self, pid: u32) -> io::Result<()> {
        self.lifeline.as_mut().map_or(Ok(()), |lifeline| writeln!(lifeline, "{pid}"))
    }
}

/// What is named is ended, if it still runs.
impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.guardian.wait();
    }
}
