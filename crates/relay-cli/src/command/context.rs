//! `agent-relay context`: relays by name, each with its token.

use std::io::{self, Read as _};

use relay_client::{
    context::{self, By, Known},
    http::Relay,
};
use relay_core::{
    context::{Context as Entry, Contexts},
    env,
    text::Slug,
};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::{
    args::Common,
    failure::Failure,
    output::{Output, table},
    settings::Settings,
};

/// Know several relays by name
///
/// A context is a relay's address and the token it asks for, in one file that only you may read. The
/// one in use is the relay that commands and new sessions talk to; --context and AGENT_RELAY_CONTEXT
/// name another one, and --url, --token-file, AGENT_RELAY_URL and AGENT_RELAY_TOKEN win over what is
/// in use. A context's token goes to its own address only.
#[derive(Debug, clap::Subcommand)]
pub enum Context {
    Add(Add),
    List(List),
    Use(Use),
    Show(Show),
    Remove(Remove),
}

/// Name a relay: its address with --url, its token with --token-file or --token-stdin
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Its name: lowercase letters, digits, `-` and `_`
    name: Slug,
    /// Read the token from standard input
    #[arg(long, conflicts_with = "token_file")]
    token_stdin: bool,
    /// Replace one that has the name already; its token goes, unless a new one is given
    #[arg(long)]
    replace: bool,
    /// Use it from now on
    #[arg(long = "use")]
    choose: bool,
}

/// List the contexts; a star marks the one in use
#[derive(Debug, clap::Args)]
pub struct List {}

/// Use a context from now on
#[derive(Debug, clap::Args)]
pub struct Use {
    /// Its name
    #[arg(required_unless_present = "none")]
    name: Option<Slug>,
    /// Use none: the relay is that of `setup`, or the one on this machine
    #[arg(long, conflicts_with = "name")]
    none: bool,
}

/// Show a context, never its token
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its name [default: the one in use]
    name: Option<Slug>,
}

/// Forget a context and its token
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Its name
    name: Slug,
}

/// A context as it is shown: without its token.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    name: &'a Slug,
    url: &'a str,
    has_token: bool,
    current: bool,
}

impl<'a> Shown<'a> {
    fn new(name: &'a Slug, entry: &'a Entry, used: Option<&Slug>) -> Self {
        let current = used == Some(name);
        Self { name, url: &entry.url, has_token: entry.token.is_some(), current }
    }

    fn told(&self) -> String {
        let token = if self.has_token { "kept" } else { "none" };
        let used = if self.current { "yes" } else { "no" };
        format!("context  {}\nrelay    {}\ntoken    {token}\nin use   {used}", self.name, self.url)
    }
}

impl Context {
    /// Does one of the five. Nothing is sent.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let output = Output::new(common.json);
        let contexts = context::load().map_err(Failure::usage)?;
        match self {
            Self::Add(add) => add.run(contexts, common, output),
            Self::List(_) => list(&contexts, common, output),
            Self::Use(choice) => choice.run(contexts, common, output),
            Self::Show(show) => show.run(&contexts, common, output),
            Self::Remove(remove) => remove.run(contexts, output),
        }
    }
}

/// The name of the one that a command goes by now. A variable that names none is told by the
/// commands that would go by it.
fn used(common: &Common) -> Option<Slug> {
    let known = Known::look(common.context.as_deref(), &relay_client::config::environment);
    known.ok()?.chosen.map(|chosen| chosen.name)
}

impl Add {
    fn run(self, mut contexts: Contexts, common: &Common, output: Output) -> Result<(), Failure> {
        let name = self.name.clone();
        if contexts.get(&name).is_ok() && !self.replace {
            return Err(Failure::refused(format_args!("there is a context `{name}` already"))
                .hint("--replace puts the new one in its place"));
        }
        let Some(url) = &common.url else {
            return Err(Failure::usage("the relay's address is missing")
                .hint(format_args!("agent-relay context add {name} --url http://HOST:4850")));
        };
        let token = self.token(common)?;
        // What a client could not use has no place in the file.
        let bad = |error| Failure::usage(format_args!("--url: {error}"));
        let relay = Relay::new(url, None).map_err(bad)?;
        let entry = Entry { url: relay.url().to_owned(), token };
        contexts.add(name.clone(), entry.clone());
        if self.choose {
            contexts.choose(Some(name.clone())).map_err(Failure::usage)?;
        }
        context::save(&contexts).map_err(Failure::refused)?;
        let used = used(common);
        let shown = Shown::new(&name, &entry, used.as_ref());
        output.show(&shown, || shown.told())?;
        if !shown.current {
            output.note(&format!("next: agent-relay context use {name}"));
        }
        Ok(())
    }

    /// A token has no business among arguments, which every user of the machine can read.
    fn token(&self, common: &Common) -> Result<Option<String>, Failure> {
        let settings = Settings::default();
        let settings = if self.token_stdin {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            if text.trim().is_empty() {
                return Err(Failure::usage("--token-stdin: there is nothing on standard input"));
            }
            settings.flag("--token-stdin", &env::TOKEN, Some(text.trim()))
        } else {
            settings.file("--token-file", &env::TOKEN, common.token_file.as_deref())?
        };
        if !settings.is_flag(&env::TOKEN) {
            return Ok(None);
        }
        let token = settings.client()?.token;
        Ok(token.map(|token| token.expose_secret().to_owned()))
    }
}

fn list(contexts: &Contexts, common: &Common, output: Output) -> Result<(), Failure> {
    let used = used(common);
    let shown: Vec<_> =
        contexts.iter().map(|(name, entry)| Shown::new(name, entry, used.as_ref())).collect();
    let row = |shown: &Shown<'_>| {
        vec![
            if shown.current { "*".to_owned() } else { String::new() },
            shown.name.to_string(),
            shown.url.to_owned(),
            if shown.has_token { "kept".to_owned() } else { "none".to_owned() },
        ]
    };
    output.list(&shown, "no contexts; `agent-relay context add NAME --url …` makes one", || {
        table(&["", "context", "relay", "token"], shown.iter().map(row))
    })
}

impl Use {
    fn run(self, mut contexts: Contexts, common: &Common, output: Output) -> Result<(), Failure> {
        contexts.choose(self.name.clone()).map_err(Failure::refused)?;
        context::save(&contexts).map_err(Failure::refused)?;
        let Some(name) = &self.name else {
            return output.line("no context is in use");
        };
        let entry = contexts.get(name).map_err(Failure::refused)?;
        let shown = Shown { current: true, ..Shown::new(name, entry, None) };
        output.show(&shown, || format!("using {name}: {}", entry.url))?;
        warn_of_what_wins(common, output)
    }
}

/// Says what keeps a context from being the one that is talked to.
fn warn_of_what_wins(common: &Common, output: Output) -> Result<(), Failure> {
    let settings = common.settings()?;
    for variable in [&env::CONTEXT, &env::URL, &env::CLIENT_TOKEN] {
        if settings.is_set(variable) {
            output.warn(&format!("{} is set, and wins over what is in use", variable.name));
        }
    }
    Ok(())
}

impl Show {
    fn run(self, contexts: &Contexts, common: &Common, output: Output) -> Result<(), Failure> {
        let used = used(common);
        let Some(name) = self.name.or_else(|| used.clone()) else {
            return Err(Failure::refused("no context is in use")
                .hint("`agent-relay context list` shows what there is"));
        };
        let entry = contexts.get(&name).map_err(Failure::refused)?;
        let shown = Shown::new(&name, entry, used.as_ref());
        output.show(&shown, || shown.told())
    }
}

impl Remove {
    fn run(self, mut contexts: Contexts, output: Output) -> Result<(), Failure> {
        let was_used = contexts.current().is_some_and(|(name, _)| *name == self.name);
        let entry = contexts.remove(&self.name).map_err(Failure::refused)?;
        context::save(&contexts).map_err(Failure::refused)?;
        let shown = Shown::new(&self.name, &entry, None);
        output.show(&shown, || format!("removed {}", self.name))?;
        if was_used {
            output.note("it was in use; now none is");
        }
        Ok(())
    }
}

/// How a context came to be the one that is used, as people write it.
pub fn chosen_by(by: By) -> &'static str {
    match by {
        By::Flag => "--context",
        By::Variable => env::CONTEXT.name,
        By::Use => "`agent-relay context use`",
    }
}
