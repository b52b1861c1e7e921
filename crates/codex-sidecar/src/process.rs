//! Processes: which descend from which, and how they are ended.

use std::{collections::HashSet, thread::sleep, time::Duration};

use relay_client::identity::Process;
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, Signal, System};

/// Between one look and the next.
const STEP: Duration = Duration::from_millis(20);
/// Whatever is not gone after so many looks does not hear even the last signal.
const MOST_LOOKS: usize = 150;

/// All processes at one moment.
pub struct Snapshot(System);

impl Snapshot {
    /// Looks at all of them; none where the system does not show them.
    pub fn take() -> Option<Self> {
        let mut system = System::new().ok()?;
        let kind = ProcessRefreshKind::nothing().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        Some(Self(system))
    }

    /// Those that descend from one of these, which are not among them. What has ended and only waits
    /// to be collected does not count.
    pub fn descendants(&self, of: &[u32]) -> Vec<u32> {
        let mut found: HashSet<u32> = of.iter().copied().collect();
        loop {
            let before = found.len();
            for (pid, process) in self.0.processes() {
                if process.parent().is_some_and(|parent| found.contains(&parent.as_u32())) {
                    found.insert(pid.as_u32());
                }
            }
            if found.len() == before {
                break;
            }
        }
        found.retain(|pid| !of.contains(pid) && self.runs(*pid));
        found.into_iter().collect()
    }

    fn runs(&self, pid: u32) -> bool {
        let process = self.0.process(Pid::from_u32(pid));
        process.is_some_and(|process| process.status() != ProcessStatus::Zombie)
    }

    fn signal(&self, pid: u32, signal: Signal) {
        if let Some(process) = self.0.process(Pid::from_u32(pid)) {
            // Where there is no such signal there is only the last one.
            let told = process.kill_with(signal);
            if told.is_none() {
                process.kill();
            }
        }
    }
}

/// Asks one process to end.
pub fn terminate(process: &Process) {
    if Process::find(process.pid) == Some(*process)
        && let Some(snapshot) = Snapshot::take()
    {
        snapshot.signal(process.pid, Signal::Term);
    }
}

/// Ends what descends from this process, except these with their own descendants.
pub fn end_descendants(except: &[u32]) {
    let me = std::process::id();
    end(|snapshot| {
        let mut spared: HashSet<u32> = snapshot.descendants(except).into_iter().collect();
        spared.extend(except);
        let mut left = snapshot.descendants(&[me]);
        left.retain(|pid| !spared.contains(pid));
        left
    });
}

/// Ends a process with its descendants.
pub fn end_tree(root: &Process) {
    if Process::find(root.pid) == Some(*root) {
        end(|snapshot| {
            let mut all = snapshot.descendants(&[root.pid]);
            all.extend(snapshot.runs(root.pid).then_some(root.pid));
            all
        });
    }
}

/// Kills what is found until nothing more is: between a look and a signal, more may be started.
fn end(find: impl Fn(&Snapshot) -> Vec<u32>) {
    for _ in 0..MOST_LOOKS {
        let Some(snapshot) = Snapshot::take() else { return };
        let found = find(&snapshot);
        if found.is_empty() {
            return;
        }
        for pid in found {
            snapshot.signal(pid, Signal::Kill);
        }
        sleep(STEP);
    }
}

/// From now on, what loses its parent below this process becomes its child, and stays in reach.
/// Elsewhere than on Linux there is no such thing.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        let me = rustix::process::getpid();
        // An old kernel refuses; then only whole process groups are in reach.
        let _ = rustix::process::set_child_subreaper(Some(me));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_tree_is_ended_whole_and_only_that_process() {
        let script = "sleep 987 & sleep 987 & wait";
        let mut shell =
            Command::new("sh").args(["-c", script]).stdout(Stdio::null()).spawn().unwrap();
        let root = Process::find(shell.id()).unwrap();
        let deadline = 500;
        let mut looks = 0;
        let look = || Snapshot::take().unwrap().descendants(&[root.pid]);
        while look().len() < 2 && looks < deadline {
            looks += 1;
            sleep(STEP);
        }
        let children = look();
        assert_eq!(children.len(), 2);
        end_tree(&Process { started_at: root.started_at + 9, ..root });
        assert!(shell.try_wait().unwrap().is_none(), "another process of that number is spared");
        end_tree(&root);
        assert!(!shell.wait().unwrap().success());
        let left = Snapshot::take().unwrap();
        assert!(children.iter().all(|child| !left.runs(*child)));
    }
}
