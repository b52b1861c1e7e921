//! The Bot API: one call, and what became of it.
//!
//! The types are `frankenstein`'s. The transport is ours, because the bot's token is part of every
//! address: nothing that is logged or returned from here holds an address.

use std::{
    net::IpAddr,
    sync::{Arc, Once},
    time::Duration,
};

use frankenstein::{
    methods::{GetUpdatesParams, SendMessageParams},
    response::{ErrorResponse, MethodResponse},
    types::{AllowedUpdate, LinkPreviewOptions, MessageId, ReplyParameters, User},
};
use relay_client::error::innermost;
use reqwest::{Url, redirect::Policy};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    chat::{ChatId, Number},
    update::Me,
};

const CONNECT: Duration = Duration::from_secs(10);
/// Shorter than any server's own: a part that meets a connection just being closed would have an
/// unknown outcome.
const POOL_IDLE: Duration = Duration::from_secs(10);
/// How long any answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long Telegram holds back the answer while there is no news.
const HOLD: Duration = Duration::from_secs(50);

/// A bot, and the server through which it speaks. Clones share connections.
#[derive(Clone)]
pub struct Bot {
    client: reqwest::Client,
    api: Url,
    token: Arc<SecretString>,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BotError {
    /// Nothing answered, or the answer broke off.
    #[error("Telegram cannot be reached: {why}")]
    Unreachable {
        /// What the network said.
        why: String,
        /// True when the call may have arrived.
        sent: bool,
    },
    /// Telegram said no.
    #[error("Telegram says: {description} ({code})")]
    Refused {
        /// The status.
        code: u64,
        /// Why, in Telegram's words.
        description: String,
        /// When to come back.
        retry_after: Option<Duration>,
        /// The number that the group has now.
        moved_to: Option<ChatId>,
    },
}

/// What to make of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It had no effect, and may have one later; perhaps it is known when.
    NotYet(Option<Duration>),
    /// It may have had its effect.
    Unknown,
    /// The chat is another one now.
    Moved(ChatId),
    /// It will have none: the chat does not want it, or there is no such chat.
    Never,
    /// The bot itself is not known any more.
    Dismissed,
}

impl BotError {
    /// What to make of it.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Refused { moved_to: Some(chat), .. } => Verdict::Moved(*chat),
            Self::Refused { code: 429, retry_after, .. } => Verdict::NotYet(*retry_after),
            // 409: another program asks for the same bot's news, or a webhook gets them.
            Self::Unreachable { sent: false, .. } | Self::Refused { code: 409, .. } => {
                Verdict::NotYet(None)
            }
            // Telegram answers 404 to a token that never was one.
            Self::Refused { code: 401 | 404, .. } => Verdict::Dismissed,
            Self::Unreachable { sent: true, .. } | Self::Refused { code: 500.., .. } => {
                Verdict::Unknown
            }
            Self::Refused { .. } => Verdict::Never,
        }
    }
}

impl Bot {
    /// A bot by its token. Nothing is sent yet.
    pub fn new(api: Url, token: SecretString) -> Result<Self, String> {
        let client = client(&api).map_err(|e| innermost(&e))?;
        Ok(Self { client, api, token: Arc::new(token) })
    }

    /// Asks who the bot is.
    pub async fn me(&self) -> Result<Me, BotError> {
        let user: User = self.call("getMe", &json!({}), TIMEOUT).await?;
        Ok(Me { id: user.id, username: user.username.unwrap_or_default() })
    }

    /// Waits for news after those that were dealt with. Each is read on its own: one of a kind that
    /// is newer than we are must not hold up the others.
    pub async fn updates(&self, offset: Option<i64>) -> Result<Vec<Value>, BotError> {
        let kinds = vec![
            AllowedUpdate::Message,
            AllowedUpdate::EditedMessage,
            AllowedUpdate::ChannelPost,
            AllowedUpdate::EditedChannelPost,
        ];
        let params = GetUpdatesParams {
            offset,
            limit: None,
            timeout: Some(HOLD.as_secs() as u32),
            allowed_updates: Some(kinds),
        };
        self.call("getUpdates", &params, HOLD + TIMEOUT).await
    }

    /// Sends a text as it is: nothing in it is markup. Returns its number in the chat.
    pub async fn send(
        &self,
        chat: ChatId,
        text: String,
        answers: Option<Number>,
    ) -> Result<Number, BotError> {
        let answers = answers.map(|number| {
            ReplyParameters::builder().message_id(number).allow_sending_without_reply(true).build()
        });
        let params = SendMessageParams::builder()
            .chat_id(chat)
            .text(text)
            .link_preview_options(LinkPreviewOptions::DISABLED)
            .maybe_reply_parameters(answers)
            .build();
        // Of the answer only the number is read: a message that was taken must not count as lost
        // because something else about it is newer than we are.
        let taken: MessageId = self.call("sendMessage", &params, TIMEOUT).await?;
        Ok(taken.message_id)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &impl Serialize,
        within: Duration,
    ) -> Result<T, BotError> {
        let sent = self.client.post(self.address(method)).json(params).timeout(within).send();
        let answer = sent.await.map_err(|e| self.unreachable(e))?;
        let code = u64::from(answer.status().as_u16());
        let body = answer.bytes().await.map_err(|e| self.unreachable(e))?;
        match serde_json::from_slice::<MethodResponse<T>>(&body) {
            Ok(response) if response.ok => Ok(response.result),
            _ => Err(self.refusal(code, &body)),
        }
    }

    fn address(&self, method: &str) -> Url {
        let mut url = self.api.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/bot{}/{method}", self.token.expose_secret()));
        url
    }

    fn refusal(&self, code: u64, body: &[u8]) -> BotError {
        let Ok(error) = serde_json::from_slice::<ErrorResponse>(body) else {
            // A proxy's page, or an answer in a form that we do not know.
            let why = format!("an answer with status {code} that is not the Bot API's");
            return BotError::Unreachable { why, sent: true };
        };
        let parameters = error.parameters;
        BotError::Refused {
            code: error.error_code,
            description: self.redact(&error.description),
            retry_after: parameters
                .and_then(|p| p.retry_after)
                .map(|seconds| Duration::from_secs(seconds.into())),
            moved_to: parameters.and_then(|p| p.migrate_to_chat_id),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> BotError {
        let sent = !error.is_connect() && !error.is_builder();
        BotError::Unreachable { why: self.redact(&innermost(&error.without_url())), sent }
    }

    fn redact(&self, text: &str) -> String {
        text.replace(self.token.expose_secret(), "…")
    }
}

/// No redirects, which would carry the token elsewhere, and no proxy between a machine and itself.
fn client(api: &Url) -> reqwest::Result<reqwest::Client> {
    install_crypto();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("agent-relay-telegram/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true)
        .http1_only();
    if is_loopback(api) {
        builder = builder.no_proxy();
    }
    if api.scheme() == "http" {
        // Loading the machine's trust roots would be for nothing.
        let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        builder = builder.tls_backend_preconfigured(config.with_no_client_auth());
    }
    builder.build()
}

/// True for a server that can only be this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// rustls asks for one provider per process.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bot() -> Bot {
        let api = "http://127.0.0.1:1/telegram/".parse().unwrap();
        Bot::new(api, SecretString::from("12:secret")).unwrap()
    }

    #[test]
    fn the_token_is_in_the_address_and_nowhere_else() {
        let bot = bot();
        let address = bot.address("getMe");
        assert_eq!(address.as_str(), "http://127.0.0.1:1/telegram/bot12:secret/getMe");
        let echo = json!({"ok": false, "error_code": 400, "description": "no /bot12:secret/x"});
        let refusal = bot.refusal(400, echo.to_string().as_bytes());
        assert_eq!(refusal.to_string(), "Telegram says: no /bot…/x (400)");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_without_its_address() {
        let error = bot().me().await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::NotYet(None));
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret") && !text.contains("getMe"), "{text}");
    }

    #[test]
    fn every_refusal_has_its_verdict() {
        let verdict = |code: u64, parameters: Value| {
            let body = json!({
                "ok": false, "error_code": code, "description": "no", "parameters": parameters,
            });
            bot().refusal(code, body.to_string().as_bytes()).verdict()
        };
        let after = Some(Duration::from_secs(7));
        assert_eq!(verdict(429, json!({"retry_after": 7})), Verdict::NotYet(after));
        assert_eq!(verdict(429, Value::Null), Verdict::NotYet(None));
        assert_eq!(verdict(409, Value::Null), Verdict::NotYet(None));
        assert_eq!(verdict(400, json!({"migrate_to_chat_id": -1005})), Verdict::Moved(-1005));
        assert_eq!(verdict(400, Value::Null), Verdict::Never);
        assert_eq!(verdict(403, Value::Null), Verdict::Never);
        assert_eq!(verdict(401, Value::Null), Verdict::Dismissed);
        assert_eq!(verdict(404, Value::Null), Verdict::Dismissed);
        assert_eq!(verdict(500, Value::Null), Verdict::Unknown);
        assert_eq!(bot().refusal(502, b"<html>").verdict(), Verdict::Unknown);
    }
}
