//! The command line: what is ours, what is for the app-server, what is for the terminal, and what is
//! none of our business and goes to Codex as it is.
//!
//! Codex's own options are known only as far as it takes to find its subcommand, the project and the
//! configuration; whatever is newer than this program is passed on.

use std::{collections::VecDeque, ffi::OsString, path::PathBuf};

use crate::command;

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A session in this terminal.
    Terminal(Session),
    /// A session without a terminal, to be attached to.
    Headless {
        /// The session.
        session: Session,
        /// True prints JSON.
        json: bool,
    },
    /// Codex itself, with these arguments.
    Codex(Vec<OsString>),
    /// One of our own commands, with its name: `install` and the like.
    Command(Vec<OsString>),
    /// The guardian of this command.
    Guardian(Vec<OsString>),
    /// Says what can be typed.
    Help,
    /// Says which version this is.
    Version,
}

/// A session to be started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The project, as `-C` names it.
    pub folder: Option<PathBuf>,
    /// What the app-server is given, and the terminal too: `-c KEY=VALUE`, `--enable` and the like.
    pub configuration: Vec<OsString>,
    /// More folders that may be written, as `--add-dir` names them.
    pub roots: Vec<PathBuf>,
    /// What the terminal is given: everything but the project.
    pub terminal: Vec<OsString>,
    /// The terminal's own options, by their long names where those are known.
    pub options: Vec<(String, OsString)>,
    /// What stands there that is no option, `resume` and a prompt for two.
    pub words: Vec<OsString>,
}

/// Why a command line is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// An option at the end that takes a value.
    #[error("`{0}` takes a value")]
    NoValue(String),
    /// What Codex does for sessions of its own only.
    #[error(
        "`--worktree` is not for a session on the relay; make the worktree, and name it with -C"
    )]
    Worktree,
    /// What has no session.
    #[error("`--headless` is for a session, and `codex {0}` is none")]
    Headless(String),
}

/// The subcommands of Codex that are no sessions in a terminal, and go to it as they are. Those that
/// are (`resume`, `fork` and `agents`) get our app-server, and so does a first word that is no
/// subcommand: it begins a prompt.
const OTHERS: [&str; 29] = [
    "exec",
    "e",
    "review",
    "login",
    "logout",
    "mcp",
    "mcp-server",
    "plugin",
    "app-server",
    "remote-control",
    "app",
    "completion",
    "update",
    "doctor",
    "sandbox",
    "debug",
    "apply",
    "a",
    "queue",
    "archive",
    "delete",
    "migrate-rollouts",
    "migrate-nfs-db",
    "unarchive",
    "cloud",
    "exec-server",
    "features",
    "execpolicy",
    "help",
];

/// The options of Codex that take a value: the long name, the short one, and whose they are.
const VALUED: [(&str, char, For); 12] = [
    ("--config", 'c', For::Both),
    ("--enable", ' ', For::Both),
    ("--disable", ' ', For::Both),
    ("--cd", 'C', For::Us),
    ("--remote", ' ', For::Elsewhere),
    ("--remote-auth-token-env", ' ', For::Elsewhere),
    ("--model", 'm', For::Terminal),
    ("--local-provider", ' ', For::Terminal),
    ("--profile", 'p', For::Terminal),
    ("--sandbox", 's', For::Terminal),
    ("--add-dir", ' ', For::Server),
    ("--ask-for-approval", 'a', For::Terminal),
];

/// These say something about Codex, and start nothing.
const ABOUT: [&str; 4] = ["-h", "--help", "-V", "--version"];

/// The app-server knows this one too.
const STRICT: &str = "--strict-config";
/// Asks for an app-server of one's own, which a session of ours has.
const NO_DAEMON: &str = "--no-daemon";
/// Makes a folder that an app-server's threads cannot be moved to.
const WORKTREE: &str = "--worktree";
/// The table that only the app-server is told: the terminal refuses a part of it, and tells its
/// threads the rest in the place of the whole.
const SANDBOX: &str = "sandbox_workspace_write";

/// These take as many values as follow.
const IMAGES: [&str; 2] = ["--image", "-i"];

/// Whose an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// It says what the project is, which we pass on ourselves.
    Us,
    /// The terminal's.
    Terminal,
    /// The app-server's, which the terminal would refuse.
    Server,
    /// The app-server's and the terminal's.
    Both,
    /// It names an app-server that is not ours: then there is nothing for us to do.
    Elsewhere,
}

/// Reads a command line, without the program's name. What stands behind a leading `--` is all
/// Codex's own, so that `codex` can be a name for this program.
pub fn parse(arguments: Vec<OsString>) -> Result<Role, Wrong> {
    match arguments.first().and_then(|first| first.to_str()).unwrap_or_default() {
        "--" => of_codex(arguments[1..].to_vec()),
        name if command::NAMES.contains(&name) => Ok(Role::Command(arguments)),
        "guardian" => Ok(Role::Guardian(arguments[1..].to_vec())),
        "-h" | "--help" => Ok(Role::Help),
        "-V" | "--version" => Ok(Role::Version),
        _ => of_ours(arguments),
    }
}

/// Our own options may stand anywhere before a `--`.
fn of_ours(mut arguments: Vec<OsString>) -> Result<Role, Wrong> {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let prompt = arguments.split_off(end);
    if !arguments.iter().any(|argument| argument == "--headless") {
        return of_codex([arguments, prompt].concat());
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    arguments.retain(|argument| argument != "--headless" && argument != "--json");
    match of_codex([arguments, prompt].concat())? {
        Role::Terminal(session) => Ok(Role::Headless { session, json }),
        Role::Codex(line) => {
            let words: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
            Err(Wrong::Headless(words.join(" ")))
        }
        role => Ok(role),
    }
}

fn of_codex(arguments: Vec<OsString>) -> Result<Role, Wrong> {
    let mut session = Session::default();
    let mut left = VecDeque::from(arguments.clone());
    while let Some(argument) = left.pop_front() {
        let text = argument.to_string_lossy().into_owned();
        if text == "--" {
            session.words.extend(left.iter().cloned());
            session.terminal.push(argument);
            session.terminal.extend(left.drain(..));
        } else if !text.starts_with('-') || text == "-" {
            if session.words.is_empty() && OTHERS.contains(&text.as_str()) {
                return Ok(Role::Codex(arguments));
            }
            session.words.push(argument.clone());
            session.terminal.push(argument);
        } else if !session.take(&text, argument, &mut left)? {
            return Ok(Role::Codex(arguments));
        }
    }
    Ok(Role::Terminal(session))
}

impl Session {
    /// Takes an option, with its value; false where it is not for a session of ours.
    fn take(
        &mut self,
        text: &str,
        argument: OsString,
        left: &mut VecDeque<OsString>,
    ) -> Result<bool, Wrong> {
        match text {
            NO_DAEMON => return Ok(true),
            WORKTREE => return Err(Wrong::Worktree),
            _ if ABOUT.contains(&text) => return Ok(false),
            _ => {}
        }
        let Some((name, whose, attached)) = valued(text) else {
            self.terminal.push(argument);
            if text == STRICT {
                self.configuration.push(text.into());
            } else {
                self.options.push((text.to_owned(), OsString::new()));
            }
            if IMAGES.contains(&text) {
                let is_value = |next: &OsString| !next.to_string_lossy().starts_with('-');
                while let Some(image) = left.pop_front_if(|next| is_value(next)) {
                    self.terminal.push(image);
                }
            }
            return Ok(true);
        };
        let value = attached.map(OsString::from).or_else(|| left.pop_front());
        let value = value.ok_or_else(|| Wrong::NoValue(text.to_owned()))?;
        match whose {
            For::Elsewhere => return Ok(false),
            For::Us => {
                self.folder = Some(value.into());
                return Ok(true);
            }
            For::Server => {
                self.roots.push(value.into());
                return Ok(true);
            }
            For::Both if value.to_string_lossy().starts_with(SANDBOX) => {
                self.configuration.extend([name.into(), value]);
                return Ok(true);
            }
            For::Both => self.configuration.extend([name.into(), value.clone()]),
            For::Terminal => self.options.push((name.to_owned(), value.clone())),
        }
        self.terminal.extend([name.into(), value]);
        Ok(true)
    }
}

/// The long name of an option that takes a value, whose it is, and the value where it is attached.
fn valued(text: &str) -> Option<(&'static str, For, Option<&str>)> {
    VALUED.iter().find_map(|(long, short, whose)| {
        if text == *long {
            return Some((*long, *whose, None));
        }
        if let Some(value) = text.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            return Some((*long, *whose, Some(value)));
        }
        let rest = text.strip_prefix('-')?.strip_prefix(*short)?;
        let value = rest.strip_prefix('=').unwrap_or(rest);
        Some((*long, *whose, Some(value).filter(|value| !value.is_empty())))
    })
}

#[cfg(test)]
mod tests;
