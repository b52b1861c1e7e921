//! The providers on this machine: whether sessions of theirs become agents.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use relay_client::{config::environment, program::on_path};
use relay_core::{
    doctor::Finding,
    env,
    version::{self, VERSION},
};
use serde_json::Value;
use tokio::process::Command;

/// How long a program may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// The plugin's name, before the name of where it comes from.
const PLUGIN: &str = "agent-relay@";

/// What is known of a provider.
struct Facts {
    /// Its check.
    check: &'static str,
    /// The runtime's program.
    runtime: PathBuf,
    /// Whether the runtime has our plugin, and has it switched on.
    plugin: Result<bool, String>,
    /// How the plugin is got.
    install: &'static str,
    /// Our program beside it, and what it says of its version.
    program: (&'static str, Option<String>),
    /// How our program is got.
    build: &'static str,
}

/// Claude Code, its plugin and the program that the plugin runs.
pub async fn claude() -> Finding {
    let Some(runtime) = on_path("claude") else {
        return Finding::skipped("claude", "Claude Code is not on PATH");
    };
    judge(&Facts {
        check: "claude",
        runtime,
        plugin: plugin_of_claude(),
        install: "from a clone: claude plugin marketplace add \"$PWD\"; claude plugin install agent-relay@agent-relay",
        program: ("agent-relay-claude", version_of("agent-relay-claude").await),
        build: "cargo install --path crates/claude-hooks",
    })
}

/// Codex, its plugin and the program that starts its sessions.
pub async fn codex() -> Finding {
    let named = env::CODEX_BIN.find(&environment).map(|(_, program)| PathBuf::from(program));
    let Some(runtime) = named.or_else(|| on_path("codex")) else {
        return Finding::skipped("codex", "Codex is not on PATH");
    };
    judge(&Facts {
        check: "codex",
        plugin: plugin_of_codex(&runtime).await,
        runtime,
        install: "codex-relay install",
        program: ("codex-relay", version_of("codex-relay").await),
        build: "cargo install --path crates/codex-sidecar",
    })
}

fn judge(facts: &Facts) -> Finding {
    let Facts { check, runtime, plugin, install, program: (name, version), build } = facts;
    let runtime = runtime.display();
    let Some(theirs) = version else {
        let found = format!("{runtime} is there, but {name} is not on PATH");
        let missing = Finding::warning(check, found).hint(*build);
        return if *plugin == Ok(true) {
            Finding::failed(check, format!("{runtime} has the plugin, but {name} is not on PATH: its sessions are no agents")).hint(*build)
        } else {
            missing
        };
    };
    match plugin {
        Ok(true) if version::warning(VERSION, theirs).is_none() => {
            Finding::ok(check, format!("{runtime}, with the plugin; {name} {theirs}"))
        }
        Ok(true) => {
            Finding::warning(check, format!("{name} is {theirs}, and this program is {VERSION}"))
                .hint("agent-relay upgrade")
        }
        Ok(false) => {
            let found = format!(
                "{runtime} is there, but the plugin is missing: its sessions are no agents"
            );
            Finding::warning(check, found).hint(*install)
        }
        Err(why) => Finding::warning(check, format!("{runtime}: {why}")).hint(*install),
    }
}

/// Claude Code writes down in its settings which plugins are switched on.
fn plugin_of_claude() -> Result<bool, String> {
    let told = environment("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty());
    let folder = match told {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&environment("HOME").unwrap_or_default()).join(".claude"),
    };
    let path = folder.join("settings.json");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(false) };
    let settings: Value =
        serde_json::from_str(&text).map_err(|why| format!("{}: {why}", path.display()))?;
    let enabled = settings["enabledPlugins"].as_object();
    Ok(enabled.is_some_and(|plugins| {
        plugins.iter().any(|(name, on)| name.starts_with(PLUGIN) && *on != Value::Bool(false))
    }))
}

/// Codex says itself what it has.
async fn plugin_of_codex(program: &Path) -> Result<bool, String> {
    let said = output(program, &["plugin", "list", "--json"]).await;
    let listed: Value = said
        .and_then(|said| serde_json::from_str(&said).ok())
        .ok_or("`codex plugin list --json` does not say what it has")?;
    let plugins = listed["installed"].as_array().cloned().unwrap_or_default();
    let is_ours = |plugin: &Value| {
        plugin["pluginId"].as_str().is_some_and(|id| id.starts_with(PLUGIN))
            && plugin["enabled"] == Value::Bool(true)
    };
    Ok(plugins.iter().any(is_ours))
}

/// The version of a program of ours; none where it is not on `PATH`, or does not say.
async fn version_of(name: &str) -> Option<String> {
    let said = output(&on_path(name)?, &["--version"]).await?;
    said.split_whitespace().last().map(str::to_owned)
}

/// What a program prints, when it does so in time and ends well.
async fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use relay_core::doctor::State;

    use super::*;

    #[test]
    fn what_is_missing_is_named_with_how_to_get_it() {
        for (plugin, version, state, found, hint) in [
            (Ok(true), Some(VERSION), State::Ok, "with the plugin", None),
            (Ok(true), Some("9.0.0"), State::Warning, "ours is 9.0.0", Some("upgrade")),
            (Ok(true), None, State::Failed, "ours is not on PATH", Some("build")),
            (Ok(false), None, State::Warning, "ours is not on PATH", Some("build")),
            (Ok(false), Some(VERSION), State::Warning, "the plugin is missing", Some("install")),
            (Err("odd".to_owned()), Some(VERSION), State::Warning, "odd", Some("install")),
        ] {
            let finding = judge(&Facts {
                check: "claude",
                runtime: "/bin/it".into(),
                plugin,
                install: "install",
                program: ("ours", version.map(str::to_owned)),
                build: "build",
            });
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.found.contains(found), "{finding:?}");
            assert!(finding.hint.as_deref().unwrap_or("").contains(hint.unwrap_or("")));
        }
    }
}
