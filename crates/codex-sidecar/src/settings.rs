//! What is Codex's own in the settings of the bridge.

use std::time::Duration;

use relay_client::core::env::{self, BadValue};

/// How messages reach the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// As a turn, as if somebody had typed them: the terminal shows them.
    #[default]
    Turn,
    /// As what a tool brought: the model takes them for data, the terminal does not show them.
    ToolOutput,
}

/// The settings of the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How messages reach the model.
    pub delivery: Delivery,
    /// How long a message waits for others, to be one turn with them.
    pub coalesce: Duration,
}

impl Settings {
    /// Reads the variables that `get` knows.
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, BadValue> {
        let delivery = env::CODEX_DELIVERY.read(get, delivery)?.unwrap_or_default();
        let coalesce = env::CODEX_COALESCE.read(get, env::number(0, 60_000))?;
        Ok(Self { delivery, coalesce: Duration::from_millis(coalesce.unwrap_or(50)) })
    }
}

fn delivery(text: &str) -> Result<Delivery, String> {
    match text {
        "turn" => Ok(Delivery::Turn),
        "tool-output" => Ok(Delivery::ToolOutput),
        _ => Err("must be `turn` or `tool-output`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_defaults_and_refuse_what_they_do_not_know() {
        let read = |name: &'static str, value: &'static str| {
            Settings::read(&move |asked| (asked == name).then(|| value.to_owned()))
        };
        let plain = Settings { delivery: Delivery::Turn, coalesce: Duration::from_millis(50) };
        assert_eq!(read("", ""), Ok(plain));
        let tool = read("AGENT_RELAY_CODEX_DELIVERY", "tool-output").unwrap();
        assert_eq!(tool.delivery, Delivery::ToolOutput);
        let bad = read("AGENT_RELAY_CODEX_DELIVERY", "pigeon").unwrap_err().to_string();
        assert_eq!(bad, "AGENT_RELAY_CODEX_DELIVERY is `pigeon`: must be `turn` or `tool-output`");
        assert!(read("AGENT_RELAY_CODEX_COALESCE_MS", "soon").is_err());
    }
}
