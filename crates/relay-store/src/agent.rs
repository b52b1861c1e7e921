//! Agents: registration, change, signs of life, removal.

use std::{collections::BTreeMap, sync::Arc};

use relay_core::{
    agent::{Agent, Status},
    api::{
        query,
        request::{Heartbeat, UpdateAgent},
    },
    error::{Code, Refused},
    event::{Event, Name, ReleaseReason},
    id::{AgentId, Seq},
    identity::Credential,
    target::{self, Address},
    token::Digest,
};

use crate::{
    claim,
    directory::{Change, Entry},
    error::StoreError,
    message::Page,
    offer, pair,
    queue::Command,
    send,
    store::Store,
    tx::Tx,
};

impl Store {
    /// One agent.
    pub async fn agent(&self, id: &AgentId) -> Result<Agent, StoreError> {
        self.current().await?;
        let found = self.shared.read(|d| d.get(id).map(|entry| entry.agent.clone()));
        found.ok_or_else(|| send::unregistered(id).into())
    }

    /// A page of the agents that fit, by id.
    pub async fn agents(&self, query: &query::Agents) -> Result<Page<Agent>, StoreError> {
        let limit = query.limit.map_or(query::DEFAULT_LIMIT, |limit| limit.0) as usize;
        let mut items = self.every_agent(query).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    /// All agents that fit, by id, however many pages they would fill.
    pub async fn every_agent(&self, query: &query::Agents) -> Result<Vec<Agent>, StoreError> {
        self.current().await?;
        let mut fitting: Vec<Agent> = self.shared.read(|directory| {
            let all = directory.agents().filter(|entry| !entry.built_in).map(|entry| &entry.agent);
            all.filter(|agent| fits(agent, query)).cloned().collect()
        });
        fitting.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(fitting)
    }

    /// Changes what an agent offers or how it is doing. Going offline releases what it holds.
    pub async fn update_agent(
        &self,
        id: &AgentId,
        change: UpdateAgent,
    ) -> Result<Agent, StoreError> {
        self.queue.run(Update { id: id.clone(), change }).await
    }

    /// Notes a sign of life and renews what the agent holds. The owner's own token takes the id back
    /// from a guest.
    ///
    /// Refuses with `not_found` an agent that was pruned, with `stale_session` a replaced process.
    pub async fn heartbeat(
        &self,
        id: &AgentId,
        beat: Heartbeat,
        token: Option<Digest>,
    ) -> Result<Agent, StoreError> {
        self.queue.run(Beat { id: id.clone(), sign: beat, token }).await
    }

    /// Removes an agent: what it holds is released, its id is free, its mail stays.
    pub async fn remove_agent(&self, id: &AgentId) -> Result<(), StoreError> {
        self.queue.run(Remove { id: id.clone() }).await
    }
}

fn fits(agent: &Agent, query: &query::Agents) -> bool {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    query.tag.as_ref().is_none_or(|tag| agent.tags.contains(tag))
        && query.machine.as_ref().is_none_or(|machine| same(&agent.machine, machine))
        && query.status.is_none_or(|status| agent.status == status)
        && query
            .capability
            .as_ref()
            .is_none_or(|capability| agent.capabilities.contains(capability))
        && query
            .label
            .as_ref()
            .is_none_or(|l| agent.label.as_ref().is_some_and(|label| label.folded() == l.folded()))
        && query.provider.as_ref().is_none_or(|provider| agent.provider == *provider)
        && query
            .project
            .as_ref()
            .is_none_or(|p| agent.project.as_ref().is_some_and(|project| same(project, p)))
        && query.after.as_ref().is_none_or(|after| agent.id > *after)
}

/// Stores an agent as it is now, tells of it, and offers it the mail that waits under the addresses
/// it has gained. Whoever is offline leaves its pair.
pub(crate) async fn put(
    tx: &mut Tx<'_>,
    agent: Agent,
    credential: Credential,
    name: Name,
    taken_over: bool,
) -> Result<(), StoreError> {
    let seq = tx.next_seq();
    let known = tx.directory.get(&agent.id);
    let built_in = known.is_some_and(|entry| entry.built_in);
    let old = known.map(|entry| entry.addresses.clone()).unwrap_or_default();
    let since = |address: &Address| if address.is_agent() { Seq(0) } else { seq };
    let addresses: BTreeMap<Address, Seq> = target::addresses(&agent)
        .into_iter()
        .map(|address| {
            let since = old.get(&address).copied().unwrap_or_else(|| since(&address));
            (address, since)
        })
        .collect();
    let gained: Vec<Address> = addresses.keys().filter(|a| !old.contains_key(a)).cloned().collect();
    let lost: Vec<Address> = old.keys().filter(|a| !addresses.contains_key(a)).cloned().collect();
    write(tx, &agent, &credential).await?;
    join(tx, &agent.id, &gained, &lost, seq).await?;
    let event = Event { agent: Some(agent.clone()), taken_over, ..Event::new(seq, name, tx.now()) };
    tx.append(event)?;
    let (id, live) = (agent.id.clone(), agent.is_live() || agent.id.is_human());
    tx.change(Change::Put(Arc::new(Entry {
        agent,
        credential,
        addresses,
        removed_at: None,
        built_in,
    })));
    offer::waiting(tx, &id, &gained).await?;
    if live { Ok(()) } else { pair::leave(tx, &id).await }
}

async fn write(tx: &mut Tx<'_>, agent: &Agent, credential: &Credential) -> Result<(), StoreError> {
    let sql = "INSERT INTO agent (id, owner, guest, last_seen_at, removed_at, data) VALUES ($1, $2, $3, $4, NULL, $5) \
         ON CONFLICT (id) DO UPDATE SET owner = $2, guest = $3, last_seen_at = $4, removed_at = NULL, data = $5";
    let query = sqlx::query(sql)
        .bind(agent.id.to_string())
        .bind(credential.owner.as_str().to_owned())
        .bind(credential.guest.as_ref().map(|g| g.as_str().to_owned()))
        .bind(agent.last_seen_at.0)
        .bind(serde_json::to_string(agent)?);
    tx.execute(query).await?;
    Ok(())
}

async fn join(
    tx: &mut Tx<'_>,
    id: &AgentId,
    gained: &[Address],
    lost: &[Address],
    seq: Seq,
) -> Result<(), StoreError> {
    for address in lost {
        let sql = "DELETE FROM membership WHERE agent = $1 AND address = $2";
        tx.execute(sqlx::query(sql).bind(id.to_string()).bind(address.to_string())).await?;
    }
    for address in gained {
        let since = if address.is_agent() { 0 } else { seq.0 };
        let sql = "INSERT INTO membership (agent, address, since) VALUES ($1, $2, $3) \
             ON CONFLICT (agent, address) DO UPDATE SET since = $3";
        tx.execute(sqlx::query(sql).bind(id.to_string()).bind(address.to_string()).bind(since))
            .await?;
    }
    Ok(())
}

/// Stores an agent that changed; one that went offline gives back what it holds.
pub(crate) async fn changed(
    tx: &mut Tx<'_>,
    entry: &Entry,
    agent: Agent,
) -> Result<(), StoreError> {
    let left = entry.agent.is_live() && agent.status == Status::Offline;
    let id = agent.id.clone();
    put(tx, agent, entry.credential.clone(), Name::AgentStatus, false).await?;
    if left && !id.is_human() {
        claim::release_all(tx, &id, ReleaseReason::Offline).await?;
    }
    Ok(())
}

/// An offline agent that takes work, or talks, is back: what it holds would be released under its
/// hands.
pub(crate) async fn revive(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), StoreError> {
    if entry.agent.is_live() || entry.agent.id.is_human() {
        return Ok(());
    }
    let mut agent = entry.agent.clone();
    agent.heartbeat(&Heartbeat::default(), tx.now());
    changed(tx, entry, agent).await
}

struct Update {
    id: AgentId,
    change: UpdateAgent,
}

impl Command for Update {
    type Reply = Agent;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Agent, StoreError> {
        let entry = tx.directory.get(&self.id).ok_or_else(|| send::unregistered(&self.id))?.clone();
        let mut agent = entry.agent.clone();
        agent.update(self.change.clone(), tx.now());
        if agent != entry.agent {
            agent.last_seen_at = tx.now();
            changed(tx, &entry, agent.clone()).await?;
        }
        Ok(agent)
    }
}

struct Beat {
    id: AgentId,
    sign: Heartbeat,
    token: Option<Digest>,
}

impl Command for Beat {
    type Reply = Agent;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Agent, StoreError> {
        let entry = tx.directory.get(&self.id).ok_or_else(|| send::unregistered(&self.id))?.clone();
        let mut agent = entry.agent.clone();
        let returns = entry.credential.guest.is_some()
            && self.token.as_ref().is_some_and(|token| entry.credential.owner.matches(token));
        if returns {
            agent.epoch += 1;
            agent.instance_id.clone_from(&self.sign.instance_id);
            agent.heartbeat(&self.sign, tx.now());
            let credential = Credential { owner: entry.credential.owner.clone(), guest: None };
            put(tx, agent.clone(), credential, Name::AgentRegistered, false).await?;
            return Ok(agent);
        }
        agent.check_current(self.sign.instance_id.as_ref(), self.sign.epoch)?;
        if agent.heartbeat(&self.sign, tx.now()) {
            changed(tx, &entry, agent.clone()).await?;
        } else {
            let seen = Entry { agent: agent.clone(), ..(*entry).clone() };
            tx.change(Change::Put(Arc::new(seen)));
        }
        tx.alive(&agent.id);
        Ok(agent)
    }
}

struct Remove {
    id: AgentId,
}

impl Command for Remove {
    type Reply = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let entry = tx.directory.get(&self.id).ok_or_else(|| send::unregistered(&self.id))?.clone();
        if entry.built_in {
            let why = format!("`{}` is built in and stays", entry.agent.id);
            return Err(Refused::new(Code::ReservedId, why).into());
        }
        let nobody = Credential { owner: Digest::from_stored(String::new()), guest: None };
        remove(tx, &entry, nobody).await
    }
}

/// Takes an agent out: its claims are released, its groups lose it, its id and mail are remembered.
pub(crate) async fn remove(
    tx: &mut Tx<'_>,
    entry: &Entry,
    credential: Credential,
) -> Result<(), StoreError> {
    let id = &entry.agent.id;
    claim::release_all(tx, id, ReleaseReason::Offline).await?;
    pair::leave(tx, id).await?;
    let now = tx.now();
    let mut agent = entry.agent.clone();
    agent.be(Status::Offline, now);
    let sql = "UPDATE agent SET owner = $1, guest = NULL, removed_at = $2, data = $3 WHERE id = $4";
    let query = sqlx::query(sql)
        .bind(credential.owner.as_str().to_owned())
        .bind(now.0)
        .bind(serde_json::to_string(&agent)?)
        .bind(id.to_string());
    tx.execute(query).await?;
    tx.execute(sqlx::query("DELETE FROM membership WHERE agent = $1").bind(id.to_string())).await?;
    let seq = tx.next_seq();
    tx.append(Event { agent: Some(agent.clone()), ..Event::new(seq, Name::AgentRemoved, now) })?;
    let gone = Entry {
        agent,
        credential,
        addresses: BTreeMap::new(),
        removed_at: Some(now),
        built_in: false,
    };
    tx.change(Change::Put(Arc::new(gone)));
    Ok(())
}
