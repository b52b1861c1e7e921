//! Who listens to what: from an event's addresses to the listeners it concerns.

use std::collections::{HashMap, HashSet};

use relay_core::{
    agent::Agent,
    event::{Event, Name},
    id::AgentId,
    target::{Address, addresses},
};
use relay_store::Reader;

/// The agents, and the listeners by what they listen to.
#[derive(Default)]
pub struct Index {
    agents: HashMap<AgentId, Agent>,
    readers: HashMap<u64, Reader>,
    of_agent: HashMap<AgentId, Vec<u64>>,
    /// Agents with listeners, by each of their addresses.
    at: HashMap<Address, HashSet<AgentId>>,
    of_everything: HashSet<u64>,
    of_presence: HashSet<u64>,
    of_integrations: HashMap<u64, AgentId>,
}

impl Index {
    /// Adds a listener; `None` where it is an agent's that is not registered.
    pub fn add(&mut self, id: u64, reader: &Reader) -> Option<()> {
        match reader {
            Reader::All => {
                self.of_everything.insert(id);
            }
            Reader::Integration(name) => {
                self.of_integrations.insert(id, name.clone());
            }
            Reader::Agent { id: agent, presence } => {
                let known = self.agents.get(agent)?;
                let listeners = self.of_agent.entry(agent.clone()).or_default();
                if listeners.is_empty() {
                    for address in addresses(known) {
                        self.at.entry(address).or_default().insert(agent.clone());
                    }
                }
                listeners.push(id);
                if *presence {
                    self.of_presence.insert(id);
                }
            }
        }
        self.readers.insert(id, reader.clone());
        Some(())
    }

    /// Takes a listener off.
    pub fn remove(&mut self, id: u64) {
        self.of_everything.remove(&id);
        self.of_presence.remove(&id);
        self.of_integrations.remove(&id);
        let Some(Reader::Agent { id: agent, .. }) = self.readers.remove(&id) else { return };
        let Some(listeners) = self.of_agent.get_mut(&agent) else { return };
        listeners.retain(|listener| *listener != id);
        if listeners.is_empty() {
            self.of_agent.remove(&agent);
            self.forget_addresses(&agent);
        }
    }

    /// Whom an event concerns, each once.
    pub fn listeners(&self, event: &Event) -> Vec<u64> {
        let mut all: Vec<u64> = self.of_everything.iter().copied().collect();
        for agent in event.addresses().iter().filter_map(|address| self.at.get(address)).flatten() {
            if self.agents.get(agent).is_some_and(|agent| event.concerns(agent)) {
                all.extend(self.of_agent.get(agent).into_iter().flatten());
            }
        }
        if event.is_about_an_agent() {
            all.extend(&self.of_presence);
        }
        if event.task.is_some() {
            let theirs = self.of_integrations.iter().filter(|(_, name)| event.is_of(name));
            all.extend(theirs.map(|(id, _)| id));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Takes over what an event says of an agent.
    pub fn follow(&mut self, event: &Event) {
        match &event.agent {
            Some(agent) if event.name == Name::AgentRemoved => {
                self.forget_addresses(&agent.id);
                self.agents.remove(&agent.id);
            }
            Some(agent) => self.put(agent.clone()),
            None => {}
        }
    }

    /// Knows the agent from now on, as it is now.
    pub fn put(&mut self, agent: Agent) {
        let id = agent.id.clone();
        if self.of_agent.contains_key(&id) {
            self.forget_addresses(&id);
            for address in addresses(&agent) {
                self.at.entry(address).or_default().insert(id.clone());
            }
        }
        self.agents.insert(id, agent);
    }

    fn forget_addresses(&mut self, id: &AgentId) {
        let Some(agent) = self.agents.get(id) else { return };
        for address in addresses(agent) {
            if let Some(holders) = self.at.get_mut(&address) {
                holders.remove(id);
                if holders.is_empty() {
                    self.at.remove(&address);
                }
            }
        }
    }
}
