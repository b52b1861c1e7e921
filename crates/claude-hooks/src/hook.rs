//! Hooks: what Claude Code tells, and what it is answered.
//!
//! Everything here is files of this user and takes a few milliseconds. An event that is not known,
//! an input that cannot be read, a session that was never begun: all are answered with nothing.

mod gate;
mod session;
mod turn;

use relay_core::agent::Status;
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::session::{END, RELAY, REPLACED};
use crate::{mailbox::Mailbox, place::Place, seat::Seat, status::Mood};

/// What Claude Code says of an event. Every field may be missing: versions differ.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Input {
    /// The event.
    pub hook_event_name: String,
    /// The session.
    pub session_id: String,
    /// Where the session is written down.
    pub transcript_path: String,
    /// Its folder.
    pub cwd: String,
    /// How the session began.
    pub source: String,
    /// What began a turn.
    pub prompt: String,
    /// The tool.
    pub tool_name: String,
    /// What it is asked.
    pub tool_input: Value,
    /// How much the session may do by itself, in Claude Code's words.
    pub permission_mode: String,
    /// Set within a subagent.
    pub agent_id: Option<String>,
    /// Why the session ends.
    pub reason: String,
    /// The file that changed.
    pub file_path: String,
    /// How it changed.
    pub event: String,
}

/// What a hook says and does.
#[derive(Default)]
pub struct Answer {
    /// For Claude Code.
    pub stdout: String,
    /// For the model, with code 2.
    pub stderr: String,
    /// 0, or 2 to deny or to wake.
    pub code: u8,
    /// What is done once that was said: what was not handed over may not count as taken.
    pub after: Option<Box<dyn FnOnce()>>,
}

impl Answer {
    /// Text for the model's context.
    fn context(event: &str, text: &str) -> Self {
        Self::output(&json!({"hookEventName": event, "additionalContext": text}))
    }

    fn output(output: &Value) -> Self {
        let stdout = json!({"hookSpecificOutput": output}).to_string();
        Self { stdout, ..Self::default() }
    }

    fn then(mut self, after: impl FnOnce() + 'static) -> Self {
        self.after = Some(Box::new(after));
        self
    }
}

/// The session that an event belongs to.
struct Desk {
    place: Place,
    seat: Seat,
    mailbox: Mailbox,
}

impl Desk {
    fn open(place: Place) -> Option<Self> {
        let seat = Seat::current(&place)?;
        let mailbox = seat.mailbox(&place);
        Some(Self { place, seat, mailbox })
    }

    fn be(&self, status: Status, detail: Option<&str>) {
        Mood::new(status, detail).save(&self.mailbox);
    }
}

/// Notes that a tool asks the person; whether it may is answered to the other hook of that event.
pub fn question(input: &str) -> Answer {
    let Ok(input) = serde_json::from_str::<Input>(input) else { return Answer::default() };
    let desk = Place::of_user().ok().and_then(Desk::open);
    desk.map(|desk| turn::ask(&desk, &input)).unwrap_or_default()
}

/// Answers an event.
pub fn answer(input: &str) -> Answer {
    let Ok(input) = serde_json::from_str::<Input>(input) else { return gate::unreadable() };
    let Ok(place) = Place::of_user() else { return gate::homeless(&input) };
    if input.hook_event_name == "SessionStart" {
        return session::start(&place, &input);
    }
    let Some(desk) = Desk::open(place) else { return gate::homeless(&input) };
    match input.hook_event_name.as_str() {
        "UserPromptSubmit" => turn::begin(desk, &input),
        "PreToolUse" => gate::judge(&desk, &input),
        "PostToolUse" | "PostToolUseFailure" => turn::after_tool(desk, &input),
        "PermissionRequest" => turn::wait(&desk, &input),
        "Stop" => turn::end(&desk),
        "StopFailure" => turn::fail(&desk),
        "FileChanged" => turn::wake(&desk, &input),
        "SessionEnd" => session::end(&desk, &input),
        _ => Answer::default(),
    }
}
