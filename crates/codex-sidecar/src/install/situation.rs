//! What is there: Codex, the plugin in it, what an earlier installation did.

use std::{
    fs,
    path::{Path, PathBuf},
};

use relay_client::{
    config::{data_dir, environment, state_dir},
    core::id::AgentId,
    identity::token_file,
};

use super::{
    bundle::FILES,
    codex::{self, Codex, Plugin},
    manifest::{Manifest, digest_of},
    shell::StartFile,
};
use crate::{failure::Failure, plan};

/// What is there.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// Where the plugin is unpacked.
    pub folder: PathBuf,
    /// True when it lies there as this program carries it.
    pub unpacked: bool,
    /// What belongs to Codex's sessions alone.
    pub state: PathBuf,
    /// True when that is there.
    pub remembers: bool,
    /// The tokens of the agents that Codex's sessions were.
    pub tokens: Vec<PathBuf>,
    /// What an earlier installation wrote down.
    pub manifest: Option<Manifest>,
    /// Codex's folder, where it is told by `CODEX_HOME`.
    pub codex_home: Option<PathBuf>,
    /// Codex's `config.toml`.
    pub config_file: PathBuf,
    /// Its digest; none where there is no such file.
    pub config: Option<String>,
    /// The folder of the marketplace with our name.
    pub marketplace: Option<PathBuf>,
    /// The plugin, where Codex has it.
    pub plugin: Option<Plugin>,
    /// The start files of shells.
    pub starts: Vec<StartFile>,
    /// The folders that are not there, and that installing may bring, outermost first.
    pub absent: Vec<PathBuf>,
}

impl Situation {
    /// Looks, and changes nothing. `codex` is told of the folder that an earlier installation used.
    pub fn look(codex: Option<&mut Codex>) -> Result<Self, Failure> {
        let home = std::env::home_dir()
            .ok_or_else(|| Failure::usage("there is no home folder; set HOME"))?;
        let folder = data_dir().map_err(Failure::usage)?.join("codex");
        let state = state_dir().map_err(Failure::usage)?.join("codex");
        let manifest = Manifest::read(&manifest_file(&state))?;
        let told = environment("CODEX_HOME").filter(|told| !told.is_empty()).map(PathBuf::from);
        let codex_home = manifest.as_ref().map_or(told, |manifest| manifest.codex_home.clone());
        let codex_folder = codex::folder(codex_home.as_deref(), &home);
        let starts = StartFile::all(&home, &environment);
        let config_file = codex_folder.join("config.toml");
        let mut now = Self {
            unpacked: plan::is_unpacked(&folder, FILES),
            config: digest_of(&config_file),
            remembers: state.exists(),
            tokens: tokens(&state),
            absent: absent(&folder, &state, &codex_folder, &starts),
            folder,
            state,
            manifest,
            codex_home,
            config_file,
            starts,
            ..Self::default()
        };
        if let Some(codex) = codex {
            codex.home.clone_from(&now.codex_home);
            now.marketplace = codex.marketplace()?;
            now.plugin = codex.plugin()?;
        }
        Ok(now)
    }

    /// Where an installation writes down what it changes.
    pub fn manifest_file(&self) -> PathBuf {
        manifest_file(&self.state)
    }
}

/// Each session's file holds the id of its agent.
fn tokens(state: &Path) -> Vec<PathBuf> {
    let sessions = fs::read_dir(state.join("session")).into_iter().flatten().flatten();
    let agents =
        sessions.filter_map(|file| fs::read_to_string(file.path()).ok()?.trim().parse().ok());
    let mut files: Vec<_> = agents.filter_map(|agent: AgentId| token_file(&agent).ok()).collect();
    files.retain(|file| file.exists());
    files.sort();
    files.dedup();
    files
}

fn manifest_file(state: &Path) -> PathBuf {
    state.join("install.json")
}

fn absent(folder: &Path, state: &Path, codex: &Path, starts: &[StartFile]) -> Vec<PathBuf> {
    let unpacked = FILES.iter().map(|(name, _)| folder.join(name));
    // What Codex's own commands make and leave.
    let codexs = ["config.toml", ".tmp/marketplaces/x", "plugins/cache/agent-relay/x"];
    let files = unpacked
        .chain(codexs.iter().map(|name| codex.join(name)))
        .chain(starts.iter().map(|start| start.path.clone()))
        .chain([manifest_file(state)]);
    let mut folders: Vec<PathBuf> = files
        .flat_map(|file| file.ancestors().skip(1).map(Path::to_owned).collect::<Vec<_>>())
        .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    folders.sort();
    folders.dedup();
    folders
}
