//! What is made from the command line itself: completions and manual pages.

use clap_complete::{Shell, generate};

use crate::pack::Entry;

/// The completions for every shell, in `completions/`.
pub fn completions() -> Vec<Entry> {
    let shells = [
        (Shell::Bash, "agent-relay.bash"),
        (Shell::Zsh, "_agent-relay"),
        (Shell::Fish, "agent-relay.fish"),
        (Shell::PowerShell, "_agent-relay.ps1"),
        (Shell::Elvish, "agent-relay.elv"),
    ];
    let script = |shell| {
        let mut script = Vec::new();
        generate(shell, &mut relay_cli::args::command(), "agent-relay", &mut script);
        script
    };
    shells.map(|(shell, name)| Entry::text(format!("completions/{name}"), script(shell))).into()
}

/// A manual page for the program and for each of its commands, in `man/`.
pub fn manual() -> Result<Vec<Entry>, String> {
    let mut command = relay_cli::args::command();
    command.build();
    let mut pages = Vec::new();
    page(command, &mut pages)?;
    Ok(pages)
}

/// A command's page has its whole name, which it got when it was built: `agent-relay-daemon-start`.
fn page(command: clap::Command, pages: &mut Vec<Entry>) -> Result<(), String> {
    let below: Vec<_> = command.get_subcommands().filter(|c| !c.is_hide_set()).cloned().collect();
    let manual = clap_mangen::Man::new(command);
    let path = format!("man/{}", manual.get_filename());
    let mut text = Vec::new();
    manual.render(&mut text).map_err(|why| format!("{path}: {why}"))?;
    pages.push(Entry::text(path, text));
    below.into_iter().try_for_each(|command| page(command, pages))
}
