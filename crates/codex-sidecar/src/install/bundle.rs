//! The plugin, as it is carried in this program: the two are of one version, and one file is enough
//! to install.

use std::path::{Path, PathBuf};

/// The marketplace that Codex knows the plugin by.
pub const MARKETPLACE: &str = "agent-relay";
/// The plugin's name for Codex: itself, and its marketplace.
pub const PLUGIN: &str = "agent-relay@agent-relay";
/// Where a marketplace folder says what it has.
const INDEX: &str = ".agents/plugins/marketplace.json";

macro_rules! files {
    ($($path:literal)+) => { &[$(($path, include_str!(concat!(env!("RELAY_BUNDLE"), "/", $path)))),+] };
}

/// The marketplace folder: the path below it and the text of each file.
pub const FILES: &[(&str, &str)] = files! {
    ".agents/plugins/marketplace.json"
    "providers/codex/.codex-plugin/plugin.json"
    "providers/codex/.mcp.json"
    "providers/codex/rules/agent-relay.rules"
    "providers/codex/skills/disconnect/SKILL.md"
    "providers/codex/skills/label/SKILL.md"
    "providers/codex/skills/message/SKILL.md"
    "providers/codex/skills/pair/SKILL.md"
    "providers/codex/skills/send-claimable/SKILL.md"
    "providers/codex/skills/status/SKILL.md"
    "providers/codex/skills/tags/SKILL.md"
};

/// The marketplace folder that `path` is, or lies in: a clone may be named by its plugin's folder.
pub fn marketplace(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    path.ancestors().find(|folder| folder.join(INDEX).is_file()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use relay_client::core::env::{self, Reader};
    use serde_json::Value;

    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
    }

    fn json(path: &str) -> Value {
        let text = FILES.iter().find(|(name, _)| *name == path).expect("it is carried").1;
        serde_json::from_str(text).unwrap()
    }

    fn collect(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else {
                let path = path.strip_prefix(root()).unwrap();
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_plugin_is_carried() {
        let apart =
            ["README.md", "install.sh", "install.ps1"].map(|n| format!("providers/codex/{n}"));
        let mut there = vec![INDEX.to_owned()];
        collect(&root().join("providers/codex"), &mut there);
        there.retain(|path| !apart.contains(path));
        there.sort();
        assert_eq!(FILES.iter().map(|(path, _)| *path).collect::<Vec<_>>(), there);
    }

    #[test]
    fn the_plugin_has_the_version_of_the_workspace() {
        let plugin = json("providers/codex/.codex-plugin/plugin.json");
        assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
        let entry = &json(INDEX)["plugins"][0];
        assert_eq!(format!("{}@{}", plugin["name"], entry["name"]).replace('"', ""), PLUGIN);
        assert_eq!(json(INDEX)["name"], MARKETPLACE);
        assert_eq!(entry["source"]["path"], "./providers/codex", "codex wants the `./`");
    }

    #[test]
    fn the_mcp_server_gets_every_variable_that_clients_read() {
        let server = &json("providers/codex/.mcp.json")["mcpServers"]["agent_relay"];
        let passed: Vec<_> =
            server["env_vars"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for variable in env::ALL.iter().filter(|variable| variable.reader == Reader::Client) {
            assert!(passed.contains(&variable.name), "{} does not reach it", variable.name);
        }
    }

    #[test]
    fn a_clone_is_found_from_the_plugins_folder() {
        assert_eq!(marketplace(&root().join("providers/codex")), Some(root()));
        assert_eq!(marketplace(&std::env::temp_dir()), None);
    }
}
