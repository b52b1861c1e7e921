//! What sessions of long ago have left: mailboxes, and which agent a session was.
//!
//! Nothing is taken away that a live session has, or that holds mail which no model has seen through.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use relay_core::time::{Timestamp, millis};

use crate::{
    mailbox::{Mailbox, Stage, open_lock},
    place::Place,
    seat::Seat,
};

/// As long as the relay keeps messages, where nothing else is set.
const RETENTION: Duration = Duration::from_hours(30 * 24);

/// Takes it away, unless a session is just beginning.
pub fn prune(place: &Place, now: Timestamp) {
    let Ok(lock) = open_lock(&place.start_lock()) else { return };
    if lock.try_lock().is_err() {
        return;
    }
    let live = live(place, now);
    for mailbox in entries(&place.mailboxes()).filter(|path| is_old(path, now)) {
        let name = mailbox.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let sits = live.iter().any(|seat| seat.agent.folded() == name);
        if !sits && !holds_mail(&Mailbox::new(mailbox.clone())) {
            let _ = fs::remove_dir_all(mailbox);
        }
    }
    let kept: Vec<_> = live.iter().map(|seat| place.session(&seat.session)).collect();
    for session in entries(&place.sessions()).filter(|path| is_old(path, now)) {
        if !kept.contains(&session) {
            let _ = fs::remove_file(session);
        }
    }
}

/// The seats of processes that run. Old ones of others are taken away.
fn live(place: &Place, now: Timestamp) -> Vec<Seat> {
    let mut live = Vec::new();
    for path in entries(&place.seats()) {
        let seat = fs::read_to_string(&path).ok();
        let seat = seat.and_then(|text| serde_json::from_str::<Seat>(&text).ok());
        match seat.filter(Seat::is_taken) {
            Some(seat) => live.push(seat),
            None if is_old(&path, now) => drop(fs::remove_file(&path)),
            None => {}
        }
    }
    live
}

fn holds_mail(mailbox: &Mailbox) -> bool {
    [Stage::Queue, Stage::Again, Stage::Taken].into_iter().any(|stage| mailbox.count(stage) > 0)
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// By the newest of a file, or of a folder and what lies in it.
fn is_old(path: &Path, now: Timestamp) -> bool {
    let changed = |path: &Path| {
        let at = fs::symlink_metadata(path).and_then(|about| about.modified()).ok()?;
        at.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| Timestamp(millis(since)))
    };
    let newest = entries(path).chain([path.to_owned()]).filter_map(|path| changed(&path)).max();
    newest.is_some_and(|at| now.since(at) > RETENTION)
}

#[cfg(test)]
mod tests {
    use relay_client::{identity::Process, place::write_private};
    use relay_core::{agent::Approval, message::Message};
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::clock;

    struct World {
        _folder: TempDir,
        place: Place,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { place: Place::at(folder.path()), _folder: folder }
        }

        /// An agent that had a session, whose process runs or not.
        fn agent(&self, id: &str, runs: bool) -> Mailbox {
            let me = Process::find(std::process::id()).unwrap();
            let seat = Seat {
                agent: id.parse().unwrap(),
                session: format!("s-{id}"),
                pid: if runs { me.pid } else { 1 },
                pid_started_at: Some(if runs { me.started_at } else { 7 }),
                cwd: "/srv/app".into(),
                approval: Approval::Open,
            };
            seat.save(&self.place).unwrap();
            write_private(&self.place.session(&seat.session), id).unwrap();
            let mailbox = seat.mailbox(&self.place);
            mailbox.create().unwrap();
            write_private(&mailbox.file("owner.json"), "{}").unwrap();
            mailbox
        }

        /// What is there once so much time has passed.
        fn after(&self, time: Duration) -> Vec<String> {
            prune(&self.place, clock::now().plus(time));
            let mut left: Vec<_> = [self.place.mailboxes(), self.place.sessions()]
                .iter()
                .flat_map(|folder| entries(folder))
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect();
            left.sort();
            left
        }
    }

    fn message() -> Message {
        serde_json::from_value(json!({
            "id": 1, "from": "backend", "to": "mail", "body": "x", "kind": "chat",
            "urgency": "normal", "threadId": 1, "claimable": false, "verified": true,
            "createdAt": 1,
        }))
        .unwrap()
    }

    #[test]
    fn what_is_old_goes_but_not_what_lives_or_holds_mail() {
        let world = World::new();
        world.agent("gone", false);
        world.agent("mail", false).put(&message()).unwrap();
        world.agent("live", true);
        let all = ["gone", "live", "mail", "s-gone", "s-live", "s-mail"];
        assert_eq!(world.after(RETENTION / 2), all);
        assert_eq!(world.after(RETENTION * 2), ["live", "mail", "s-live"]);
    }

    #[test]
    fn nothing_goes_while_a_session_begins() {
        let world = World::new();
        world.agent("gone", false);
        let lock = open_lock(&world.place.start_lock()).unwrap();
        lock.lock().unwrap();
        assert_eq!(world.after(RETENTION * 2), ["gone", "s-gone"]);
    }
}
