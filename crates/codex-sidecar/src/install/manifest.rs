//! What an installation has changed, written down before it is changed, so that `uninstall` undoes
//! that and nothing else.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use relay_client::place::write_private;
use relay_core::token::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::shell::Block;
use crate::failure::Failure;

/// What was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    /// The version that installed last.
    pub version: String,
    /// Codex's folder, where it was told by `CODEX_HOME`.
    pub codex_home: Option<PathBuf>,
    /// The digest of Codex's `config.toml` before; none where there was no such file.
    pub config: Option<String>,
    /// The folder that was made known to Codex as a marketplace.
    pub marketplace: Option<PathBuf>,
    /// True when the plugin was added to Codex.
    pub plugin: bool,
    /// The files that were written, each with the digest of what.
    pub files: BTreeMap<PathBuf, String>,
    /// True when plain `codex` was to go through the relay.
    pub wrap: bool,
    /// What was added to shells' start files.
    pub blocks: Vec<Block>,
    /// The folders that were not there before, outermost first.
    pub folders: Vec<PathBuf>,
}

impl Manifest {
    /// Reads what an earlier installation wrote down; none where there was none.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        let manifest = serde_json::from_str(&text);
        manifest.map(Some).map_err(|error| {
            let name = path.display();
            Failure::refused(format_args!("{name} is damaged: {error}"))
                .hint("it says what `codex-relay install` has changed; mend it, or remove it and undo that by hand")
        })
    }

    /// Writes it down.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(Failure::refused)?;
        write_private(path, &(text + "\n")).map_err(|error| Failure::file("write", path, &error))
    }

    /// What was added to a start file.
    pub fn block(&self, path: &Path) -> Option<&Block> {
        self.blocks.iter().find(|block| block.path == path)
    }
}

/// What tells one content from another.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest of a file; none where it cannot be read.
pub fn digest_of(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|bytes| digest(&bytes))
}
