//! A reader who opens the repository sees these entries and no others.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{file, none};

const SHOWN: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates",
    "dashboard",
    "docs",
    "examples",
    "providers",
    "xtask",
];

/// What tools must find at the root, and what a clone must have there for the marketplaces.
const HIDDEN: [&str; 9] = [
    ".agents",
    ".cargo",
    ".ci",
    ".claude-plugin",
    ".clippy.toml",
    ".deny.toml",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
];

#[test]
fn the_top_level_holds_exactly_what_the_architecture_names() {
    let present = entries();
    let unknown = present
        .iter()
        .filter(|name| !SHOWN.contains(&name.as_str()) && !HIDDEN.contains(&name.as_str()))
        .map(|name| format!("{name}: not one of the top level's entries"));
    let missing = SHOWN
        .iter()
        .filter(|name| !present.contains(**name))
        .map(|name| format!("{name}: missing from the top level"));
    none(&unknown.chain(missing).collect::<Vec<_>>());
}

/// What git would carry into a clone; without git, what lies there.
fn entries() -> BTreeSet<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(file::root())
        .output();
    match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let listing = String::from_utf8_lossy(&output.stdout).into_owned();
            listing.lines().filter_map(|path| path.split('/').next()).map(str::to_owned).collect()
        }
        _ => std::fs::read_dir(file::root())
            .expect("the root is readable")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name != "target" && name != ".git")
            .collect(),
    }
}
