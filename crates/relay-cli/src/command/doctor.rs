//! `agent-relay doctor`: what is in the way, and what to do about it.
//!
//! Each file beside this one looks at one thing; what a fact means is decided in
//! [`relay_core::doctor`]. Nothing is changed, and nothing is sent but questions, unless `--deliver`
//! asks for it.

mod account;
mod daemon;
mod database;
mod deliver;
mod provider;
mod relay;
mod written;

use std::{path::PathBuf, time::Duration};

use anstyle::{AnsiColor, Style};
use relay_core::doctor::{Finding, State};
use relay_store::Place;

use crate::{
    args::Common,
    context::Context,
    failure::Failure,
    input::span,
    output::{FAINT, Output, inline},
    settings::Settings,
};

/// Find out what is in the way, and what to do about it
///
/// Looks at settings, files, the relay, its database, the service and the providers, and changes
/// nothing. Exit codes: 0 when nothing has failed, whatever it warns of; 1 when something has.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Also send each live session a test message, and say how far it came and how long it took
    ///
    /// It begins a turn in sessions that are idle, which costs their model a few tokens. Terminals that
    /// joined and channels get none.
    #[arg(long)]
    deliver: bool,
    /// How long to wait for the test messages
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "30s", requires = "deliver")]
    timeout: Duration,
    /// Check the database thoroughly: every row against every index
    #[arg(long)]
    deep: bool,
    /// The database file [env: DB_PATH]
    #[arg(long, visible_alias = "db", value_name = "FILE")]
    db_path: Option<PathBuf>,
}

impl Doctor {
    /// Looks at everything, prints it, and fails where something has failed.
    pub async fn run(self, common: &Common) -> Result<(), Failure> {
        let output = Output::new(common.json);
        let findings = Box::pin(self.findings(common, output)).await;
        output.show(&findings, || findings.iter().map(told).collect::<Vec<_>>().join("\n"))?;
        match findings.iter().filter(|finding| finding.state == State::Failed).count() {
            0 => Ok(()),
            1 => Err(Failure::refused("one check has failed")),
            many => Err(Failure::refused(format_args!("{many} checks have failed"))),
        }
    }

    async fn findings(&self, common: &Common, output: Output) -> Vec<Finding> {
        let mut findings = Vec::new();
        let settings = written::settings(common, &mut findings);
        findings.push(written::profiles());
        findings.push(account::files());
        let seen = match &settings {
            Some(settings) => relay::look(settings, &mut findings).await,
            None => relay::Seen::default(),
        };
        findings.extend(self.database(settings.as_ref(), &seen).await);
        findings.push(daemon::look(&seen));
        findings.push(provider::claude().await);
        findings.push(provider::codex().await);
        if let Some(settings) = settings.filter(|_| seen.answers) {
            self.agents(&settings, common, output, &mut findings).await;
        }
        findings
    }

    /// The database, and the disk that it is on.
    async fn database(&self, settings: Option<&Settings>, seen: &relay::Seen) -> [Finding; 2] {
        let Some(settings) = settings else {
            let why = "its place is in settings that cannot be read";
            return [Finding::skipped("database", why), account::disk(self.db_path.as_deref())];
        };
        let place = match &self.db_path {
            Some(file) => Ok(Place::File(file.clone())),
            None => settings.place(),
        };
        match place {
            Ok(Place::Server(address)) => {
                let disk = Finding::skipped("disk", "the database is on PostgreSQL's");
                [database::reach(&address).await, disk]
            }
            Ok(Place::File(file)) if !seen.is_local => {
                let why = "it is on the relay's machine, which is another one";
                [Finding::skipped("database", why), account::disk(Some(&file))]
            }
            Ok(Place::File(file)) => {
                [database::look(&file, self.deep, seen).await, account::disk(Some(&file))]
            }
            Err(failure) => [Finding::failed("database", failure.to_string()), account::disk(None)],
        }
    }

    /// What only a caller whom the relay knows may see.
    async fn agents(
        &self,
        settings: &Settings,
        common: &Common,
        output: Output,
        findings: &mut Vec<Finding>,
    ) {
        let context = match Context::open(settings, common.agent.clone(), output) {
            Ok(context) => context,
            Err(failure) => {
                findings.push(Finding::warning("agents", format!("{failure}")));
                return;
            }
        };
        relay::health(&context, findings).await;
        let Some(agents) = relay::agents(&context, findings).await else { return };
        if self.deliver {
            findings.extend(deliver::to_each(&context, &agents, self.timeout).await);
        }
    }
}

fn told(finding: &Finding) -> String {
    let Finding { check, state, found, hint } = finding;
    let style = match state {
        State::Ok => AnsiColor::Green.on_default(),
        State::Warning => AnsiColor::Yellow.on_default(),
        State::Failed => AnsiColor::Red.on_default().bold(),
        State::Skipped => FAINT,
    };
    let line = format!("{style}{:<9}{style:#}{check:<10}{}", state.as_str(), inline(found));
    let arrow = |hint: &String| format!("\n{:19}{} {}", "", paint(FAINT, "->"), inline(hint));
    line + &hint.as_ref().map(arrow).unwrap_or_default()
}

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
