//! A relay, and an agent that writes to sessions.

use std::time::Duration;

use futures_util::future::join_all;
use relay_client::{
    Relay,
    core::{
        agent::{Agent, Status},
        api::{
            query,
            request::{RegisterAgent, SendMessage},
        },
        id::MessageId,
        message::{Message, Urgency},
        receipt::Receipt,
    },
};
use relay_server::testing::TestRelay;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

use crate::{
    claude::{Claude, Setup},
    codex::{self, Codex},
    served::Served,
    until,
};

/// Sessions are heavy: one test has them at a time.
static AT_ONCE: Semaphore = Semaphore::const_new(1);

/// The relay of a test.
enum Relayed {
    /// In the test's own process.
    Within(Box<TestRelay>),
    /// In one of its own, which can be killed.
    Apart(Served),
}

/// A relay, and an agent `tester` that writes to sessions.
pub struct World {
    relayed: Relayed,
    /// The relay, spoken to as `tester`.
    pub tester: Relay,
    /// The relay, spoken to as nobody.
    pub plain: Relay,
    _turn: SemaphorePermit<'static>,
}

impl Relayed {
    fn url(&self) -> String {
        match self {
            Self::Within(relay) => relay.url(),
            Self::Apart(served) => served.url(),
        }
    }
}

impl World {
    /// A new one; one at a time in a process.
    pub async fn new() -> Self {
        let turn = AT_ONCE.acquire().await.unwrap();
        let relay = Box::new(TestRelay::start().await);
        Self::of(Relayed::Within(relay), turn).await
    }

    /// A new one whose relay can be killed.
    pub async fn killable() -> Self {
        let turn = AT_ONCE.acquire().await.unwrap();
        Self::of(Relayed::Apart(Served::start()), turn).await
    }

    async fn of(relayed: Relayed, turn: SemaphorePermit<'static>) -> Self {
        let plain = Relay::new(&relayed.url(), None).unwrap();
        let registered =
            plain.register_agent(&RegisterAgent::new("tester".parse().unwrap())).await.unwrap();
        let tester = plain.with_token(&registered.token.unwrap()).unwrap();
        Self { relayed, tester, plain, _turn: turn }
    }

    /// The relay's address.
    pub fn url(&self) -> String {
        self.relayed.url()
    }

    /// Kills the relay.
    pub fn kill_relay(&mut self) {
        self.served().kill();
    }

    /// Starts the relay again, with what it had written down.
    pub fn start_relay_again(&mut self) {
        self.served().start_again();
    }

    fn served(&mut self) -> &mut Served {
        match &mut self.relayed {
            Relayed::Apart(served) => served,
            Relayed::Within(_) => panic!("a relay within the test's process cannot be killed"),
        }
    }

    /// A session of Claude Code that has begun and is registered.
    pub async fn session(&self, setup: &Setup) -> (Claude, Agent) {
        let claude = Claude::new(&self.url()).await;
        let ((), agent) = self.begins(&claude, claude.start(setup)).await;
        (claude, agent)
    }

    /// Starts a session, and waits for a new agent in its folder.
    pub async fn begins<T>(
        &self,
        claude: &Claude,
        starting: impl Future<Output = T>,
    ) -> (T, Agent) {
        let before = self.agents("claude").await;
        let started = starting.await;
        let is_its = |agent: &Agent| {
            agent.cwd.as_ref().is_some_and(|cwd| cwd.as_str() == claude.project())
                && !before.iter().any(|old| old.id == agent.id)
        };
        let agent = until("the session is registered", async || {
            self.agents("claude").await.into_iter().find(|agent| is_its(agent))
        });
        (started, agent.await)
    }

    /// A session of Codex that has begun and is registered.
    pub async fn codex_session(&self, setup: &codex::Setup) -> (Codex, Agent) {
        let codex = Codex::new(&self.url()).await;
        let agent = self.joins("codex", codex.start(setup)).await;
        (codex, agent)
    }

    /// Waits for the agent of a provider that registers while something is done.
    pub async fn joins(&self, provider: &str, doing: impl Future<Output = ()>) -> Agent {
        let before = self.agents(provider).await;
        doing.await;
        until("the session is registered", async || {
            let known = |agent: &Agent| before.iter().any(|old| old.id == agent.id);
            self.agents(provider).await.into_iter().find(|agent| !known(agent))
        })
        .await
    }

    /// The agents of a provider.
    pub async fn agents(&self, provider: &str) -> Vec<Agent> {
        let agents = self.plain.agents(&query::Agents::default()).await.unwrap().items;
        agents.into_iter().filter(|agent| agent.provider.as_str() == provider).collect()
    }

    /// Sends as `tester`.
    pub async fn send(&self, to: &Agent, body: &str) -> Message {
        self.send_as(Urgency::Normal, to, body).await
    }

    /// Sends as `tester`, as urgently as that.
    pub async fn send_as(&self, urgency: Urgency, to: &Agent, body: &str) -> Message {
        let to = to.id.as_str().parse().unwrap();
        let request = SendMessage::new("tester".parse().unwrap(), to, body.parse().unwrap());
        let request = SendMessage { urgency: Some(urgency), ..request };
        self.tester.send_message(request).await.unwrap().message
    }

    /// Sends a hundred messages of 300 characters in two seconds, oldest first. Ten go at a time: one
    /// after the other, they would take a busy machine longer.
    pub async fn burst(&self, to: &Agent) -> Vec<Message> {
        let begun = Instant::now();
        let mut sent = Vec::new();
        for round in 0..10_u32 {
            let bodies =
                (0..10).map(|number| format!("{:>3} {}", round * 10 + number, "x".repeat(296)));
            sent.extend(join_all(bodies.map(async |body| self.send(to, &body).await)).await);
            sleep_until(begun + Duration::from_millis(200) * (round + 1)).await;
        }
        eprintln!("100 messages were sent in {:?}", begun.elapsed());
        sent.sort_by_key(|message| message.id);
        sent
    }

    /// True when nobody has read a message.
    pub async fn is_unread(&self, id: MessageId) -> bool {
        let receipts = self.plain.receipts(id).await.unwrap();
        receipts.iter().all(|receipt| receipt.read_at.is_none())
    }

    /// The first message to an agent.
    pub async fn mail(&self, agent: &Agent) -> Message {
        until("a message", async || self.all_mail(agent).await.into_iter().next()).await
    }

    /// Every message that names an agent as its target, oldest first.
    pub async fn all_mail(&self, agent: &Agent) -> Vec<Message> {
        let to = Some(agent.id.as_str().parse().unwrap());
        let query = query::Messages { to, ..Default::default() };
        self.plain.messages(&query).await.unwrap().items
    }

    /// Waits until a message is read, and says how it came.
    pub async fn read(&self, id: MessageId) -> Receipt {
        until("a receipt", async || {
            let receipts = self.plain.receipts(id).await.unwrap();
            receipts.into_iter().find(|receipt| receipt.read_at.is_some())
        })
        .await
    }

    /// Waits until the turn that had a message has ended.
    pub async fn handled(&self, id: MessageId) {
        until("the turn's end in the receipt", async || {
            let receipts = self.plain.receipts(id).await.unwrap();
            receipts.iter().any(|receipt| receipt.handled_at.is_some()).then_some(())
        })
        .await;
    }

    /// Waits until the relay shows an agent so.
    pub async fn status(&self, agent: &Agent, expected: Status) {
        until(&format!("the agent is {expected}"), async || {
            let agent = self.plain.agent(&agent.id).await.unwrap();
            (agent.status == expected).then_some(())
        })
        .await;
    }
}
