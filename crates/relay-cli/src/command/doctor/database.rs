//! The database: whether it is whole, and who has it. It is read only.

use std::{fmt::Display, path::Path};

use relay_core::doctor::Finding;
use relay_store::{Address, Depth, Snapshot, StoreError, Survey, examine, holder, survey};

use super::relay::Seen;
use crate::failure::NO_POSTGRES;

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

/// Looks at a PostgreSQL database.
pub async fn reach(address: &Address) -> Finding {
    let failed = |error: &StoreError| Finding::failed(CHECK, error.to_string());
    match survey(address).await {
        Ok(Survey { reduced: Some(why), .. }) => {
            Finding::warning(CHECK, format!("{address}: durability is reduced: {why}"))
                .hint("turn it on: what was acknowledged may be lost in a power cut")
        }
        Ok(Survey { schema: 0, .. }) => {
            Finding::ok(CHECK, format!("{address}: empty; agent-relay serve makes its tables"))
        }
        Ok(Survey { schema, .. }) => Finding::ok(CHECK, format!("{address}: schema {schema}")),
        Err(error @ StoreError::Foreign { .. }) => failed(&error)
            .hint("name a database or a schema of the relay's own in AGENT_RELAY_DATABASE_URL"),
        Err(error @ StoreError::Newer { .. }) => failed(&error).hint("agent-relay upgrade"),
        Err(error) => failed(&error).hint(NO_POSTGRES),
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
