//! A command line that clap did not accept, said as every other failure: one line and a hint.

use clap::{Error, error::ErrorKind};

use crate::failure::Failure;

/// Prints the help or the version that was asked for; everything else is a failure.
pub fn explain(error: &Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.print()?),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("a command is missing").hint("see `agent-relay --help`"))
        }
        _ => Err(failure(&error.render().to_string())),
    }
}

/// Takes clap's first paragraph as what is wrong, and its tip, else its usage line, as what to do.
fn failure(rendered: &str) -> Failure {
    let mut paragraphs = rendered.split("\n\n").map(str::trim);
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let paragraphs: Vec<&str> = paragraphs.collect();
    let starting = |with: &str| paragraphs.iter().find_map(|text| text.strip_prefix(with));
    let hint = starting("tip: ").or_else(|| starting("Usage: "));
    Failure::usage(message).maybe_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let error = crate::args::command().try_get_matches_from(line.split(' ')).unwrap_err();
        format!("{:?}", explain(&error).unwrap_err())
    }

    #[test]
    fn a_wrong_command_line_is_said_in_a_line_with_a_hint() {
        for (line, message, hint) in [
            ("agent-relay sned", "unrecognized subcommand 'sned'", "send"),
            ("agent-relay send", "not provided", "agent-relay send <TARGET>"),
            ("agent-relay claim x", "invalid value 'x'", "whole number"),
            ("agent-relay inbox --limit 0", "1 to 500", ""),
            ("agent-relay", "a command is missing", "--help"),
        ] {
            let said = said(line);
            assert!(said.contains(message) && said.contains(hint), "{line}: {said}");
            assert!(said.contains("Usage"), "{line}: the exit code is 2: {said}");
        }
    }
}
