//! Processes: which one started which.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// No process tree of a person's session is deeper.
const MOST_ANCESTORS: usize = 64;

/// A running process. Numbers are used again; with its start it is told from an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in seconds since the epoch.
    pub started_at: u64,
}

impl Process {
    /// The running process of that number.
    pub fn find(pid: u32) -> Option<Self> {
        look(&mut System::new().ok()?, pid).map(|(process, _)| process)
    }
}

/// The process that started this one: for a command typed into a terminal, the shell.
pub fn parent() -> Option<Process> {
    ancestors(std::process::id()).nth(1)
}

/// A process and those it descends from, nearest first.
pub(super) fn ancestors(pid: u32) -> impl Iterator<Item = Process> {
    let mut system = System::new().ok();
    let mut next = Some(pid);
    std::iter::from_fn(move || {
        let (process, parent) = look(system.as_mut()?, next?)?;
        next = parent.filter(|parent| *parent != process.pid);
        Some(process)
    })
    .take(MOST_ANCESTORS)
}

/// Looks at one process only: a whole process list takes longer than the command it is for.
fn look(system: &mut System, pid: u32) -> Option<(Process, Option<u32>)> {
    let pid = Pid::from_u32(pid);
    let kind = ProcessRefreshKind::nothing();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
    let process = system.process(pid)?;
    let found = Process { pid: pid.as_u32(), started_at: process.start_time() };
    Some((found, process.parent().map(Pid::as_u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_descends_from_its_parent() {
        let me = std::process::id();
        let line: Vec<_> = ancestors(me).collect();
        assert_eq!(line[0].pid, me);
        assert_eq!(Some(line[1]), parent());
        assert!(line[1].started_at <= line[0].started_at);
        assert_eq!(Process::find(me), Some(line[0]));
    }

    #[test]
    fn a_child_that_has_ended_is_found_no_more() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .arg("--list")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(Process::find(pid), None);
    }
}
