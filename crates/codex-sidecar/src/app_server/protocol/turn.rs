//! Turns and their parts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Call;

/// Begins a turn, or, while one runs, adds to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartTurn {
    /// The thread.
    pub thread_id: String,
    /// What the user says; empty with a tool's output.
    pub input: Vec<Input>,
    /// Comes back in the item that holds the input. Codex takes the same one twice.
    pub client_user_message_id: String,
    /// Who asks for the turn.
    pub turn_trigger: &'static str,
    /// Input as a tool's output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_output: Option<ToolOutput>,
}

/// What a user says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Input {
    /// In words.
    Text {
        /// The words.
        text: String,
    },
}

/// Input that the model sees as what a tool brought.
#[derive(Debug, Serialize)]
pub struct ToolOutput {
    /// The tool.
    pub name: &'static str,
    /// What it brought.
    pub output: String,
}

/// A turn that was begun or added to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Begun {
    /// The turn.
    pub turn: Turn,
}

impl Call for StartTurn {
    const METHOD: &'static str = "turn/start";
    type Answer = Begun;
}

/// Adds to the turn that runs. Refused where another one runs, or none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SteerTurn {
    /// The thread.
    pub thread_id: String,
    /// The turn that is thought to run.
    pub expected_turn_id: String,
    /// What is added.
    pub input: Vec<Input>,
    /// Comes back in the item that holds the input.
    pub client_user_message_id: String,
}

impl Call for SteerTurn {
    const METHOD: &'static str = "turn/steer";
    type Answer = Value;
}

/// Stops the turn that runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterruptTurn {
    /// The thread.
    pub thread_id: String,
    /// The turn.
    pub turn_id: String,
}

impl Call for InterruptTurn {
    const METHOD: &'static str = "turn/interrupt";
    type Answer = Value;
}

/// A turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Turn {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub status: TurnStatus,
}

/// How a turn stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TurnStatus {
    /// It runs.
    #[default]
    InProgress,
    /// The model has answered.
    Completed,
    /// Somebody stopped it.
    Interrupted,
    /// The model's server refused, or something broke.
    Failed,
    /// Something newer than this program.
    #[serde(other)]
    Unknown,
}

/// Lists a thread's turns, newest first, without what is in them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTurns {
    /// The thread.
    pub thread_id: String,
    /// How many at most.
    pub limit: u32,
    /// `notLoaded`: only how they stand.
    pub items_view: &'static str,
}

/// The answer to [`ListTurns`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Turns {
    /// The turns.
    pub data: Vec<Turn>,
}

impl Call for ListTurns {
    const METHOD: &'static str = "thread/turns/list";
    type Answer = Turns;
}

/// Lists the parts of a thread's turns, newest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListItems {
    /// The thread.
    pub thread_id: String,
    /// How many at most.
    pub limit: u32,
    /// `desc`
    pub sort_direction: &'static str,
    /// Where the last page ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of [`ListItems`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Items {
    /// The parts.
    pub data: Vec<ItemOfTurn>,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

/// A part, and the turn it is of.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ItemOfTurn {
    /// The turn.
    pub turn_id: String,
    /// The part.
    pub item: ThreadItem,
}

impl Call for ListItems {
    const METHOD: &'static str = "thread/items/list";
    type Answer = Items;
}

/// A part of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadItem {
    /// Its id.
    pub id: String,
    /// `userMessage`, `agentMessage`, `commandExecution`, `mcpToolCall`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What the client that sent it called it.
    pub client_id: Option<String>,
    /// What a tool brought, in an item of kind `functionCallOutput`.
    pub output: Option<Value>,
    /// How it stands, in one that runs something: `declined` where somebody said no.
    pub status: Option<String>,
    /// When it began.
    pub started_at_ms: Option<i64>,
}
