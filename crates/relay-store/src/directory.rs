//! The directory: every agent and token in memory, with the index from addresses to agents.
//!
//! The writer decides by its own copy, which it changes as it goes; readers see the public copy,
//! which follows at each commit. After a rollback the writer starts again from the public one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use relay_core::{
    agent::Agent,
    id::{AgentId, Seq, TokenId},
    identity::Credential,
    scope::Scope,
    target::Address,
    time::Timestamp,
    token::Digest,
};

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An agent's own.
    Agent(AgentId),
    /// A scoped one.
    Scoped {
        /// Which.
        id: TokenId,
        /// What it allows.
        scopes: Vec<Scope>,
    },
}

/// An agent with what only the relay knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) agent: Agent,
    pub(crate) credential: Credential,
    /// Under which addresses it gets mail, and since which event.
    pub(crate) addresses: BTreeMap<Address, Seq>,
    /// When it was removed; the id and its mail are remembered for a while.
    pub(crate) removed_at: Option<Timestamp>,
    /// The operator, or an integration: in no list, never reaped.
    pub(crate) built_in: bool,
}

/// A scoped token that may be used.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: TokenId,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// One change, to be made to both copies.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(Arc<Entry>),
    Forget(AgentId),
    Grant(Digest, Grant),
    Revoke(TokenId),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    entries: HashMap<AgentId, Arc<Entry>>,
    members: HashMap<Address, BTreeSet<AgentId>>,
    digests: HashMap<Digest, AgentId>,
    grants: HashMap<Digest, Grant>,
    /// The integrations that are called back.
    called_back: HashSet<AgentId>,
}

impl Directory {
    /// Notes that an integration is called back.
    pub(crate) fn call_back(&mut self, integration: AgentId) {
        self.called_back.insert(integration);
    }

    /// True where an integration is called back.
    pub(crate) fn is_called_back(&self, integration: &AgentId) -> bool {
        self.called_back.contains(integration)
    }

    /// The agent, removed or not.
    pub(crate) fn known(&self, id: &AgentId) -> Option<&Arc<Entry>> {
        self.entries.get(id)
    }

    /// The agent, unless it was removed.
    pub(crate) fn get(&self, id: &AgentId) -> Option<&Arc<Entry>> {
        self.entries.get(id).filter(|entry| entry.removed_at.is_none())
    }

    /// Every agent that was not removed, in no order.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values().filter(|entry| entry.removed_at.is_none())
    }

    /// Every removed agent that is still remembered.
    pub(crate) fn removed(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values().filter(|entry| entry.removed_at.is_some())
    }

    /// The agents that get mail under the address.
    pub(crate) fn members(&self, address: &Address) -> impl Iterator<Item = &Arc<Entry>> {
        self.members.get(address).into_iter().flatten().filter_map(|id| self.entries.get(id))
    }

    /// Whose token this is, if it may still be used.
    pub(crate) fn authenticate(&self, digest: &Digest, now: Timestamp) -> Option<Identity> {
        if let Some(id) = self.digests.get(digest) {
            return Some(Identity::Agent(id.clone()));
        }
        let grant = self.grants.get(digest)?;
        let live = grant.expires_at.is_none_or(|at| at > now);
        live.then(|| Identity::Scoped { id: grant.id, scopes: grant.scopes.clone() })
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Put(entry) => self.put(entry),
            Change::Forget(id) => self.forget(id),
            Change::Grant(digest, grant) => {
                self.grants.insert(digest.clone(), grant.clone());
            }
            Change::Revoke(id) => self.grants.retain(|_, grant| grant.id != *id),
        }
    }

    fn put(&mut self, entry: &Arc<Entry>) {
        let id = &entry.agent.id;
        match self.entries.insert(id.clone(), entry.clone()) {
            // A sign of life changes neither addresses nor tokens, and is what comes most.
            Some(old) if old.addresses == entry.addresses && old.credential == entry.credential => {
                return;
            }
            Some(old) => self.unlist(&old),
            None => {}
        }
        for address in entry.addresses.keys() {
            self.members.entry(address.clone()).or_default().insert(id.clone());
        }
        for digest in
            [Some(&entry.credential.owner), entry.credential.guest.as_ref()].into_iter().flatten()
        {
            self.digests.insert(digest.clone(), id.clone());
        }
    }

    fn forget(&mut self, id: &AgentId) {
        if let Some(old) = self.entries.remove(id) {
            self.unlist(&old);
        }
    }

    fn unlist(&mut self, old: &Entry) {
        for address in old.addresses.keys() {
            if let Some(members) = self.members.get_mut(address) {
                members.remove(&old.agent.id);
                if members.is_empty() {
                    self.members.remove(address);
                }
            }
        }
        self.digests.remove(&old.credential.owner);
        if let Some(guest) = &old.credential.guest {
            self.digests.remove(guest);
        }
    }
}
