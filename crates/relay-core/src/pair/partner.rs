//! Who may be invited: the one agent that is meant, there and free.

use serde_json::json;

use super::{Pair, Status};
use crate::{
    agent::Agent,
    error::{Code, Refused},
    id::AgentId,
    target::{Target, Whom},
};

/// Finds the one agent that is meant to be invited: anybody but the one who invites.
///
/// Refuses as [`Whom::resolve`] does, and with `invalid_field` who means itself.
pub fn partner<'a>(
    target: &Whom,
    initiator: &AgentId,
    agents: &'a [Agent],
) -> Result<&'a Agent, Refused> {
    let own = match target {
        Whom::Target(Target::Agent(id)) => id == initiator,
        Whom::Target(_) => false,
        Whom::Word(word) => word.eq_ignore_ascii_case(initiator.as_str()),
    };
    let alone = || {
        Refused::field("target", "is the agent that invites, which cannot pair with itself")
            .hint("name another agent; `agent-relay agents` lists them")
    };
    if own {
        return Err(alone());
    }
    match target.resolve(agents) {
        Ok(agent) if agent.id == *initiator => Err(alone()),
        Err(refused) if refused.code == Code::AmbiguousTarget => {
            // The one who invites may go by the word, too, and does not mean itself.
            let others: Vec<Agent> =
                agents.iter().filter(|agent| agent.id != *initiator).cloned().collect();
            let id = target.resolve(&others)?.id.clone();
            agents.iter().find(|agent| agent.id == id).ok_or(refused)
        }
        found => found,
    }
}

/// The refusal for somebody who is in another pair; only who is in it hears which, and nobody what
/// it is about.
pub fn busy(who: &AgentId, taken: &Pair, asker: &AgentId) -> Refused {
    if !taken.has(asker) {
        return Refused::new(Code::Busy, format!("`{who}` is in another pair"))
            .hint("try again later, or send an ordinary message: it is read in between")
            .with(json!({ "agent": who }));
    }
    let (id, status, other) = (&taken.id, taken.status, taken.other(asker));
    let hint = match status {
        Status::Pending if taken.partner == *asker => {
            format!(
                "accept it (agent-relay pair accept {id}) or decline it (agent-relay pair reject {id})"
            )
        }
        Status::Pending => {
            format!("wait for its answer, or take it back: agent-relay pair hangup {id}")
        }
        _ => format!("end it first: agent-relay pair hangup {id}"),
    };
    Refused::new(
        Code::Busy,
        format!("`{asker}` is in pair `{id}` with `{other}`, which is {status}"),
    )
    .hint(hint)
    .with(json!({ "agent": who, "with": other, "pairId": id, "status": status }))
}

/// The refusal for somebody who is not there to answer.
pub(super) fn offline(id: &AgentId) -> Refused {
    Refused::new(Code::TargetNotFound, format!("`{id}` is offline"))
        .hint(format!("send a message instead, which waits for it: agent-relay send {id} TEXT"))
        .with(json!({ "near": [], "status": "offline" }))
}
