//! `agent-relay setup`: the settings that every program of this user shares.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use relay_client::{config::data_dir, managed, place::write_private};
use relay_core::{
    env::{self, Variable, file},
    token::{self, Kind},
};
use serde::Serialize;

use crate::{args::Common, failure::Failure, input::agree, output::Output};

const HEAD: &str = "# Made by `agent-relay setup`. Every program of Agent Relay reads it, and so does the daemon; a\n\
                    # variable in the environment wins over a line here. It holds a secret: keep it to yourself.\n";

/// Write the settings of this user's relay: a token, the loopback address, a durable database
///
/// They go into one file that only you may read, which the relay, the daemon, the command line and
/// the providers read below their environment. Running it again keeps what is there.
#[derive(Debug, clap::Args)]
pub struct Setup {
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
    /// Only say what would be written
    #[arg(long)]
    dry_run: bool,
    /// The port to listen on [default: the one that is set, else 4850]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Make a new token in place of the one that is set
    #[arg(long)]
    new_token: bool,
}

/// What is, or would be, written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    file: PathBuf,
    /// The variables that are new, or have another value now.
    changed: Vec<&'static str>,
    /// Whether it was written.
    done: bool,
    #[serde(skip)]
    text: String,
}

impl Setup {
    /// Plans, asks, and writes.
    pub fn run(&self, common: &Common) -> Result<(), Failure> {
        let output = Output::new(common.json);
        let path = managed::file().map_err(Failure::usage)?;
        let mut written = self.plan(path)?;
        if !self.dry_run && !written.changed.is_empty() {
            if !self.yes {
                output.note(&told(&written));
                agree("write it?")?;
            }
            write_private(&written.file, &written.text)
                .map_err(|why| file_error(&written.file, &why))?;
            written.done = true;
        }
        output.show(&written, || told(&written))?;
        if written.done {
            output.note("next: agent-relay serve, or agent-relay daemon install --enable --start\n\
                 a relay that runs, and sessions that are open, go on with the settings they began with");
        }
        Ok(())
    }

    fn plan(&self, file: PathBuf) -> Result<Written, Failure> {
        let before = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(file_error(&file, &error)),
        };
        let values = file::parse(&before)
            .map_err(|bad| Failure::usage(format_args!("{}, {bad}", file.display())))?;
        let mut text = if before.is_empty() { HEAD.to_owned() } else { before };
        let mut changed = Vec::new();
        for (variable, value) in self.wanted(&values)? {
            if values.get(variable.name) != Some(&value) {
                text = with(&text, variable.name, &value);
                changed.push(variable.name);
            }
        }
        Ok(Written { file, changed, done: false, text })
    }

    /// Every managed variable with the value that it shall have: as it is set, unless asked otherwise.
    fn wanted(
        &self,
        values: &BTreeMap<String, String>,
    ) -> Result<Vec<(&'static Variable, String)>, Failure> {
        let set =
            |variable: &Variable| values.get(variable.name).filter(|v| !v.is_empty()).cloned();
        let host = set(&env::HOST).unwrap_or_else(|| env::HOST.default.to_owned());
        let port = match self.port {
            Some(port) => port.to_string(),
            None => set(&env::PORT).unwrap_or_else(|| env::PORT.default.to_owned()),
        };
        let url = set(&env::URL).filter(|_| self.port.is_none());
        let url = url.unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
        let database = match set(&env::DB_PATH) {
            Some(path) => path,
            None => in_data_folder()?.to_string_lossy().into_owned(),
        };
        let token = match set(&env::TOKEN).filter(|_| !self.new_token) {
            Some(token) => token,
            None => mint()?,
        };
        let all = [
            (&env::HOST, host),
            (&env::PORT, port),
            (&env::DB_PATH, database),
            (&env::URL, url),
            (&env::TOKEN, token),
        ];
        Ok(all.to_vec())
    }
}

fn in_data_folder() -> Result<PathBuf, Failure> {
    Ok(data_dir().map_err(Failure::usage)?.join("relay.db"))
}

fn mint() -> Result<String, Failure> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|why| Failure::refused(format_args!("no random numbers: {why}")))?;
    Ok(token::mint(Kind::Relay, random))
}

/// The text with one variable set: in its own line where it has one, else at the end. All other
/// lines stay as somebody wrote them.
fn with(text: &str, name: &str, value: &str) -> String {
    let line = file::line(name, value);
    let begins =
        |old: &str| old.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter().rposition(|old| begins(old)) {
        Some(place) => lines[place] = &line,
        None => lines.push(&line),
    }
    lines.join("\n") + "\n"
}

fn told(written: &Written) -> String {
    let file = written.file.display();
    if written.changed.is_empty() {
        return format!("{file} has everything already; nothing is changed");
    }
    let did = if written.done { "written" } else { "to write" };
    let values = file::parse(&written.text).unwrap_or_default();
    let shown = |name: &&str| {
        let secret = env::ALL.iter().any(|variable| variable.name == *name && variable.secret);
        let value = values.get(*name).map_or("", String::as_str);
        format!("\n  {name}={}", if secret { "…" } else { value })
    };
    format!(
        "{did} into {file}, for you only:{}",
        written.changed.iter().map(shown).collect::<String>()
    )
}

fn file_error(path: &Path, why: &io::Error) -> Failure {
    Failure::refused(format_args!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_stays() {
        let text = "# mine\nAGENT_RELAY_PORT=1\n\nAGENT_RELAY_TAGS=\"a b\"\n";
        let port = with(text, "AGENT_RELAY_PORT", "2");
        assert_eq!(port, "# mine\nAGENT_RELAY_PORT=2\n\nAGENT_RELAY_TAGS=\"a b\"\n");
        assert_eq!(with("", "A", "1"), "A=1\n");
        assert!(with(text, "AGENT_RELAY", "x").ends_with("AGENT_RELAY=x\n"));
    }
}
