//! Files: who may read them, and whether there is room for more.

use super::Finding;

/// Others' rights, in a mode.
const OTHERS: u32 = 0o077;
/// With less than this nothing of size can be stored.
const FULL: u64 = 16 << 20;
/// With less than this it is time to make room.
const LITTLE: u64 = 256 << 20;

/// A file or folder that only its user may enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// Whether these are their user's only.
pub fn entries(check: &str, entries: &[Entry]) -> Finding {
    let open: Vec<_> = entries.iter().filter(|entry| entry.mode & OTHERS != 0).collect();
    if open.is_empty() {
        let folders = entries.iter().filter(|entry| entry.is_folder).count();
        let files = entries.len() - folders;
        let (folder, file) = (plural(folders, "folder"), plural(files, "file"));
        let found = format!("{folders} {folder} and {files} {file}, for their user only");
        return Finding::ok(check, found);
    }
    let shown: Vec<_> =
        open.iter().map(|entry| format!("{} ({:03o})", entry.path, entry.mode & 0o777)).collect();
    let paths = |is_folder: bool, mode: &str| {
        let of_kind = open.iter().filter(|entry| entry.is_folder == is_folder);
        let paths: Vec<_> = of_kind.map(|entry| quoted(&entry.path)).collect();
        (!paths.is_empty()).then(|| format!("chmod {mode} {}", paths.join(" ")))
    };
    let commands: Vec<_> =
        [paths(true, "700"), paths(false, "600")].into_iter().flatten().collect();
    Finding::failed(check, format!("other users may enter {}", shown.join(", ")))
        .hint(commands.join("; "))
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { what.to_owned() } else { format!("{what}s") }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this user may still write, in bytes.
    pub free: u64,
    /// What there is in all.
    pub total: u64,
}

/// Whether there is room for more in the place of the database.
pub fn space(folder: &str, space: Space) -> Finding {
    let found =
        format!("{} MiB free of {} MiB, where {folder} is", space.free >> 20, space.total >> 20);
    let hint = "make room on that disk; RETENTION_DAYS says how long messages are kept";
    match space.free {
        ..FULL => Finding::failed("disk", format!("the disk is full: {found}")).hint(hint),
        FULL..LITTLE => {
            Finding::warning("disk", format!("the disk is nearly full: {found}")).hint(hint)
        }
        _ => Finding::ok("disk", found),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    fn entry(path: &str, mode: u32, is_folder: bool) -> Entry {
        Entry { path: path.to_owned(), mode, is_folder }
    }

    #[test]
    fn what_others_may_enter_is_named_with_the_command_that_ends_it() {
        let good =
            [entry("/d", 0o700, true), entry("/d/a", 0o600, false), entry("/d/b", 0o400, false)];
        let finding = entries("files", &good);
        assert_eq!((finding.state, finding.hint), (State::Ok, None));
        assert_eq!(finding.found, "1 folder and 2 files, for their user only");
        let bad = [entry("/d", 0o755, true), entry("/d/it's", 0o100_640, false), good[1].clone()];
        let finding = entries("files", &bad);
        assert_eq!(finding.state, State::Failed);
        assert_eq!(finding.found, "other users may enter /d (755), /d/it's (640)");
        assert_eq!(finding.hint.unwrap(), r"chmod 700 /d; chmod 600 '/d/it'\''s'");
    }

    #[test]
    fn a_disk_is_full_before_nothing_is_left() {
        for (free, state, found) in [
            (0, State::Failed, "is full: 0 MiB free of 1024 MiB, where /d is"),
            ((16 << 20) - 1, State::Failed, "is full"),
            (16 << 20, State::Warning, "nearly full"),
            (256 << 20, State::Ok, "256 MiB free"),
        ] {
            let finding = space("/d", Space { free, total: 1 << 30 });
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.found.contains(found), "{finding:?}");
        }
    }
}
