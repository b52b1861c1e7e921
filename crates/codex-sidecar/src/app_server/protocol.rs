//! What is asked of the app-server, and what it answers. Names are the protocol's own.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A method of the app-server: its parameters are the type itself.
pub trait Call: Serialize {
    /// The method's name on the wire.
    const METHOD: &'static str;
    /// What the server answers.
    type Answer: DeserializeOwned;
}

/// Says who the client is; the first call of a connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialize {
    /// The client.
    pub client_info: ClientInfo,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// A client's name.
#[derive(Debug, Serialize)]
pub struct ClientInfo {
    /// For programs.
    pub name: &'static str,
    /// For people.
    pub title: Option<&'static str>,
    /// Its version.
    pub version: &'static str,
}

/// What a client can do, and what it does not want to hear of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// True opens the methods that may change.
    pub experimental_api: bool,
    /// Notifications that are not sent to it.
    pub opt_out_notification_methods: &'static [&'static str],
}

/// What the server says about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Initialized {
    /// The client's name, and after the slash Codex's version.
    pub user_agent: String,
}

impl Call for Initialize {
    const METHOD: &'static str = "initialize";
    type Answer = Initialized;
}

/// Which threads are loaded.
#[derive(Debug, Serialize)]
pub struct ListLoaded {}

/// Their ids.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Loaded {
    /// The ids.
    pub data: Vec<String>,
}

impl Call for ListLoaded {
    const METHOD: &'static str = "thread/loaded/list";
    type Answer = Loaded;
}

/// Begins a thread.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartThread {
    /// The folder it works in.
    pub cwd: String,
    /// What the model is told before everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub developer_instructions: Option<String>,
}

/// A thread, and what it may do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Opened {
    /// The thread.
    pub thread: Thread,
    /// When it asks: `untrusted`, `on-request`, `never`, or an object for finer rules.
    pub approval_policy: Value,
    /// Where its commands may write: `{"type": "readOnly" | "workspaceWrite" | "dangerFullAccess"}`.
    pub sandbox: Value,
}

impl Call for StartThread {
    const METHOD: &'static str = "thread/start";
    type Answer = Opened;
}

/// Hears of a thread's turns and items from now on. Refused with `no rollout found` where the
/// thread has no turn yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumeThread {
    /// The thread.
    pub thread_id: String,
    /// Without its history in the answer.
    pub exclude_turns: bool,
}

impl Call for ResumeThread {
    const METHOD: &'static str = "thread/resume";
    type Answer = Opened;
}

/// Looks at a thread without hearing of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadThread {
    /// The thread.
    pub thread_id: String,
}

/// The answer to [`ReadThread`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shown {
    /// The thread.
    pub thread: Thread,
}

impl Call for ReadThread {
    const METHOD: &'static str = "thread/read";
    type Answer = Shown;
}

/// Gives a thread a name, which also gives one without turns its file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameThread {
    /// The thread.
    pub thread_id: String,
    /// The name.
    pub name: String,
}

impl Call for NameThread {
    const METHOD: &'static str = "thread/name/set";
    type Answer = Value;
}

/// A thread.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Thread {
    /// Its id, which resuming keeps.
    pub id: String,
    /// True for a helper of the terminal's, which makes titles and the like.
    pub ephemeral: bool,
    /// The thread that made this one.
    pub parent_thread_id: Option<String>,
    /// What made it: `user` or nothing for one that somebody works in.
    pub thread_source: Option<String>,
    /// The folder it works in.
    pub cwd: String,
    /// What it does at present.
    pub status: ThreadStatus,
}

impl Thread {
    /// True for a thread that somebody works in, and not one that Codex made for itself.
    pub fn is_users(&self) -> bool {
        let source = self.thread_source.as_deref();
        !self.ephemeral && self.parent_thread_id.is_none() && matches!(source, None | Some("user"))
    }
}

/// What a thread does at present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ThreadStatus {
    /// Nothing, and the server holds no more than its file.
    #[default]
    NotLoaded,
    /// Nothing.
    Idle,
    /// A turn runs.
    #[serde(rename_all = "camelCase")]
    Active {
        /// What it waits for.
        #[serde(default)]
        active_flags: Vec<Flag>,
    },
    /// The last turn failed.
    SystemError,
    /// Something newer than this program.
    #[serde(other)]
    Unknown,
}

/// What a turn waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Flag {
    /// Somebody's yes or no.
    WaitingOnApproval,
    /// Somebody's answer.
    WaitingOnUserInput,
    /// Something newer than this program.
    #[serde(other)]
    Unknown,
}

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
}
