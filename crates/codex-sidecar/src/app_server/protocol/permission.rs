//! What a thread may do.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Call;

/// What a thread may do. The values are Codex's own, so that what is given back is what was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permissions {
    /// When it asks: `untrusted`, `on-request`, `never`, or an object for finer rules.
    pub approval_policy: Value,
    /// Where its commands may write:
    /// `{"type": "readOnly" | "workspaceWrite" | "externalSandbox" | "dangerFullAccess"}`.
    #[serde(alias = "sandboxPolicy")]
    pub sandbox: Value,
}

/// Changes what a thread may do from its next turn on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSettings {
    /// The thread.
    pub thread_id: String,
    /// When it asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<Value>,
    /// Where its commands may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_policy: Option<Value>,
}

impl Call for UpdateSettings {
    const METHOD: &'static str = "thread/settings/update";
    type Answer = Value;
}
