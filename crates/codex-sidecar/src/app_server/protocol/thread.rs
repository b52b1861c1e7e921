//! Threads: which there are, what they do, and how to follow one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Call, Permissions};

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
#[serde(default)]
pub struct Opened {
    /// The thread.
    pub thread: Thread,
    /// What it may do.
    #[serde(flatten)]
    pub permissions: Permissions,
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

/// Adds to what the model sees, without a turn. It also gives a thread without turns its file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InjectItems {
    /// The thread.
    pub thread_id: String,
    /// What is added, as the model's own interface has it.
    pub items: Vec<Value>,
}

impl InjectItems {
    /// Tells the model something as the developer.
    pub fn developer(thread_id: &str, text: &str) -> Self {
        let content = json!([{"type": "input_text", "text": text}]);
        let item = json!({"type": "message", "role": "developer", "content": content});
        Self { thread_id: thread_id.to_owned(), items: vec![item] }
    }
}

impl Call for InjectItems {
    const METHOD: &'static str = "thread/inject_items";
    type Answer = Value;
}

/// Hears no more of a thread. One that nobody hears of is unloaded after a minute.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsubscribeThread {
    /// The thread.
    pub thread_id: String,
}

impl Call for UnsubscribeThread {
    const METHOD: &'static str = "thread/unsubscribe";
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
