//! `codex-relay install`: the plugin goes into Codex, and plain `codex` through the relay.
//!
//! [`Situation`] is what is there, [`plan()`] decides what is to change and writes it into the
//! [`Manifest`], the [`Plan`] is printed or carried out. What is there already is no step, so that
//! installing twice changes nothing.

pub mod bundle;
pub mod codex;
pub mod manifest;
pub mod shell;
pub mod situation;

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use relay_client::core::version::VERSION;

use self::{
    bundle::{FILES, MARKETPLACE, PLUGIN},
    codex::VERIFIED,
    manifest::{Manifest, digest},
    shell::Wrapped,
    situation::Situation,
};
use crate::{
    failure::{Failure, note, warn},
    find,
    plan::{Plan, Step},
};

/// Install the plugin in Codex, and let plain `codex` start through the relay
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags, each by itself")]
pub struct Install {
    /// Print what would be changed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing; what is not said otherwise is yes
    #[arg(long)]
    yes: bool,
    /// Let plain `codex` start through the relay, by a function in the shell's start file
    #[arg(long, overrides_with = "no_wrap_codex")]
    wrap_codex: bool,
    /// Leave plain `codex` as it is
    #[arg(long)]
    no_wrap_codex: bool,
    /// A marketplace folder, or a clone, to take the plugin from [default: the one in this program]
    #[arg(long, value_name = "FOLDER")]
    plugin: Option<PathBuf>,
}

/// What somebody wants.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Plain `codex` goes through the relay.
    pub wrap: bool,
    /// The marketplace folder, where it is not the one that this program carries.
    pub plugin: Option<PathBuf>,
}

impl Install {
    /// Installs.
    pub fn run(self) -> Result<(), Failure> {
        let mut codex = find::codex()?;
        let version = codex.version()?;
        if !codex::is_verified(&version) {
            warn(&format!("codex is {version}; this was seen to work with {VERIFIED}"));
        }
        let plugin = self.plugin.as_deref().map(given).transpose()?;
        let now = Situation::look(Some(&mut codex))?;
        let wishes = Wishes { wrap: self.wrap(now.manifest.as_ref())?, plugin };
        let plan = plan(&now, &wishes)?;
        if self.dry_run {
            return plan.show("already installed");
        }
        if plan.is_empty() {
            plan.show("already installed; nothing to change")?;
        } else {
            plan.carry_out(Some(&codex)).map_err(|failure| {
                failure.or_hint("`codex-relay uninstall` takes back what was done so far")
            })?;
        }
        if find::on_path("agent-relay").is_none() {
            warn("agent-relay is not on PATH; the plugin's tools in Codex need it");
        }
        note(if wishes.wrap && !now.starts.is_empty() {
            "in a new shell, `codex` starts a session that is an agent; here, `codex-relay` does"
        } else {
            "`codex-relay` starts a session that is an agent"
        });
        Ok(())
    }

    /// Whether plain `codex` goes through the relay: a flag says so, or what was said before, or
    /// whoever sits there.
    fn wrap(&self, before: Option<&Manifest>) -> Result<bool, Failure> {
        match before {
            _ if self.wrap_codex => Ok(true),
            _ if self.no_wrap_codex => Ok(false),
            Some(manifest) => Ok(manifest.wrap),
            None if self.yes || self.dry_run => Ok(true),
            None => ask("Shall plain `codex` start through Agent Relay, too?"),
        }
    }
}

fn given(path: &Path) -> Result<PathBuf, Failure> {
    bundle::marketplace(path).ok_or_else(|| {
        Failure::usage(format_args!("--plugin {}: no marketplace folder", path.display()))
            .hint("it holds .agents/plugins/marketplace.json, as a clone of Agent Relay does")
    })
}

fn ask(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("it is not said whether plain `codex` goes through the relay")
            .hint("add --wrap-codex, --no-wrap-codex, or --yes"));
    }
    loop {
        let _ = write!(io::stderr(), "{question} [Y/n] ");
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        if !matches!(read, Ok(1..)) {
            return Err(Failure::refused("nothing was answered, and nothing was changed"));
        }
        match answer.trim().to_lowercase().as_str() {
            "" | "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}

/// Decides what is to change.
pub fn plan(now: &Situation, wishes: &Wishes) -> Result<Plan, Failure> {
    let mut manifest = now.manifest.clone().unwrap_or_else(|| Manifest {
        codex_home: now.codex_home.clone(),
        config: now.config.clone(),
        ..Manifest::default()
    });
    VERSION.clone_into(&mut manifest.version);
    manifest.wrap = wishes.wrap;
    let new = now.absent.iter().filter(|folder| !manifest.folders.contains(folder));
    manifest.folders = new.chain(&manifest.folders).cloned().collect();
    manifest.folders.sort();

    let mut plan = Plan::default();
    files(now, wishes, &mut manifest, &mut plan);
    codex(now, wishes, &mut manifest, &mut plan)?;
    shells(now, wishes.wrap, &mut manifest, &mut plan);
    if !plan.is_empty() || now.manifest.is_none() {
        let manifest = Box::new(manifest);
        plan.steps.insert(0, Step::Remember { path: now.manifest_file(), manifest });
    }
    Ok(plan)
}

/// The plugin's files, unless it is taken from elsewhere.
fn files(now: &Situation, wishes: &Wishes, manifest: &mut Manifest, plan: &mut Plan) {
    let mut files = std::collections::BTreeMap::new();
    if wishes.plugin.is_none() {
        let carried = FILES.iter();
        files.extend(carried.map(|(name, text)| (now.folder.join(name), digest(text.as_bytes()))));
        if !now.unpacked {
            plan.push(Step::Unpack { folder: now.folder.clone(), files: FILES });
        }
    }
    let old: Vec<_> = manifest.files.keys().filter(|p| !files.contains_key(*p)).cloned().collect();
    if !old.is_empty() {
        plan.push(Step::Remove { paths: old });
    }
    manifest.files = files;
}

/// The marketplace and the plugin in Codex.
fn codex(
    now: &Situation,
    wishes: &Wishes,
    manifest: &mut Manifest,
    plan: &mut Plan,
) -> Result<(), Failure> {
    let folder = wishes.plugin.as_ref().unwrap_or(&now.folder);
    let mut has_plugin = now.plugin.is_some();
    let known = match &now.marketplace {
        Some(known) if is_same(known, folder) => true,
        Some(ours) if manifest.marketplace.as_deref().is_some_and(|old| is_same(old, ours)) => {
            if has_plugin {
                plan.push(command(&["plugin", "remove", PLUGIN]));
                has_plugin = false;
            }
            plan.push(command(&["plugin", "marketplace", "remove", MARKETPLACE]));
            false
        }
        Some(other) => return Err(taken(other)),
        None => false,
    };
    if !known {
        let path = folder.to_string_lossy();
        plan.push(command(&["plugin", "marketplace", "add", &path]));
        manifest.marketplace = Some(folder.clone());
    }
    let good = |plugin: &codex::Plugin| plugin.enabled && plugin.version == VERSION;
    let fresh = wishes.plugin.is_none() && now.unpacked;
    if !(known && fresh && has_plugin && now.plugin.as_ref().is_some_and(good)) {
        plan.push(command(&["plugin", "add", PLUGIN]));
        manifest.plugin |= !has_plugin || manifest.marketplace.is_some();
    }
    Ok(())
}

fn taken(other: &Path) -> Failure {
    let other = other.display();
    Failure::refused(format_args!("Codex has a marketplace `{MARKETPLACE}` at {other} already"))
        .hint(format_args!(
            "use it with --plugin {other}, or remove it with `codex plugin marketplace remove {MARKETPLACE}`"
        ))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    one == other || real(one) == real(other)
}

pub(crate) fn command(words: &[&str]) -> Step {
    Step::Codex { arguments: words.iter().map(|&word| word.to_owned()).collect() }
}

/// What a start file is left with where somebody has changed our lines.
pub(crate) const CHANGED: &str = "the lines between its markers were changed by hand";

/// The function in the shells' start files.
fn shells(now: &Situation, wrap: bool, manifest: &mut Manifest, plan: &mut Plan) {
    if wrap && now.starts.is_empty() {
        let what = "plain `codex`".to_owned();
        let why = "neither bash, zsh nor fish is in use here; `codex-relay` starts sessions";
        plan.push(Step::Leave { what, why });
    }
    for start in &now.starts {
        let leave = |why| Step::Leave { what: start.path.display().to_string(), why };
        let ours = manifest.block(&start.path).cloned();
        let edit =
            |to, what| Step::Edit { path: start.path.clone(), from: start.text.clone(), to, what };
        match (start.wrapped(), ours) {
            _ if start.strange => plan.push(leave("it cannot be read as text")),
            (Wrapped::Yes(lines), _) if wrap && lines == start.lines => {}
            (Wrapped::No, _) if wrap => {
                plan.push(edit(Some(start.with_lines()), "`codex` starts through the relay"));
                manifest.blocks.retain(|block| block.path != start.path);
                manifest.blocks.push(start.block());
            }
            (Wrapped::Yes(lines), Some(block)) if lines == block.text => {
                manifest.blocks.retain(|block| block.path != start.path);
                if wrap {
                    plan.push(edit(Some(start.with_lines()), "`codex` starts through the relay"));
                    manifest.blocks.push(shell::Block { text: start.lines.clone(), ..block });
                } else {
                    let text = start.text.as_deref().unwrap_or_default();
                    plan.push(edit(block.taken_out(text), "`codex` is Codex itself again"));
                }
            }
            (Wrapped::Yes(_), _) => plan.push(leave(CHANGED)),
            (Wrapped::No, _) => manifest.blocks.retain(|block| block.path != start.path),
        }
    }
}

#[cfg(test)]
mod tests;
