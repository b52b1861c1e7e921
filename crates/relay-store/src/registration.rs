//! Registration: who may have an id, and with which token it answers.

use relay_core::{
    agent::Agent,
    api::{reply::Registered, request::RegisterAgent},
    error::{Code, Refused},
    event::Name,
    identity::{self, Credential, Grant, Mode, Proof},
    time::Timestamp,
    token::{self, Digest},
};

use crate::{
    agent,
    directory::Entry,
    error::StoreError,
    queue::Command,
    store::{Store, random},
    tx::Tx,
};

/// What the caller shows when it registers.
#[derive(Clone, Debug, Default)]
pub struct Presented {
    /// An agent's token, if it sent one.
    pub token: Option<String>,
    /// True for a caller who may everything.
    pub full: bool,
}

/// A registration that was accepted.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What to answer.
    pub reply: Registered,
    /// True when the agent was not registered before.
    pub created: bool,
}

impl Store {
    /// Registers an agent, or registers it again. The owner's token always wins; who takes an
    /// offline id without it gets a guest's token, and the takeover is announced.
    ///
    /// Refuses with `reserved_id`, and with `agent_id_taken` whoever cannot prove to be a live agent.
    pub async fn register_agent(
        &self,
        request: RegisterAgent,
        presented: Presented,
        mode: Mode,
    ) -> Result<Registration, StoreError> {
        request
            .id
            .check_unreserved()
            .map_err(|why| Refused::new(Code::ReservedId, why.to_string()))?;
        let minted = token::mint(token::Kind::Agent, random());
        self.queue.run(Register { request, presented, mode, minted }).await
    }
}

impl Entry {
    fn is_owned(&self) -> bool {
        !self.credential.owner.as_str().is_empty()
    }
}

struct Register {
    request: RegisterAgent,
    presented: Presented,
    mode: Mode,
    minted: String,
}

impl Register {
    fn proof(&self, credential: Option<&Credential>) -> Proof {
        let shown = self.presented.token.as_deref().map(Digest::of);
        match shown.and_then(|digest| credential.map(|c| c.proof(&digest))) {
            Some(proof) if proof != Proof::None => proof,
            _ if self.presented.full => Proof::Full,
            _ => Proof::None,
        }
    }

    /// The agent as it is from now on. Who takes a free id starts anew, but for the epoch: a process
    /// of whoever had the id before stays fenced.
    fn describe(&self, known: Option<&Entry>, grant: Grant, now: Timestamp) -> Agent {
        match known {
            Some(entry) if entry.is_owned() => {
                let mut agent = entry.agent.clone();
                agent.describe(self.request.clone(), now);
                agent.epoch += i64::from(grant != Grant::Update);
                agent
            }
            gone => {
                let mut agent = Agent::register(self.request.clone(), now);
                agent.epoch = gone.map_or(1, |entry| entry.agent.epoch + 1);
                agent
            }
        }
    }

    /// One spelling of an id at a time: whoever has it keeps the spelling of its first registration.
    fn check_spelling(&self, holder: &Entry, proof: Proof) -> Result<(), Refused> {
        let same = holder.agent.id.as_str() == self.request.id.as_str();
        if same || matches!(proof, Proof::Owner | Proof::Guest) {
            return Ok(());
        }
        Err(Refused::new(
            Code::AgentIdTaken,
            format!("the id is registered as `{}`", holder.agent.id),
        )
        .hint("ids are compared without case; choose another"))
    }
}

impl Command for Register {
    type Reply = Registration;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Registration, StoreError> {
        let known = tx.directory.known(&self.request.id).cloned();
        if known.as_ref().is_some_and(|entry| entry.built_in) {
            // What an integration sends and creates is known by its name, so no agent gets that.
            let why = format!("`{}` is the name of an integration", self.request.id);
            return Err(Refused::new(Code::ReservedId, why)
                .hint("choose another id, or rename the integration in the relay's settings")
                .with(serde_json::json!({ "field": "id" }))
                .into());
        }
        // An agent that was removed by request has no owner any more; a pruned one still has.
        let holder = known.as_ref().filter(|entry| entry.is_owned());
        let proof = self.proof(holder.map(|entry| &entry.credential));
        if let Some(holder) = holder {
            self.check_spelling(holder, proof)?;
        }
        let pair = holder.map(|entry| (&entry.agent, &entry.credential));
        let grant = identity::decide(pair, proof, self.request.instance_id.as_ref(), self.mode)?;
        let registered = self.describe(known.as_deref(), grant, tx.now());
        let minted = Digest::of(&self.minted);
        let old = holder.map(|entry| entry.credential.clone());
        let credential = match (grant, old) {
            (Grant::TakeOver, Some(old)) => Credential { owner: old.owner, guest: Some(minted) },
            (Grant::Reclaim, Some(old)) => Credential { owner: old.owner, guest: None },
            (Grant::Update | Grant::Replace, Some(old)) => old,
            _ => Credential { owner: minted, guest: None },
        };
        let token = match grant {
            Grant::Create | Grant::TakeOver => Some(self.minted.clone()),
            _ if proof == Proof::Full => None,
            _ => self.presented.token.clone(),
        };
        let created = known.is_none_or(|entry| entry.removed_at.is_some());
        let taken_over = grant == Grant::TakeOver;
        agent::put(tx, registered.clone(), credential, Name::AgentRegistered, taken_over).await?;
        Ok(Registration { reply: Registered { agent: registered, token }, created })
    }
}
