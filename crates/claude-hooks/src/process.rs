//! Processes: which one is the Claude that a hook or a monitor belongs to, and whether it still runs.

use relay_client::{config::environment, identity::Process};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What may stand between Claude and its hook: the shells that run the command, and `bin/run`.
const BETWEEN: [&str; 9] = ["sh", "bash", "dash", "zsh", "ash", "ksh", "fish", "busybox", "run"];
/// No command is wrapped more often.
const MOST_ANCESTORS: usize = 8;

/// The number of the Claude process above this one: as newer versions say themselves, else the
/// nearest ancestor that is no shell.
pub fn claude() -> Option<u32> {
    let told = environment("CLAUDE_PID").and_then(|pid| pid.parse().ok());
    told.or_else(|| nearest(std::process::id()))
}

fn nearest(pid: u32) -> Option<u32> {
    let mut system = System::new().ok()?;
    let (_, mut next) = look(&mut system, pid)?;
    for _ in 0..MOST_ANCESTORS {
        let pid = next?;
        let (name, parent) = look(&mut system, pid)?;
        if !BETWEEN.contains(&name.trim_start_matches('-')) {
            return Some(pid);
        }
        next = parent;
    }
    None
}

fn look(system: &mut System, pid: u32) -> Option<(String, Option<u32>)> {
    let pid = Pid::from_u32(pid);
    let kind = ProcessRefreshKind::nothing();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
    let process = system.process(pid)?;
    Some((process.name().to_string_lossy().into_owned(), process.parent().map(Pid::as_u32)))
}

/// Whether that very process still runs. One whose start was not seen counts by its number alone.
pub fn runs(pid: u32, started_at: Option<u64>) -> bool {
    let same = |process: Process| started_at.is_none_or(|at| at == process.started_at);
    Process::find(pid).is_some_and(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_until_it_is_gone_and_no_other_passes_for_it() {
        let me = Process::find(std::process::id()).unwrap();
        assert!(runs(me.pid, Some(me.started_at)));
        assert!(runs(me.pid, None));
        assert!(!runs(me.pid, Some(me.started_at + 9)));
    }

    #[test]
    fn shells_are_passed_over() {
        let found = nearest(std::process::id()).unwrap();
        let name = look(&mut System::new().unwrap(), found).unwrap().0;
        assert!(!BETWEEN.contains(&name.as_str()), "{name}");
    }
}
