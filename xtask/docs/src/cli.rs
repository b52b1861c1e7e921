//! docs/cli.md, from the command line's own help.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::page::fill;

pub fn page(command: Command) -> String {
    // What the terminal and the environment of this moment would change is fixed or hidden.
    let mut command = without_values(command).term_width(100);
    command.build();
    let mut commands = String::new();
    sections(&command, &mut commands);
    fill(include_str!("../pages/cli.md"), &[("commands", commands)])
}

/// One section for a command, then one for each below it.
fn sections(command: &Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let help = command.clone().render_long_help().to_string();
    let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let _ = write!(text, "## {name}\n\n```text\n{}\n```\n\n", help.trim_end());
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        sections(&below.clone().mut_args(without_common), text);
    }
}

/// What every command takes stands with the program itself, once.
fn without_common(argument: Arg) -> Arg {
    let common = argument.is_global_set() || argument.get_id() == "help";
    if common { argument.hide(true) } else { argument }
}

fn without_values(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(without_values)
}
