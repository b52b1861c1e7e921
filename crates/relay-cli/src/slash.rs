//! Slash forms: `/message x` is `message x`, as people type it in a chat.

use std::ffi::OsString;

use clap::Command;

/// Takes the slash off the command's name, if it has one. Arguments of the command keep theirs.
pub fn normalize(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let place = place_of_command(command, &arguments);
    let mut arguments = arguments;
    if let Some(argument) = place.and_then(|place| arguments.get_mut(place))
        && let Some(name) = argument.to_str().and_then(|text| text.strip_prefix('/'))
        && command.find_subcommand(name).is_some()
    {
        *argument = name.into();
    }
    arguments
}

/// Where the first argument stands that is neither an option nor the value of one.
fn place_of_command(command: &Command, arguments: &[OsString]) -> Option<usize> {
    let mut place = 1;
    while let Some(argument) = arguments.get(place) {
        match argument.to_str().and_then(|text| text.strip_prefix("--")) {
            Some(option) if takes_the_next(command, option) => place += 2,
            Some(_) => place += 1,
            None if argument.to_str().is_some_and(|text| text.starts_with('-')) => place += 1,
            None => return Some(place),
        }
    }
    None
}

fn takes_the_next(command: &Command, option: &str) -> bool {
    command.get_arguments().any(|argument| {
        let names = argument.get_long_and_visible_aliases().unwrap_or_default();
        argument.get_action().takes_values() && names.contains(&option)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let normal = normalize(&crate::args::command(), arguments);
        normal.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_commands_slash_falls_and_every_other_stays() {
        for (given, expected) in [
            ("agent-relay /message bob /etc/hosts", "agent-relay message bob /etc/hosts"),
            ("agent-relay /send-claimable cap:x hi", "agent-relay send-claimable cap:x hi"),
            (
                "agent-relay --json --url http://x /status",
                "agent-relay --json --url http://x status",
            ),
            ("agent-relay --from /label /label /x", "agent-relay --from /label label /x"),
            ("agent-relay --url=http://x /tags a", "agent-relay --url=http://x tags a"),
            ("agent-relay send bob /status", "agent-relay send bob /status"),
            ("agent-relay /nonsense", "agent-relay /nonsense"),
            ("agent-relay", "agent-relay"),
        ] {
            assert_eq!(normalized(given), expected);
        }
    }

    #[test]
    fn every_command_has_a_slash_form() {
        for command in crate::args::command().get_subcommands() {
            let name = command.get_name();
            assert_eq!(normalized(&format!("agent-relay /{name}")), format!("agent-relay {name}"));
        }
    }
}
