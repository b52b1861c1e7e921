//! The database file: whether it is whole, and who has it. It is read only.

use std::{fmt::Display, path::Path};

use relay_core::doctor::Finding;
use relay_store::{Depth, Snapshot, StoreError, examine, holder};

use super::relay::Seen;

const CHECK: &str = "database";

/// Looks at the file, and at who has it.
pub async fn look(file: &Path, deep: bool, seen: &Seen) -> Finding {
    if !file.exists() {
        return absent(file, seen);
    }
    let depth = if deep { Depth::Full } else { Depth::Quick };
    match (examine(file, depth).await, holder(file)) {
        (Ok(_), Some(pid)) if !seen.answers => locked(file, pid, &seen.url),
        (Ok(_), Some(pid)) if seen.holder.is_some_and(|answers| answers != pid) => {
            locked(file, pid, &seen.url)
        }
        (Ok(about), holder) => whole(file, &about, deep, holder, seen),
        (Err(error), _) => broken(&error),
    }
}

fn absent(file: &Path, seen: &Seen) -> Finding {
    let file = file.display();
    if seen.answers {
        let why = format!("the relay has another than {file}; --db-path says which to look at");
        return Finding::skipped(CHECK, why);
    }
    Finding::ok(CHECK, format!("there is none yet; agent-relay serve makes {file}"))
}

/// Two relays, of which the one that has the file is not the one that is asked.
fn locked(file: &Path, pid: u32, url: &str) -> Finding {
    let found = format!(
        "{} is locked: another relay (process {pid}) has it, and that one is not at {url}",
        file.display()
    );
    Finding::failed(CHECK, found)
        .hint(format!("set AGENT_RELAY_URL to where process {pid} listens, or stop it: kill {pid}"))
}

fn whole(file: &Path, about: &Snapshot, deep: bool, holder: Option<u32>, seen: &Seen) -> Finding {
    let how = if deep { "checked thoroughly" } else { "checked quickly; --deep does more" };
    let unused = if holder.is_none() && seen.answers { "; no relay has it open" } else { "" };
    Finding::ok(
        CHECK,
        format!(
            "{}: schema {}, {} messages, {how}{unused}",
            file.display(),
            about.schema,
            about.messages
        ),
    )
}

fn broken(error: &StoreError) -> Finding {
    let failed = |what: &dyn Display| Finding::failed(CHECK, what.to_string());
    match error {
        StoreError::Damaged { .. } => failed(error).hint(
            "stop the relay, keep the file, and put a backup back: agent-relay restore FILE",
        ),
        StoreError::Foreign { .. } => {
            failed(error).hint("DB_PATH names another program's file, or one that is overwritten: agent-relay restore FILE")
        }
        StoreError::Newer { .. } => failed(error).hint("agent-relay upgrade"),
        _ => failed(error).hint("look at the file and its folder; nothing was changed"),
    }
}
