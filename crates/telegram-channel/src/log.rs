//! The log: on stderr, as text or JSON lines, without tokens and without what people write.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// What to log, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// JSON lines in the place of text.
    pub json: bool,
    /// A filter of tracing.
    pub filter: String,
}

impl Log {
    /// Reads `info` or `json,info`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (json, filter) = match text.split_once(',') {
            Some(("json", filter)) => (true, filter),
            _ if text == "json" => (true, "info"),
            _ => (false, text),
        };
        match EnvFilter::try_new(filter) {
            Ok(_) => Ok(Self { json, filter: filter.to_owned() }),
            Err(error) => Err(format!("is no filter of tracing such as `info`: {error}")),
        }
    }
}

/// Starts logging, once for the whole program. A program that has set a subscriber before keeps it.
pub fn init(log: &Log) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.filter))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let _ = if log.json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_may_stand_before_the_filter() {
        let check = |text: &str, json, filter: &str| {
            assert_eq!(Log::parse(text), Ok(Log { json, filter: filter.into() }), "{text}");
        };
        check("debug", false, "debug");
        check("json", true, "info");
        check("json,telegram_channel=debug", true, "telegram_channel=debug");
        assert!(Log::parse("a=b=c").unwrap_err().contains("filter of tracing"));
    }
}
