//! A voice: the agent for which one call speaks.

use std::{convert::Infallible, time::Duration};

use relay_client::{Member, error::ClientError, http::Relay};
use relay_core::{
    api::request::{ActOnClaim, ActOnPair, Heartbeat, MarkMessage},
    error::Code,
    id::AgentId,
    prompt::Reader,
    time::Clock as _,
};
use relay_store::SystemClock;

use super::fault::Fault;

/// How often an agent that nothing else keeps alive says that it is there, while a call waits.
const BEAT: Duration = Duration::from_secs(30);

/// The agent that speaks, and how.
#[derive(Clone)]
pub struct Voice {
    /// The agent.
    pub me: AgentId,
    speaks: Speaks,
    /// True when its mail waits to be fetched, because nothing puts it into its context.
    pub fetches: bool,
    /// True when its calls are what keeps it alive.
    beats: bool,
}

#[derive(Clone)]
enum Speaks {
    /// With the token that the relay carries.
    With(Relay),
    /// In a session of this process.
    Here(Member),
}

impl Voice {
    /// An agent that a provider hosts: mail comes to it by itself.
    pub fn hosted(me: AgentId, relay: Relay) -> Self {
        Self { me, speaks: Speaks::With(relay), fetches: false, beats: false }
    }

    /// An agent that fetches its mail.
    pub fn fetching(me: AgentId, relay: Relay) -> Self {
        Self { fetches: true, ..Self::hosted(me, relay) }
    }

    /// An agent that fetches its mail, and that its calls keep alive.
    pub fn alive_by_calls(me: AgentId, relay: Relay) -> Self {
        Self { beats: true, ..Self::fetching(me, relay) }
    }

    /// An agent whose session this process holds.
    pub fn guest(member: Member) -> Self {
        let me = member.id().clone();
        Self { me, speaks: Speaks::Here(member), fetches: true, beats: false }
    }

    /// The relay, spoken to as the agent.
    pub fn relay(&self) -> Relay {
        match &self.speaks {
            Speaks::With(relay) => relay.clone(),
            Speaks::Here(member) => member.relay(),
        }
    }

    /// Asks the relay for something. A session that the relay has forgotten is set right, and the
    /// call made again.
    pub async fn ask<T, F>(&self, act: impl Fn(Relay) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let error = match (act(self.relay()).await, &self.speaks) {
            (Ok(done), _) => return Ok(done),
            (Err(error), Speaks::With(_)) => return Err(error.into()),
            (Err(error), Speaks::Here(member)) => (error, member),
        };
        match error {
            (error, member) if is_about_us(&error) => {
                // Saying anything about itself is a sign of life, which registers it again.
                member.ready(true).await?;
                Ok(act(self.relay()).await?)
            }
            (error, _) => Err(error.into()),
        }
    }

    /// Does something, and keeps the agent alive meanwhile where nothing else does.
    pub async fn alive_during<T>(&self, work: impl Future<Output = T>) -> T {
        if !self.beats {
            return work.await;
        }
        tokio::select! {
            done = work => done,
            never = self.keep_alive() => match never {},
        }
    }

    /// Says once that the agent is there, where nothing else does. What fails here fails the work.
    pub async fn sign_of_life(&self) {
        if self.beats {
            let _ = self.relay().with_retries(0).heartbeat(&self.me, &Heartbeat::default()).await;
        }
    }

    async fn keep_alive(&self) -> Infallible {
        loop {
            tokio::time::sleep(BEAT).await;
            self.sign_of_life().await;
        }
    }

    /// Claims, finishes or releases as the agent.
    pub fn acting(&self) -> ActOnClaim {
        let agent_id = Some(self.me.clone());
        ActOnClaim { agent_id, instance_id: None, epoch: None, generation: None }
    }

    /// Accepts, declines or hangs up as the agent.
    pub fn pairing(&self) -> ActOnPair {
        ActOnPair { agent_id: Some(self.me.clone()), ..ActOnPair::default() }
    }

    /// Says that a message stands in the agent's context, and by which path it got there.
    pub fn reading(&self) -> MarkMessage {
        MarkMessage {
            agent_id: Some(self.me.clone()),
            read: Some(true),
            handled: None,
            via: "mcp".parse().ok(),
            instance_id: None,
            epoch: None,
        }
    }

    /// Whose eyes look at messages, and when.
    pub fn reader(&self) -> Reader {
        Reader { me: self.me.clone(), now: SystemClock.now() }
    }
}

/// True when a refusal may mean that the relay does not know our session any more.
fn is_about_us(error: &ClientError) -> bool {
    error.status() == Some(401) || error.is(Code::StaleSession)
}
