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
    caller::{Caller, Verified},
    error::{Code, Refused},
    id::AgentId,
    text::Line,
};
use relay_store::Acting;

use crate::app::App;

/// Who acts on a claim, by which process and grant.
fn acting(app: &App, caller: &Caller, body: ActOnClaim) -> Result<Acting, Refused> {
    let ActOnClaim { agent_id, instance_id, epoch, generation } = body;
    let (by, _) = speaker(app, caller, (agent_id, "agentId"), (instance_id, epoch))?;
    Ok(Acting { generation, ..by })
}

/// Who speaks, by which process, and whether that is proven.
fn speaker(
    app: &App,
    caller: &Caller,
    (named, field): (Option<AgentId>, &str),
    (instance_id, epoch): (Option<Line>, Option<i64>),
) -> Result<(Acting, Verified), Refused> {
    let agent = who(caller, named, field)?;
    let verified = caller.speak_for(&agent, app.config.identity)?;
    Ok((Acting { agent, instance_id, epoch, generation: None }, verified))
}

/// Who is named, else whose token it is.
fn who(caller: &Caller, named: Option<AgentId>, field: &str) -> Result<AgentId, Refused> {
    named.or_else(|| caller.agent()).ok_or_else(|| {
        Refused::new(Code::MissingField, format!("`{field}` is missing"))
            .hint("name the agent, or send its own token")
            .with(serde_json::json!({ "field": field }))
    })
}
