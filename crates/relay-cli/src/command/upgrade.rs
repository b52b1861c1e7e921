//! `agent-relay upgrade`: the newest release in the place of what is installed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use relay_client::{
    config::{data_dir, state_dir},
    place::create_private_dir,
};
use relay_core::env;
use serde_json::json;

use crate::{
    args::Common,
    daemon::Manager,
    failure::Failure,
    input::agree,
    output::Output,
    settings::Settings,
    upgrade::{
        address, carry, fetch,
        installed::{self, Program, Provider},
        plan::Plan,
        release,
        service::Service,
    },
};

const PLUGIN: &str = "agent-relay@agent-relay";

/// Bring what is installed to the newest release
///
/// Finds the relay's programs and plugins, fetches the release and checks its digest, copies the
/// database, replaces the programs and starts the service anew. Where the new version is not well,
/// everything is put back. What a package manager has installed is left to it.
#[derive(Debug, clap::Args)]
pub struct Upgrade {
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// The providers to upgrade with it, separated by commas; `--providers=` for none [default: all
    /// that are installed]
    #[arg(long, value_name = "LIST", value_delimiter = ',', hide_possible_values = true)]
    providers: Option<Vec<Choice>>,
    /// Leave the service as it runs, with the old version until it is started anew
    #[arg(long)]
    no_restart: bool,
    /// Where releases are: an address with https:// or file:// [default: AGENT_RELAY_RELEASES, else
    /// the project's own]
    #[arg(long, value_name = "URL")]
    releases: Option<String>,
}

/// A provider, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Choice(Option<Provider>);

impl std::str::FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "none" => Ok(Self(None)),
            name => clap::ValueEnum::from_str(name, true)
                .map(|provider| Self(Some(provider)))
                .map_err(|_| "is none of claude, codex, telegram, none".to_owned()),
        }
    }
}

impl Upgrade {
    /// Looks, plans, asks, and does it.
    pub async fn run(self, common: &Common) -> Result<(), Failure> {
        let output = Output::new(common.json);
        let settings = Settings::of_environment()?;
        let _one = if self.dry_run { None } else { Some(lock()?) };
        let service = Self::service(output)?;
        let plan = self.plan(&settings, service.as_ref()).await?;
        let version = &plan.version;
        let about = json!({
            "version": version.to_string(),
            "plan": plan.to_string().lines().collect::<Vec<_>>(),
        });
        if plan.is_empty() && plan.left.is_empty() {
            let newest = || format!("everything is of version {version} already, or newer");
            return output.show(&about, newest);
        }
        if self.dry_run || !self.yes || plan.is_empty() {
            output.show(&about, || plan.to_string())?;
        }
        if plan.is_empty() {
            let first = plan.left.first().map_or("", |(_, why)| why);
            return Err(Failure::refused(format_args!(
                "version {version} is there, and nothing here is ours to replace"
            ))
            .hint(first));
        }
        if self.dry_run {
            return Ok(());
        }
        if !self.yes {
            agree("do it?")?;
        }
        carry::carry_out(&plan, service.as_ref(), output).await?;
        for (path, why) in &plan.left {
            output.warn(&format!("{} is left as it is: {why}", path.display()));
        }
        output.line(&format!("upgraded to {version}"))?;
        if let Some((_, backup)) = &plan.backup {
            output.note(&format!("the database as it was before is in {}", backup.display()));
        }
        output.note(match plan.restart {
            Some(_) => "sessions that run keep the older programs; new ones have these",
            None => {
                "a relay and sessions that run keep the older programs until they are started anew"
            }
        });
        Ok(())
    }

    async fn plan(&self, settings: &Settings, service: Option<&Service>) -> Result<Plan, Failure> {
        let own = own()?;
        let index = self.index(settings)?;
        let release = fetch::release(&index).await?;
        let targets = release::targets();
        let archive = release.archive(&targets).cloned().ok_or_else(|| {
            let (version, target) = (&release.version, targets.first().map_or("", String::as_str));
            Failure::refused(format_args!("version {version} has no archive for {target}"))
                .hint("build it: cargo install --path crates/relay-cli in a clone")
        })?;
        let mut programs = installed::programs(&own).await;
        programs.retain(|program| program.provider.is_none_or(|provider| self.wants(provider)));
        let mut plan = Plan::of(release, &index, archive, programs)?;
        if !plan.is_empty() {
            self.besides(&mut plan, &own, settings, service)?;
        }
        Ok(plan)
    }

    /// What goes with the programs: a copy of the database, the plugins, the service.
    fn besides(
        &self,
        plan: &mut Plan,
        own: &Path,
        settings: &Settings,
        service: Option<&Service>,
    ) -> Result<(), Failure> {
        let has = |name: &str| plan.programs.iter().any(|program| program.name == name);
        let (relay, codex, claude) =
            (has("agent-relay"), has("codex-relay"), has("agent-relay-claude"));
        if relay {
            let database =
                service.map_or_else(|| settings.database(), |s| Ok(s.database.clone()))?;
            let to = backup(&database);
            plan.backup = database.is_file().then_some((database, to));
            plan.restart =
                service.filter(|_| !self.no_restart).map(|service| service.url().to_owned());
        }
        if codex {
            plan.then.extend(codex_plugin(&plan.programs)?);
        }
        if claude && let Some(program) = installed::find("claude", own) {
            let folder = data_dir().map_err(Failure::usage)?.join("claude");
            plan.marketplace = folder.is_dir().then_some(folder);
            plan.then.extend(claude_plugin(&program));
        }
        Ok(())
    }

    fn wants(&self, provider: Provider) -> bool {
        self.providers.as_ref().is_none_or(|list| list.contains(&Choice(Some(provider))))
    }

    fn index(&self, settings: &Settings) -> Result<reqwest::Url, Failure> {
        let settings = settings.clone().flag("--releases", &env::RELEASES, self.releases.as_ref());
        let read = env::RELEASES.read(&|name| settings.get(name), address::index);
        match read.map_err(|bad| settings.explain(bad))? {
            Some(url) => Ok(url),
            None => address::index(address::RELEASES).map_err(Failure::usage),
        }
    }

    /// The service, where it runs the program that is upgraded.
    fn service(output: Output) -> Result<Option<Service>, Failure> {
        let Ok(manager) = Manager::here() else { return Ok(None) };
        if !manager.has_it() || !manager.is_running() {
            return Ok(None);
        }
        if !manager.runs(&own()?) {
            let file = manager.file();
            output.warn(&format!("{}: the service runs another program", file.display()));
            return Ok(None);
        }
        Service::of(manager).map(Some)
    }
}

/// This program, by its real path.
fn own() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().and_then(|path| path.canonicalize());
    own.map_err(|why| Failure::refused(format_args!("this program is not found: {why}")))
}

fn backup(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".before-upgrade");
    database.with_file_name(name)
}

/// Two at once would each take the other's programs for old ones.
fn lock() -> Result<File, Failure> {
    let folder = state_dir().map_err(Failure::usage)?;
    let path = folder.join("upgrade.lock");
    let file = create_private_dir(&folder).and_then(|()| File::create(&path));
    let file = file.map_err(|why| Failure::refused(format_args!("{}: {why}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Failure::refused("another upgrade is under way")),
    }
}

/// `codex-relay upgrade`, where `codex-relay install` was run.
fn codex_plugin(programs: &[Program]) -> Result<Option<Vec<String>>, Failure> {
    let installed = state_dir().map_err(Failure::usage)?.join("codex/install.json");
    let program = programs.iter().find(|program| program.name == "codex-relay");
    let line = |program: &Program| vec![program.path.display().to_string(), "upgrade".to_owned()];
    Ok(program.filter(|_| installed.is_file()).map(line))
}

/// Claude Code's own commands, where it has the plugin.
fn claude_plugin(claude: &Path) -> Vec<Vec<String>> {
    let list = Command::new(claude).args(["plugin", "list"]).output();
    let has = |text: &[u8]| String::from_utf8_lossy(text).contains(PLUGIN);
    if !list.is_ok_and(|list| has(&list.stdout)) {
        return Vec::new();
    }
    let line = |words: &[&str]| {
        let program = claude.display().to_string();
        std::iter::once(program).chain(words.iter().map(|word| (*word).to_owned())).collect()
    };
    vec![
        line(&["plugin", "marketplace", "update", "agent-relay"]),
        line(&["plugin", "update", PLUGIN]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_named_or_none_is() {
        assert_eq!("codex".parse(), Ok(Choice(Some(Provider::Codex))));
        assert_eq!("none".parse(), Ok(Choice(None)));
        assert!("cursor".parse::<Choice>().unwrap_err().contains("claude, codex, telegram"));
    }

    #[test]
    fn the_copy_of_the_database_lies_beside_it() {
        assert_eq!(backup(Path::new("/a/relay.db")), Path::new("/a/relay.db.before-upgrade"));
    }
}
