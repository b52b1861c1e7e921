//! Which path carries the next nudge. Pure: what is seen goes in, what to do comes out.
//!
//! The best allowed path is tried first. A nudge that brought no turn in time has found a dead path
//! (switched off, held back, orphaned): the next one is tried, and the dead one again after a
//! while. A message that came late is no harm, since the text comes from the queue.

use std::time::Duration;

use relay_core::{agent::Status, time::Timestamp};

use crate::path::Path;

/// How long a dead path is left alone.
const REST: Duration = Duration::from_mins(2);
/// How long all of them are, when none has worked.
const DESPAIR: Duration = Duration::from_secs(20);

/// What is there to be carried, and by what.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// How many messages wait.
    pub pending: usize,
    /// How many messages have been taken so far, by whatever way.
    pub taken: u64,
    /// How the session is doing.
    pub status: Status,
    /// The paths that could carry now, best first.
    pub ready: Vec<Path>,
    /// True when one of the waiting may stop the turn.
    pub urgent: bool,
}

/// What was tried, and what came of it.
#[derive(Debug)]
pub struct Courier {
    /// How long the socket may take.
    patience: Duration,
    flying: Option<Flight>,
    dead: Vec<(Path, Timestamp)>,
    resting_until: Timestamp,
    taken: u64,
    urged: bool,
}

#[derive(Debug)]
struct Flight {
    path: Path,
    since: Timestamp,
}

/// A nudge to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nudge {
    /// By this path.
    pub path: Path,
    /// True to stop the turn that runs.
    pub now: bool,
}

impl Courier {
    /// Has tried nothing yet; the socket may take so long.
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            flying: None,
            dead: Vec::new(),
            resting_until: Timestamp(0),
            taken: 0,
            urged: false,
        }
    }

    /// Decides; to be asked whenever something has changed, and from time to time.
    pub fn next(&mut self, now: Timestamp, sight: &Sight) -> Option<Nudge> {
        if sight.taken != self.taken || sight.pending == 0 {
            self.arrived(sight);
        }
        if sight.pending == 0 {
            self.urged = false;
            return None;
        }
        match sight.status {
            Status::Idle => self.wake(now, sight),
            Status::Busy if sight.urgent => self.urge(now, sight),
            // The hook after the next tool takes it, or the end of the turn makes the session idle.
            _ => None,
        }
    }

    fn arrived(&mut self, sight: &Sight) {
        self.taken = sight.taken;
        if let Some(flight) = self.flying.take() {
            self.dead.retain(|(path, _)| *path != flight.path);
        }
    }

    fn wake(&mut self, now: Timestamp, sight: &Sight) -> Option<Nudge> {
        if let Some(flight) = &self.flying {
            if now.since(flight.since) < flight.path.patience(self.patience) {
                return None;
            }
            let path = flight.path;
            tracing::info!(path = path.as_str(), "no receipt; trying the next path");
            self.dead.push((path, now.plus(REST)));
            self.flying = None;
        }
        if now < self.resting_until {
            return None;
        }
        self.dead.retain(|(_, until)| *until > now);
        let dead = |path: &Path| self.dead.iter().any(|(other, _)| other == path);
        let Some(path) = sight.ready.iter().copied().find(|path| !dead(path)) else {
            self.dead.clear();
            self.resting_until = now.plus(DESPAIR);
            return None;
        };
        self.flying = Some(Flight { path, since: now });
        Some(Nudge { path, now: false })
    }

    /// Once for what is waiting: only the socket can stop a turn.
    fn urge(&mut self, now: Timestamp, sight: &Sight) -> Option<Nudge> {
        if self.urged || !sight.ready.contains(&Path::Socket) {
            return None;
        }
        self.urged = true;
        self.flying = Some(Flight { path: Path::Socket, since: now });
        Some(Nudge { path: Path::Socket, now: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Courier {
        Courier::new(Duration::from_secs(2))
    }

    fn sight(pending: usize, taken: u64) -> Sight {
        Sight { pending, taken, ready: Path::ALL.to_vec(), ..Sight::default() }
    }

    fn path(courier: &mut Courier, at: i64, sight: &Sight) -> Option<Path> {
        courier.next(Timestamp(at), sight).map(|nudge| nudge.path)
    }

    #[test]
    fn the_best_path_is_tried_and_a_receipt_ends_the_flight() {
        let mut courier = started();
        assert_eq!(path(&mut courier, 1_000_000, &sight(0, 0)), None);
        assert_eq!(path(&mut courier, 1_000_000, &sight(1, 0)), Some(Path::Socket));
        assert_eq!(path(&mut courier, 1_000_100, &sight(2, 0)), None, "it is on its way");
        assert_eq!(path(&mut courier, 1_000_200, &sight(0, 2)), None);
        assert_eq!(path(&mut courier, 1_000_300, &sight(1, 2)), Some(Path::Socket));
        assert_eq!(path(&mut courier, 1_000_400, &sight(1, 9)), Some(Path::Socket), "the rest");
    }

    #[test]
    fn dead_paths_are_passed_over_one_after_the_other_and_tried_again() {
        let mut courier = started();
        let mut tried = Vec::new();
        for step in 0..1_200 {
            tried.extend(path(&mut courier, 1_000_000 + step * 100, &sight(1, 0)));
        }
        assert_eq!(tried[..4], [Path::Socket, Path::Monitor, Path::File, Path::Socket]);
        assert!(tried.len() < 20, "{tried:?}");
    }

    #[test]
    fn a_path_that_worked_is_used_while_a_better_one_is_dead() {
        let mut courier = started();
        path(&mut courier, 1_000_000, &sight(1, 0));
        assert_eq!(path(&mut courier, 1_002_001, &sight(1, 0)), Some(Path::Monitor));
        assert_eq!(path(&mut courier, 1_002_500, &sight(0, 1)), None);
        assert_eq!(path(&mut courier, 1_003_000, &sight(1, 1)), Some(Path::Monitor));
        assert_eq!(path(&mut courier, 1_003_500, &sight(0, 2)), None);
        assert_eq!(path(&mut courier, 1_200_000, &sight(1, 2)), Some(Path::Socket), "rested");
    }

    #[test]
    fn who_is_busy_or_waits_for_a_person_is_left_alone() {
        for status in [Status::Busy, Status::Waiting] {
            let sight = Sight { status, ..sight(1, 0) };
            assert_eq!(started().next(Timestamp(1_000_000), &sight), None);
        }
    }

    #[test]
    fn what_may_interrupt_stops_the_turn_once() {
        let mut courier = started();
        let urgent = Sight { status: Status::Busy, urgent: true, ..sight(1, 0) };
        let nudge = courier.next(Timestamp(1_000_000), &urgent);
        assert_eq!(nudge, Some(Nudge { path: Path::Socket, now: true }));
        assert_eq!(courier.next(Timestamp(1_100_000), &urgent), None);
        let deaf = Sight { ready: vec![Path::File], ..urgent };
        assert_eq!(started().next(Timestamp(1_000_000), &deaf), None);
    }
}
