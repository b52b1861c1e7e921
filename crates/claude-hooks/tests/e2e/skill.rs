//! The commands that a person types: each is obeyed by the model, and its effect seen at the relay.

use relay_client::core::{
    agent::{Agent, Status},
    api::{query, request::ActOnPair},
    message::Message,
    pair,
};
use testkit::{World, claude::Claude, program::Version, until};

use crate::{allowed, setup};

/// A session whose person types.
struct Typing {
    world: World,
    claude: Claude,
    agent: Agent,
    /// What stands before each command.
    prefix: &'static str,
}

impl Typing {
    async fn start(version: Version, prefix: &'static str) -> Option<Self> {
        let setup = allowed(setup(version)?);
        let world = World::new().await;
        let (claude, agent) = world.session(&setup).await;
        Some(Self { world, claude, agent, prefix })
    }

    /// Types a command, and waits until the model has done what it says and answered.
    async fn command(&self, line: &str) {
        let before = self.claude.model.calls();
        self.claude.say(&format!("{}{line}", self.prefix)).await;
        let done = before + 2;
        until(line, async || (self.claude.model.calls() >= done).then_some(())).await;
        self.world.status(&self.agent, Status::Idle).await;
    }

    async fn now(&self) -> Agent {
        self.world.plain.agent(&self.agent.id).await.unwrap()
    }

    /// What the session has sent.
    async fn sent(&self) -> Vec<Message> {
        let from = Some(self.agent.id.clone());
        let query = query::Messages { from, ..Default::default() };
        self.world.plain.messages(&query).await.unwrap().items
    }

    async fn all_commands(&self) {
        self.command("message tester Migration looks clean").await;
        let sent = self.sent().await;
        let [message] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(message.body.as_str(), "Migration looks clean");
        assert!(message.verified && !message.claimable);

        self.command("send-claimable cap:chat Review the schema").await;
        let sent = self.sent().await;
        assert!(sent[1].claimable && sent[1].to.to_string() == "cap:chat", "{sent:?}");

        self.command("label db person").await;
        assert_eq!(self.now().await.label.as_deref(), Some("db person"));

        self.command("tags backend nightly").await;
        let tags = self.now().await.tags;
        for tag in ["backend", "nightly"] {
            assert!(tags.iter().any(|known| known.as_str() == tag), "{tags:?}");
        }
        self.pair_and_disconnect().await;
    }

    async fn pair_and_disconnect(&self) {
        self.command("pair tester Flaky tests").await;
        let pairs = self.world.plain.pairs(&query::Pairs::default()).await.unwrap().items;
        let [invited] = &pairs[..] else { panic!("{pairs:?}") };
        assert_eq!(invited.objective.as_deref(), Some("Flaky tests"));
        let by = ActOnPair { agent_id: "tester".parse().ok(), ..Default::default() };
        self.world.tester.accept_pair(&invited.id, &by).await.unwrap();
        let accepted = self.world.mail(&self.agent).await;
        self.world.handled(accepted.id).await;
        self.world.status(&self.agent, Status::Idle).await;
        self.command("disconnect").await;
        let ended = self.world.plain.pair(&invited.id).await.unwrap();
        assert_eq!(ended.status, pair::Status::Ended);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_does_what_it_says() {
    let Some(typing) = Typing::start(Version::Newest, "/").await else { return };
    typing.all_commands().await;
    // Claude Code has a `/status` of its own.
    typing.command("agent-relay:status").await;
    let told = typing.claude.model.results();
    for word in [typing.agent.id.as_str(), "tester", "db person"] {
        assert!(told.contains(word), "{word}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_has_a_long_form_in_the_older_version_too() {
    let Some(typing) = Typing::start(Version::Older, "/agent-relay:").await else { return };
    typing.all_commands().await;
    typing.command("status").await;
    assert!(typing.claude.model.results().contains(typing.agent.id.as_str()));
}
