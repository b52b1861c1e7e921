//! Agents: registering, finding, changing them.

use std::time::Duration;

use relay_core::{
    agent::{Agent, Status},
    api::{
        query,
        reply::Registered,
        request::{Heartbeat, RegisterAgent, SetLabel, SetStatus, UpdateAgent},
        route::Route,
    },
    id::AgentId,
    text::{Label, Line, Word},
};

use crate::{
    call::Call,
    error::ClientError,
    http::{Page, Relay},
};

/// A heartbeat that takes longer is made again: a relay that hangs must not hold up a session.
const HEARTBEAT: Duration = Duration::from_secs(10);

impl Relay {
    /// Registers an agent, or registers it again. The answer carries the agent's token when it is
    /// new or was proven; whoever has it may register the id again while it is live.
    ///
    /// Refused with `agent_id_taken` when the id is live and this relay's token does not prove to be
    /// it. Not repeated when the answer is lost, because the token in it would be too.
    pub async fn register_agent(&self, request: &RegisterAgent) -> Result<Registered, ClientError> {
        self.call(Call::new(Route::RegisterAgent).body(request)).await
    }

    /// Lists agents, by id.
    pub async fn agents(&self, query: &query::Agents) -> Result<Page<Agent>, ClientError> {
        self.list(Call::new(Route::ListAgents).query(query.write())).await
    }

    /// Lists agents over all pages.
    pub async fn all_agents(&self, query: &query::Agents) -> Result<Vec<Agent>, ClientError> {
        let page = self.agents(query).await?;
        self.rest(page).await
    }

    /// Lists the available agents that have a capability.
    pub async fn find_agents(&self, capability: &Word) -> Result<Vec<Agent>, ClientError> {
        let query = query::Find { capability: Some(capability.clone()) };
        self.call(Call::new(Route::FindAgents).query(query.write())).await
    }

    /// Shows one agent.
    pub async fn agent(&self, id: &AgentId) -> Result<Agent, ClientError> {
        self.call(Call::new(Route::GetAgent(id.clone()))).await
    }

    /// Changes what an agent offers or how it is doing; what is absent stays.
    pub async fn update_agent(
        &self,
        id: &AgentId,
        change: &UpdateAgent,
    ) -> Result<Agent, ClientError> {
        self.call(Call::new(Route::UpdateAgent(id.clone())).body(change)).await
    }

    /// Changes an agent's label; `None` clears it.
    pub async fn set_label(
        &self,
        id: &AgentId,
        label: Option<Label>,
    ) -> Result<Agent, ClientError> {
        self.call(Call::new(Route::SetLabel(id.clone())).body(&SetLabel { label })).await
    }

    /// Changes an agent's status.
    pub async fn set_status(
        &self,
        id: &AgentId,
        status: Status,
        detail: Option<Line>,
    ) -> Result<Agent, ClientError> {
        let request = SetStatus { status, detail };
        self.call(Call::new(Route::SetStatus(id.clone())).body(&request)).await
    }

    /// Keeps an agent alive, and renews its claims.
    ///
    /// Refused with 404 when the agent was removed (register again) and with `stale_session` when a
    /// newer process has taken over.
    pub async fn heartbeat(&self, id: &AgentId, beat: &Heartbeat) -> Result<Agent, ClientError> {
        let call = Call::new(Route::Heartbeat(id.clone())).body(beat);
        self.call(call.within(HEARTBEAT)).await
    }

    /// Removes an agent; its mail waits for whoever registers the id next.
    pub async fn remove_agent(&self, id: &AgentId) -> Result<(), ClientError> {
        self.done(Call::new(Route::RemoveAgent(id.clone()))).await
    }
}
