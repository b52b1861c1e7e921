//! Whether the crates can be published: cargo packs each as crates.io would have it, and builds it
//! from that alone.
//!
//! Two carry files that lie elsewhere in the checkout, which a package cannot reach; they get copies
//! for as long as that takes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{self, Failure};
use crate::{dashboard, npm};

/// What a crate carries: the folder in it, and from where in the checkout.
const CARRIED: [(&str, &[&str]); 2] = [
    ("crates/relay-server/dist", &["dashboard/dist"]),
    ("crates/codex-sidecar/bundle", &[".agents", "providers/codex"]),
];

/// `cargo publish --dry-run` for the workspace: in the order of their dependencies.
pub fn check() -> Result<(), Failure> {
    if let Some(why) = npm::missing() {
        return Err(Failure(format!("the server's crate holds the dashboard: {why}")));
    }
    dashboard::build()?;
    let carried = carry();
    let arguments = ["publish", "--workspace", "--dry-run", "--locked", "--allow-dirty"];
    let done = carried.and_then(|()| shell::run(&mut shell::cargo(&arguments)));
    for (folder, _) in CARRIED {
        let _ = fs::remove_dir_all(shell::root().join(folder));
    }
    done
}

fn carry() -> Result<(), Failure> {
    for (folder, sources) in CARRIED {
        let to = shell::root().join(folder);
        let _ = fs::remove_dir_all(&to);
        for source in sources {
            // The page is all there is in its folder; the plugin's files keep their places.
            let inner = if sources.len() == 1 { PathBuf::new() } else { PathBuf::from(source) };
            copy(&shell::root().join(source), &to.join(inner))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure(format!("{}: {error}", from.display()));
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            fs::copy(&path, &to).map_err(failed)?;
        }
    }
    Ok(())
}
