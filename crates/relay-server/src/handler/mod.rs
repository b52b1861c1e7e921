//! What is left of a request when route, caller, scope and body have been dealt with: one function
//! for each route, one file for each noun.

pub mod agent;
pub mod channel;
pub mod event;
pub mod health;
pub mod integration;
pub mod message;
pub mod pair;
pub mod stats;
pub mod task;
pub mod token;

use relay_core::{
    api::request::ActOnClaim,
    caller::Caller,
    error::{Code, Refused},
    id::AgentId,
};
use relay_store::Acting;

use crate::app::App;

/// Who acts on a claim, once the caller may speak for it.
fn acting(app: &App, caller: &Caller, body: ActOnClaim) -> Result<Acting, Refused> {
    let agent = who(caller, body.agent_id, "agentId")?;
    caller.speak_for(&agent, app.config.identity)?;
    let ActOnClaim { instance_id, epoch, generation, .. } = body;
    Ok(Acting { agent, instance_id, epoch, generation })
}

/// Who is named, else whose token it is.
fn who(caller: &Caller, named: Option<AgentId>, field: &str) -> Result<AgentId, Refused> {
    named.or_else(|| caller.agent()).ok_or_else(|| {
        Refused::new(Code::MissingField, format!("`{field}` is missing"))
            .hint("name the agent, or send its own token")
            .with(serde_json::json!({ "field": field }))
    })
}
