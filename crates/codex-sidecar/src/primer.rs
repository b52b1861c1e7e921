//! What a thread is told about the relay when it becomes an agent.

use relay_client::core::{agent::Approval, id::AgentId, prompt::Primer};

/// Who a thread is, how mail looks, how to answer. The bridge puts it into the thread itself, so
/// that the launcher needs no instructions of its own and the user's stay as they are.
pub fn text(
    me: &AgentId,
    relay: &str,
    version: Option<&str>,
    approval: Approval,
    warnings: &[String],
) -> String {
    Primer { me, relay, version, approval, warnings }.text_with_tools()
}
