//! A channel between a real relay and a Telegram that does what a test tells it to.
#![allow(dead_code, reason = "every test file uses its own part of this")]

pub mod program;
pub mod telegram;

use std::time::Duration;

use relay_client::{
    Relay,
    core::{
        api::request::{RegisterAgent, SendMessage},
        id::AgentId,
        message::Message,
    },
};
use relay_server::testing::TestRelay;
use telegram::Telegram;
use telegram_channel::{Failure, Settings, backoff::Pace};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

/// Whatever takes longer than this has hung.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The bot's token.
pub const TOKEN: &str = "99:s3cret-token";
/// The chats of people.
pub const ADA: i64 = 12;
pub const BOB: i64 = 13;
/// The chat that is not allowed.
pub const EVE: i64 = 66;

/// Waits for something, but not for ever.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("what is waited for comes")
}

/// A relay, a Telegram and a folder for what the channel writes down.
pub struct World {
    pub relay: TestRelay,
    pub telegram: Telegram,
    pub folder: TempDir,
    /// The relay's token, where it asks for one.
    pub token: Option<&'static str>,
}

/// A channel that runs in this process.
pub struct Running {
    stop: watch::Sender<bool>,
    ended: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Tells it to end, and waits until it has.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        soon(self.ended).await.unwrap().unwrap();
    }

    /// Waits until it ends by itself.
    pub async fn end(self) -> Result<(), Failure> {
        soon(self.ended).await.unwrap()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::of(TestRelay::start().await, None).await
    }

    /// A relay that asks for a token and refuses the unproven.
    pub async fn strict() -> Self {
        let token = "a-token-for-the-relay";
        let relay = TestRelay::builder().token(token).strict().start().await;
        Self::of(relay, Some(token)).await
    }

    async fn of(relay: TestRelay, token: Option<&'static str>) -> Self {
        Self {
            relay,
            token,
            telegram: Telegram::start().await,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A channel with these chats, and a pace that no test has to wait for.
    pub fn settings(&self, chats: &str) -> Settings {
        let get = |name: &str| match name {
            "AGENT_RELAY_URL" => Some(self.relay.url()),
            "AGENT_RELAY_TOKEN" => self.token.map(str::to_owned),
            "AGENT_RELAY_TELEGRAM_TOKEN" => Some(TOKEN.to_owned()),
            "AGENT_RELAY_TELEGRAM_API_URL" => Some(self.telegram.url()),
            "AGENT_RELAY_TELEGRAM_CHATS" => Some(chats.to_owned()),
            _ => None,
        };
        let mut settings = Settings::read(&get).unwrap();
        settings.ledger = self.folder.path().join("channels/telegram.json");
        settings.token_file = self.folder.path().join("telegram-token.json");
        settings.pace = Pace { first: Duration::from_millis(2), most: Duration::from_millis(20) };
        settings
    }

    /// Starts a channel and waits until it carries.
    pub async fn carry(&self, chats: &str) -> Running {
        let polls = self.telegram.polls();
        let (stop, stopped) = watch::channel(false);
        let ended = tokio::spawn(telegram_channel::run(self.settings(chats), stopped));
        soon(self.telegram.until(|seen| seen.polls > polls)).await;
        Running { stop, ended }
    }

    pub fn client(&self) -> Relay {
        Relay::new(&self.relay.url(), self.token).unwrap()
    }

    /// Registers an agent, spoken to as which the relay is returned.
    pub async fn agent(&self, id: &str, label: Option<&str>) -> Relay {
        let mut register = RegisterAgent::new(id.parse().unwrap());
        register.label = label.map(|label| label.parse().unwrap());
        let registered = self.client().register_agent(&register).await.unwrap();
        self.client().with_token(&registered.token.unwrap()).unwrap()
    }

    /// The next messages to an agent, as soon as there are so many.
    pub async fn mail(&self, id: &str, count: usize) -> Vec<Message> {
        let query = relay_client::core::api::query::Messages {
            reader: Some(id.parse().unwrap()),
            unread: Some(true),
            ..Default::default()
        };
        let asked = async {
            loop {
                let page = self.client().messages(&query).await;
                if let Ok(page) = page.map(|page| page.items)
                    && page.len() >= count
                {
                    return page;
                }
            }
        };
        let mail = soon(asked).await;
        assert_eq!(mail.len(), count, "{mail:?}");
        mail
    }

    /// Waits until the channel has read a message.
    pub async fn until_read(&self, message: &Message) {
        let me: AgentId = "telegram".parse().unwrap();
        let asked = async {
            while !self.client().message(message.id).await.is_ok_and(|m| m.read_by.contains(&me)) {}
        };
        soon(asked).await;
    }
}

/// Sends a message to the channel.
pub async fn send(relay: &Relay, from: &str, body: &str) -> Message {
    send_request(relay, request(from, "telegram", body)).await
}

pub async fn send_request(relay: &Relay, request: SendMessage) -> Message {
    relay.send_message(request).await.unwrap().message
}

pub fn request(from: &str, to: &str, body: &str) -> SendMessage {
    SendMessage::new(from.parse().unwrap(), to.parse().unwrap(), body.parse().unwrap())
}

/// An answer of one agent to a message.
pub async fn answer(relay: &Relay, from: &str, to: &Message, body: &str) -> Message {
    let mut request = request(from, to.from.as_str(), body);
    request.reply_to = Some(to.id);
    send_request(relay, request).await
}
