//! Nudges: the short line that wakes a session. The messages themselves come from the queue.

use crate::path::{Path, Via};

/// How every nudge begins. No body can have such a line: see `relay_core::prompt`.
const START: &str = "Agent Relay: ";

/// The line for so many messages. Claude Code drops a line that is the same as the one before, so
/// that each has a number.
pub fn text(pending: usize, number: u64) -> String {
    match pending {
        1 => format!("{START}1 message (#{number})"),
        many => format!("{START}{many} messages (#{number})"),
    }
}

/// What began a turn, by the prompt that the hook is shown. The socket hands over the line as it
/// is; the others wrap it, and only a monitor's line stands in an `<event>`.
pub fn via(prompt: &str) -> Via {
    let prompt = prompt.trim_start();
    if prompt.starts_with(START) && !prompt.trim_end().contains('\n') {
        return Via::Nudge(Path::Socket);
    }
    let notification = prompt.starts_with("<task-notification>")
        || prompt.starts_with("<system-reminder>")
        || prompt.starts_with("[SYSTEM NOTIFICATION");
    if !notification || !prompt.contains(START) {
        return Via::Prompt;
    }
    let from_monitor = prompt.contains(&format!("<event>{START}"));
    Via::Nudge(if from_monitor { Path::Monitor } else { Path::File })
}

/// Whether a prompt is a nudge and nothing else.
pub fn is_alone(prompt: &str) -> bool {
    let notes = prompt.matches("<task-notification>").count();
    match via(prompt) {
        Via::Nudge(Path::Socket) => true,
        Via::Nudge(_) => notes == 1 && prompt.matches(START).count() == 1,
        Via::Prompt | Via::Tool => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_tells_the_path() {
        let line = text(2, 7);
        for (prompt, expected) in [
            (line.clone(), Via::Nudge(Path::Socket)),
            (
                format!(
                    "<task-notification>\n<task-id>b</task-id>\n<summary>Monitor event: \"Agent Relay inbox\"</summary>\n<event>{line}</event>\n</task-notification>"
                ),
                Via::Nudge(Path::Monitor),
            ),
            (
                format!(
                    "<task-notification>\n<summary>Agent Relay</summary>\n</task-notification>\n<system-reminder>\n{line}\n\n</system-reminder>"
                ),
                Via::Nudge(Path::File),
            ),
            ("please fix the tests".to_owned(), Via::Prompt),
            (format!("{line}\nand what I typed"), Via::Prompt),
            (
                "<task-notification>\n<event>build done</event></task-notification>".to_owned(),
                Via::Prompt,
            ),
        ] {
            assert_eq!(via(&prompt), expected, "{prompt}");
        }
        assert!(text(1, 7).contains("1 message ") && text(1, 7) != text(1, 8));
    }

    #[test]
    fn what_comes_with_a_nudge_is_not_passed_over() {
        let note = |event: &str| {
            format!("<task-notification>\n<event>{event}</event>\n</task-notification>")
        };
        let nudge = text(1, 7);
        assert!(is_alone(&nudge) && is_alone(&note(&nudge)));
        for prompt in [
            "hello".to_owned(),
            format!("{nudge}\nand what I typed"),
            format!("{}\n{}", note(&nudge), note("build done")),
            note("build done"),
        ] {
            assert!(!is_alone(&prompt), "{prompt}");
        }
    }
}
