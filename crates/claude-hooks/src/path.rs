//! The paths by which a message gets into a session.

use std::time::Duration;

use relay_client::config::environment;
use relay_core::{env, text::Slug};

/// A way to wake an idle session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// The session's own message socket, which newer versions have.
    Socket,
    /// A line that the plugin's monitor prints.
    Monitor,
    /// A watched file, whose hook ends with 2.
    File,
}

impl Path {
    /// Every path, best first.
    pub const ALL: [Path; 3] = [Path::Socket, Path::Monitor, Path::File];

    /// The word in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Monitor => "monitor",
            Self::File => "file",
        }
    }

    /// Those that the settings allow. What is no path is passed over; none left means all.
    pub fn allowed() -> Vec<Path> {
        let set = env::CLAUDE_PATHS.find(&environment).map(|(_, text)| text);
        chosen(set.as_deref().unwrap_or(env::CLAUDE_PATHS.default))
    }

    /// How long this path may take, where the socket may take `socket`: several times what it takes
    /// on a busy machine.
    pub fn patience(self, socket: Duration) -> Duration {
        match self {
            Self::Socket => socket,
            Self::Monitor => socket * 2,
            Self::File => socket * 3,
        }
    }
}

/// How long the socket may take, by the settings; what is no number counts as not set.
pub fn patience_of_the_socket() -> Duration {
    let read = env::CLAUDE_PATIENCE.read(&environment, env::number(100, 600_000));
    Duration::from_millis(read.ok().flatten().unwrap_or(2_000))
}

fn chosen(text: &str) -> Vec<Path> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let chosen: Vec<_> =
        Path::ALL.into_iter().filter(|path| words.contains(&path.as_str())).collect();
    if chosen.is_empty() { Path::ALL.to_vec() } else { chosen }
}

/// How a message came into the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A nudge on this path began the turn.
    Nudge(Path),
    /// The person's own prompt began it.
    Prompt,
    /// A tool had ended in a running turn.
    Tool,
}

impl Via {
    /// Every way.
    const ALL: [Via; 5] = [
        Via::Nudge(Path::Socket),
        Via::Nudge(Path::Monitor),
        Via::Nudge(Path::File),
        Via::Prompt,
        Via::Tool,
    ];

    /// As the receipt names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nudge(Path::Socket) => "claude-socket",
            Self::Nudge(Path::Monitor) => "claude-monitor",
            Self::Nudge(Path::File) => "claude-file",
            Self::Prompt => "claude-prompt",
            Self::Tool => "claude-tool",
        }
    }

    /// The way of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.as_str() == name)
    }

    /// The word for the receipt.
    pub fn slug(self) -> Slug {
        self.as_str().parse().expect("a slug")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_choose_and_the_order_is_ours() {
        use Path::{File, Monitor, Socket};
        for (text, expected) in [
            ("socket,monitor,file", vec![Socket, Monitor, File]),
            ("file, socket", vec![Socket, File]),
            ("monitor", vec![Monitor]),
            ("pigeon", vec![Socket, Monitor, File]),
        ] {
            assert_eq!(chosen(text), expected, "{text}");
        }
    }

    #[test]
    fn every_way_has_a_name_of_its_own() {
        for via in Via::ALL {
            assert_eq!(Via::named(via.as_str()), Some(via));
            assert_eq!(via.slug().as_str(), via.as_str());
        }
        assert_eq!(Via::named("pigeon"), None);
    }
}
