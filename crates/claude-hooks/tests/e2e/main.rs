//! The real Claude Code against a relay and a model server of our own, offline.
#![cfg(target_os = "linux")]

mod claude;
mod crash;
mod gate;
mod install;
mod model;
mod path;
mod program;
mod talk;
mod turn;

use std::time::Duration;

use claude::{Claude, Setup, until};
use program::Version;
use relay_client::{
    Relay,
    core::{
        agent::{Agent, Status},
        api::{
            query,
            request::{RegisterAgent, SendMessage},
        },
        id::MessageId,
        message::Message,
        receipt::Receipt,
    },
};
use relay_server::testing::TestRelay;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Sessions are heavy: one test has them at a time.
static AT_ONCE: Semaphore = Semaphore::const_new(1);

/// A relay, and an agent `tester` that writes to sessions.
pub struct World {
    pub relay: TestRelay,
    pub tester: Relay,
    pub plain: Relay,
    _turn: SemaphorePermit<'static>,
}

impl World {
    pub async fn new() -> Self {
        let turn = AT_ONCE.acquire().await.unwrap();
        let relay = TestRelay::start().await;
        let plain = Relay::new(&relay.url(), None).unwrap();
        let registered =
            plain.register_agent(&RegisterAgent::new("tester".parse().unwrap())).await.unwrap();
        let tester = plain.with_token(&registered.token.unwrap()).unwrap();
        Self { relay, tester, plain, _turn: turn }
    }

    /// A session that has begun and is registered.
    pub async fn session(&self, setup: &Setup) -> (Claude, Agent) {
        let before = self.sessions().await;
        let claude = Claude::new(&self.relay.url()).await;
        claude.start(setup).await;
        let agent = until("the session is registered", async || {
            let known = |agent: &Agent| before.iter().any(|old| old.id == agent.id);
            self.sessions().await.into_iter().find(|agent| !known(agent))
        })
        .await;
        (claude, agent)
    }

    async fn sessions(&self) -> Vec<Agent> {
        let agents = self.plain.agents(&query::Agents::default()).await.unwrap().items;
        agents.into_iter().filter(|agent| agent.provider.as_str() == "claude").collect()
    }

    pub async fn send(&self, to: &Agent, body: &str) -> Message {
        let to = to.id.as_str().parse().unwrap();
        let request = SendMessage::new("tester".parse().unwrap(), to, body.parse().unwrap());
        self.tester.send_message(request).await.unwrap().message
    }

    /// Waits until a message is read, and says how it came.
    pub async fn read(&self, id: MessageId) -> Receipt {
        until("a receipt", async || {
            let receipts = self.plain.receipts(id).await.unwrap();
            receipts.into_iter().find(|receipt| receipt.read_at.is_some())
        })
        .await
    }

    pub async fn handled(&self, id: MessageId) {
        until("the turn's end in the receipt", async || {
            let receipts = self.plain.receipts(id).await.unwrap();
            receipts.iter().any(|receipt| receipt.handled_at.is_some()).then_some(())
        })
        .await;
    }

    pub async fn status(&self, agent: &Agent, expected: Status) {
        until(&format!("the agent is {expected}"), async || {
            let agent = self.plain.agent(&agent.id).await.unwrap();
            (agent.status == expected).then_some(())
        })
        .await;
    }
}

/// How often a message stands in a session's context.
pub fn times(claude: &Claude, id: MessageId) -> usize {
    claude.model.context().matches(&format!("[msg:{id}] from tester: ")).count()
}

/// Waits until a process is gone.
pub async fn gone(pid: u32) {
    until("the process is gone", async || {
        relay_client::identity::Process::find(pid).is_none().then_some(())
    })
    .await;
}

/// A little while, for what must not happen.
pub async fn a_while() {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
}

/// The program of a version, with nothing else set; `None` skips the test aloud.
pub fn setup(version: Version) -> Option<Setup> {
    Some(Setup { claude: program::claude(version)?, ..Setup::default() })
}
