//! `agent-relay open`: the dashboard, signed in as the operator.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use relay_client::place::{state_dir, write_private};

use crate::{context::Context, failure::Failure, speaker::Proof};

/// Open the dashboard, signed in as the operator
#[derive(Debug, clap::Args)]
pub struct Open {
    /// Only print the address
    #[arg(long)]
    print: bool,
}

impl Open {
    /// The token goes into the address's fragment, which no browser sends anywhere. The browser is
    /// given a page of our own that leads there, because its arguments are there for all to see.
    pub fn run(&self, context: &Context) -> Result<(), Failure> {
        let url = context.relay.url();
        let address = match operator_token(context) {
            Some(token) => format!("{url}/#token={token}"),
            None => format!("{url}/"),
        };
        context.output.line(&address)?;
        if operator_token(context).is_none() {
            context.output.warn(
                "no operator's token is known for this relay: what you send from the dashboard is unverified",
            );
        }
        if self.print {
            return Ok(());
        }
        let page = page(&address).map_err(|error| unopened(&error))?;
        start_browser(&page).map_err(|error| unopened(&error))
    }
}

/// The operator's token, which the relay's own machine has.
fn operator_token(context: &Context) -> Option<&str> {
    let speaker = &context.speaker;
    speaker.token.as_deref().filter(|_| speaker.proof == Proof::Operator)
}

fn unopened(error: &io::Error) -> Failure {
    Failure::refused(format_args!("cannot open a browser: {error}"))
        .hint("open the address above yourself; `agent-relay open --print` only prints it")
}

/// Writes the page, for this user's eyes only.
fn page(address: &str) -> io::Result<PathBuf> {
    let path = state_dir().map_err(io::Error::other)?.join("open.html");
    let escaped = address.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let html = format!(
        "<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer>\
         <meta http-equiv=refresh content=\"0;url={escaped}\"><title>Agent Relay</title>\
         <a href=\"{escaped}\">Agent Relay</a>\n"
    );
    write_private(&path, &html)?;
    Ok(path)
}

fn start_browser(page: &Path) -> io::Result<()> {
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = command.status().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other(format!("`{program}` is not installed")),
        _ => error,
    })?;
    // The explorer says 1 when all went well.
    if ended.success() || cfg!(windows) {
        return Ok(());
    }
    Err(io::Error::other(format!("`{program}` found none ({ended})")))
}
