//! `codex-relay uninstall`: takes back what `install` has changed, and nothing else.

use std::path::{Path, PathBuf};

use crate::{
    failure::{Failure, note},
    find,
    install::{
        CHANGED,
        bundle::{MARKETPLACE, PLUGIN},
        command,
        manifest::{Manifest, digest_of},
        shell::Wrapped,
        situation::Situation,
    },
    plan::{Plan, Step},
};

/// Take back what `install` has changed
#[derive(Debug, clap::Args)]
pub struct Uninstall {
    /// Print what would be changed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove what is remembered of Codex's sessions, too
    #[arg(long)]
    purge: bool,
}

impl Uninstall {
    /// Uninstalls.
    pub fn run(self) -> Result<(), Failure> {
        let mut codex = find::codex().ok();
        let now = Situation::look(codex.as_mut())?;
        let digest = |path: &Path| digest_of(path);
        let plan = plan(&now, self.purge, codex.is_some(), &digest);
        if self.dry_run || plan.steps.is_empty() {
            return plan.show("nothing is installed");
        }
        plan.carry_out(codex.as_ref())?;
        note("the programs stay: remove agent-relay and codex-relay where you put them");
        Ok(())
    }
}

/// Decides what is to change; `digest` looks at a file.
fn plan(
    now: &Situation,
    purge: bool,
    codex: bool,
    digest: &dyn Fn(&Path) -> Option<String>,
) -> Plan {
    let mut plan = Plan::default();
    if let Some(manifest) = &now.manifest {
        in_codex(now, manifest, codex, &mut plan);
        in_shells(now, manifest, &mut plan);
        let changed = |path: &Path, ours: &str| digest(path).is_some_and(|now| now != ours);
        let (changed, ours): (Vec<_>, Vec<_>) =
            manifest.files.iter().partition(|(path, ours)| changed(path, ours));
        let mut paths: Vec<_> = ours.into_iter().map(|(path, _)| path.clone()).collect();
        for (path, _) in changed {
            let what = path.display().to_string();
            plan.push(Step::Leave { what, why: "it was changed by hand" });
        }
        paths.retain(|path| digest(path).is_some());
        if !paths.is_empty() {
            plan.push(Step::Remove { paths });
        }
    }
    let mut folders = now.manifest.as_ref().map_or_else(Vec::new, |m| m.folders.clone());
    if purge {
        remembered(now, &mut folders, &mut plan);
    }
    if now.manifest.is_some() {
        plan.push(Step::Remove { paths: vec![now.manifest_file()] });
    }
    if !folders.is_empty() {
        plan.push(Step::Clear { folders });
    }
    plan
}

/// What is remembered of sessions: which agents they were, and with which tokens.
fn remembered(now: &Situation, folders: &mut Vec<PathBuf>, plan: &mut Plan) {
    if !now.tokens.is_empty() {
        plan.push(Step::Remove { paths: now.tokens.clone() });
    }
    if now.remembers {
        plan.push(Step::Purge { folder: now.state.clone() });
        // The client makes these when a session begins.
        let beside = ["agents", "sessions"].map(|name| now.state.with_file_name(name));
        folders.extend(beside);
        folders.sort();
    }
}

fn in_codex(now: &Situation, manifest: &Manifest, codex: bool, plan: &mut Plan) {
    let (plugin, marketplace) = (manifest.plugin, manifest.marketplace.is_some());
    if !codex && (plugin || marketplace) {
        let what = "the plugin in Codex".to_owned();
        let why = "codex is not found; `codex plugin remove agent-relay@agent-relay` removes it";
        plan.push(Step::Leave { what, why });
        return;
    }
    if plugin && now.plugin.is_some() {
        plan.push(command(&["plugin", "remove", PLUGIN]));
    }
    match &now.marketplace {
        Some(known) if manifest.marketplace.as_ref() == Some(known) => {
            plan.push(command(&["plugin", "marketplace", "remove", MARKETPLACE]));
        }
        Some(other) if marketplace => {
            let what = format!("the marketplace at {}", other.display());
            plan.push(Step::Leave { what, why: "it is another than `install` added" });
        }
        _ => {}
    }
    if plugin || marketplace {
        let path = now.config_file.clone();
        plan.push(Step::Mend { path, before: manifest.config.clone() });
    }
}

fn in_shells(now: &Situation, manifest: &Manifest, plan: &mut Plan) {
    for block in &manifest.blocks {
        let Some(start) = now.starts.iter().find(|start| start.path == block.path) else {
            continue;
        };
        match start.wrapped() {
            Wrapped::Yes(lines) if lines == block.text => {
                let text = start.text.as_deref().unwrap_or_default();
                plan.push(Step::Edit {
                    path: start.path.clone(),
                    from: start.text.clone(),
                    to: block.taken_out(text),
                    what: "`codex` is Codex itself again",
                });
            }
            Wrapped::Yes(_) => {
                let what = start.path.display().to_string();
                plan.push(Step::Leave { what, why: CHANGED });
            }
            Wrapped::No => {}
        }
    }
}

#[cfg(test)]
mod tests;
