//! Text and spans as people type or pipe them.

use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    time::Duration,
};

use relay_core::text::Body;

use crate::failure::Failure;

/// A message's text: the words of the command line, or standard input where they are missing or `-`.
#[derive(Debug, Default, clap::Args)]
pub struct Text {
    /// The text; `-`, or nothing when something is piped in, reads standard input
    #[arg(value_name = "TEXT")]
    words: Vec<String>,
}

impl Text {
    /// A text that stands in an option.
    pub fn of(text: String) -> Self {
        Self { words: vec![text] }
    }

    /// The text, checked to be a message's body.
    pub fn read(&self) -> Result<Body, Failure> {
        let text = match self.words.as_slice() {
            [] if io::stdin().is_terminal() => {
                return Err(Failure::usage("the text is missing")
                    .hint("write it after the target, or pipe it in"));
            }
            [] => piped()?,
            [dash] if dash == "-" => piped()?,
            words => words.join(" "),
        };
        text.parse().map_err(|error| Failure::usage(format_args!("the text {error}")))
    }
}

/// Reads the text of an option that need not be there: `-` stands for standard input, which is not
/// read otherwise. In a loop over lines it is the loop's.
pub fn text_or_pipe(what: &str, text: &str) -> Result<Body, Failure> {
    let text = if text == "-" { piped()? } else { text.to_owned() };
    text.parse().map_err(|error| Failure::usage(format_args!("{what} {error}")))
}

/// Asks a person; where nobody is there, `--yes` must have said so.
pub fn agree(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to ask").hint("add --yes"));
    }
    let mut talk = anstream::stderr().lock();
    write!(talk, "{question} [y/N] ")?;
    talk.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::refused("nothing was changed")),
    }
}

/// Reads standard input; the newline with which every file ends is no part of the text.
fn piped() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .take(Body::MOST_BYTES as u64 + 2)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format_args!("cannot read standard input: {error}")))?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::usage("standard input is not UTF-8 text"))?;
    Ok(text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t)).into())
}

/// Reads `500ms`, `30s`, `10m`, `2h` or `7d`.
pub fn span(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)) {
        Some(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err("must be a number with its unit: 500ms, 30s, 10m, 2h or 7d".into()),
    }
}

/// A span in the largest unit that fits, as ages are read.
pub fn short(span: Duration) -> String {
    match span.as_secs() {
        seconds @ ..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "m", "0s", "-1s", "1.5h", "10 m", "5w", "99999999999999999999s"] {
            assert!(span(text).is_err(), "{text}");
        }
        assert!(span(&format!("{}d", u64::MAX / 1000)).is_err(), "more than there are");
    }

    #[test]
    fn ages_are_short() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (172_800, "2d")]
        {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }
}
