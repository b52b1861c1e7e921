//! `codex-relay doctor`: what is in the way of Codex's sessions being agents, and what to do.

mod app_server;
mod mcp;
mod shell;

use std::{fmt, path::PathBuf};

use relay_client::{
    Config,
    core::version::{self, VERSION},
    error::ClientError,
};
use serde::Serialize;

use crate::{
    failure::{Failure, data},
    find,
    install::{
        codex::{self, Codex, VERIFIED},
        situation::Situation,
    },
};

/// Find out what is in the way, and what to do about it
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but perhaps not as meant.
    Warning,
    /// It does not work.
    Broken,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    fn new(check: &'static str, state: State, found: impl fmt::Display) -> Self {
        Self { check, state, found: found.to_string(), hint: None }
    }

    /// As it should be.
    pub fn ok(check: &'static str, found: impl fmt::Display) -> Self {
        Self::new(check, State::Ok, found)
    }

    /// It works, but perhaps not as meant.
    pub fn warning(check: &'static str, found: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..Self::new(check, State::Warning, found) }
    }

    /// It does not work.
    pub fn broken(check: &'static str, found: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..Self::new(check, State::Broken, found) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Broken => "BROKEN",
        };
        write!(f, "{state:<8}{:<12}{}", self.check, self.found)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n{:20}-> {hint}", ""))
    }
}

impl Doctor {
    /// Looks at everything, and fails where something is broken.
    pub async fn run(self) -> Result<(), Failure> {
        let findings = findings().await;
        if self.json {
            let text = serde_json::to_string_pretty(&findings).map_err(Failure::refused)?;
            data(&(text + "\n"))?;
        } else {
            let lines: Vec<_> = findings.iter().map(|finding| format!("{finding}\n")).collect();
            data(&lines.concat())?;
        }
        match findings.iter().filter(|finding| finding.state == State::Broken).count() {
            0 => Ok(()),
            1 => Err(Failure::refused("one thing is broken")),
            many => Err(Failure::refused(format_args!("{many} things are broken"))),
        }
    }
}

async fn findings() -> Vec<Finding> {
    let mut findings = Vec::new();
    let codex = find::codex().and_then(|codex| codex.version().map(|version| (codex, version)));
    match codex {
        Ok((mut codex, version)) => {
            findings.push(of_codex(&codex, &version));
            match Situation::look(Some(&mut codex)) {
                Ok(now) => {
                    findings.push(of_plugin(&now));
                    findings.push(app_server::check(&codex).await);
                    findings.push(shell::check(&now, &codex));
                    findings.push(daemon(&now));
                    findings.push(sandbox(&now));
                }
                Err(why) => findings.push(failed("plugin", &why)),
            }
        }
        Err(why) => findings.push(failed("codex", &why)),
    }
    findings.push(mcp::check().await);
    findings.push(relay().await);
    findings
}

fn failed(check: &'static str, why: &Failure) -> Finding {
    let hint = why.advice().map(str::to_owned);
    Finding { hint, ..Finding::new(check, State::Broken, why) }
}

fn of_codex(codex: &Codex, version: &str) -> Finding {
    let found = format!("{version}, {}", codex.program.display());
    if codex::is_verified(version) {
        return Finding::ok("codex", found);
    }
    let hint = format!("this was seen to work with {VERIFIED}; another may do, or not");
    Finding::warning("codex", found, hint)
}

fn of_plugin(now: &Situation) -> Finding {
    let Some(plugin) = &now.plugin else {
        return Finding::broken("plugin", "not in Codex", "run `codex-relay install`");
    };
    let from = now.marketplace.clone().unwrap_or_else(|| PathBuf::from("?"));
    let found = format!("{}, from {}", plugin.version, from.display());
    if !plugin.enabled {
        let hint = "run `codex-relay install`, which switches it on again";
        return Finding::broken("plugin", format_args!("{found}: switched off"), hint);
    }
    if plugin.version != VERSION {
        let hint = "run `codex-relay upgrade`";
        let found = format!("{found}; codex-relay is {VERSION}");
        return Finding::warning("plugin", found, hint);
    }
    Finding::ok("plugin", found)
}

/// Codex starts a server of its own for its plain terminals; nothing that is set for one session
/// reaches it.
fn daemon(now: &Situation) -> Finding {
    let socket = now.config_file.with_file_name("app-server-control/app-server-control.sock");
    if socket.exists() {
        let found = "Codex's own background server was started; its sessions are no agents";
        return Finding::ok("daemon", found);
    }
    Finding::ok("daemon", "Codex's own background server was not started")
}

fn sandbox(now: &Situation) -> Finding {
    let rules = now.config_file.with_file_name("rules/agent-relay.rules");
    let found =
        "commands of the model do not reach the relay from the sandbox; the plugin's tools do";
    if rules.exists() {
        return Finding::ok("sandbox", format_args!("{found}; {} is there, too", rules.display()));
    }
    Finding::ok("sandbox", found)
}

async fn relay() -> Finding {
    let relay = match Config::from_env().and_then(|config| config.relay()) {
        Ok(relay) => relay,
        Err(error) => return Finding::broken("relay", error, "mend the setting"),
    };
    match relay.stats().await {
        Ok(stats) => {
            let found = format!("{} at {}", stats.version, relay.url());
            match version::warning(VERSION, &stats.version) {
                Some(warning) => Finding::warning("relay", found, warning),
                None => Finding::ok("relay", found),
            }
        }
        Err(error) => {
            let hint = match &error {
                ClientError::Unauthorized(_) => "set AGENT_RELAY_TOKEN to the relay's token",
                _ => "start one with `agent-relay serve`, or set AGENT_RELAY_URL",
            };
            let said = error.hint();
            Finding::broken("relay", &error, said.as_deref().unwrap_or(hint))
        }
    }
}
