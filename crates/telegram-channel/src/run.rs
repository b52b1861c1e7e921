//! From start to end: who the bot is, who the agent is, carrying both ways, and going offline.

use std::{sync::Arc, time::Duration};

use relay_client::{ClientError, Session, SessionError, SessionOptions};
use relay_core::{api::request::RegisterAgent, channel::Bridge, version::VERSION};
use tokio::{sync::watch, time::timeout};

use crate::{
    backoff::Backoff,
    bot::{Bot, Verdict, is_loopback},
    channel::{Abandoned, Channel, Stop},
    failure::Failure,
    inbound,
    ledger::Keeper,
    outbound,
    settings::Settings,
    update::Me,
};

/// How long the parts under way may take when the program is to end.
const FINISH: Duration = Duration::from_secs(3);
/// How long going offline may take after that.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Carries until `stop` says true, or until it cannot go on.
///
/// Waits for a relay and for a Telegram that are away, at the start as at any time after.
pub async fn run(settings: Settings, stop: watch::Receiver<bool>) -> Result<(), Failure> {
    match Box::pin(carry(settings, Stop(stop))).await {
        Ok(()) | Err(Abandoned::Stopped) => Ok(()),
        Err(Abandoned::Over(failure)) => Err(failure),
    }
}

async fn carry(settings: Settings, stop: Stop) -> Result<(), Abandoned> {
    warn(&settings);
    let ledger = Keeper::open(&settings.ledger).map_err(over)?;
    let bot = Bot::new(settings.api.clone(), settings.token.clone())
        .map_err(|why| Abandoned::Over(Failure::tls(&why)))?;
    let me = who(&bot, &settings, &stop).await?;
    let mut session = join(&settings, &me, &stop).await?;
    tracing::info!(bot = me.username, agent.id = %session.id(), "carrying");
    let channel = Arc::new(Channel::new(
        (bot, me),
        session.member(),
        settings.chats,
        ledger,
        (settings.pace, stop),
    ));
    let ended = Box::pin(both_ways(&channel, &mut session)).await;
    if timeout(FAREWELL, session.end()).await.is_err() {
        tracing::info!("the relay was not told that we go");
    }
    ended
}

/// A direction that cannot go on ends the other. When the program is to end, what is under way in
/// both is waited for.
async fn both_ways(channel: &Arc<Channel>, session: &mut Session) -> Result<(), Abandoned> {
    let both = async {
        tokio::try_join!(
            unless_stopped(outbound::carry(Arc::clone(channel), session)),
            unless_stopped(inbound::carry(channel)),
        )
    };
    tokio::pin!(both);
    tokio::select! {
        ended = &mut both => return ended.map(drop),
        () = channel.stop.wait() => {}
    }
    timeout(FINISH, both).await.map_or_else(
        |_| {
            tracing::warn!("what is under way takes too long; its outcome is unknown");
            Ok(())
        },
        |ended| ended.map(drop),
    )
}

/// Ends well when the program is to end, so that the other direction is waited for.
async fn unless_stopped(
    carried: impl Future<Output = Result<(), Abandoned>>,
) -> Result<(), Abandoned> {
    match carried.await {
        Err(Abandoned::Stopped) => Ok(()),
        ended => ended,
    }
}

/// Asks Telegram who the bot is, until it answers.
async fn who(bot: &Bot, settings: &Settings, stop: &Stop) -> Result<Me, Abandoned> {
    let mut backoff = Backoff::new(settings.pace);
    loop {
        let error = match stop.or(bot.me()).await? {
            Ok(me) => return Ok(me),
            Err(error) => error,
        };
        let asked = match error.verdict() {
            Verdict::Dismissed => return Err(Abandoned::Over(Failure::dismissed(&error))),
            Verdict::NotYet(asked) => asked,
            _ => None,
        };
        tracing::warn!(%error, "waiting for Telegram");
        stop.or(tokio::time::sleep(backoff.next(asked))).await?;
    }
}

/// Registers with the relay, when there is one.
async fn join(settings: &Settings, me: &Me, stop: &Stop) -> Result<Session, Abandoned> {
    let relay = settings.relay.relay().map_err(|e| over(ClientError::from(e)))?;
    tracing::info!(url = relay.url(), agent.id = %settings.agent, "registering with the relay");
    let mut backoff = Backoff::new(settings.pace);
    loop {
        let options = SessionOptions {
            heartbeat: settings.relay.heartbeat,
            token: None,
            token_file: Some(settings.token_file.clone()),
            wait_for_relay: true,
        };
        let register = registration(settings, me);
        let error = match stop.or(Session::start(relay.clone(), register, options)).await? {
            Ok(session) => return Ok(session),
            Err(error) => error,
        };
        // A relay that is starting or overloaded; what it refuses otherwise stays refused.
        let away = match &error {
            SessionError::Relay(error) => error.status().is_none_or(|status| status >= 500),
            _ => false,
        };
        if !away {
            return Err(over(error));
        }
        tracing::warn!(%error, "waiting for the relay");
        stop.or(tokio::time::sleep(backoff.next(None))).await?;
    }
}

fn registration(settings: &Settings, me: &Me) -> RegisterAgent {
    let mut register = RegisterAgent::new(settings.agent.clone());
    let name = format!("@{}", me.username);
    register.provider = Some("channel".parse().expect("a slug"));
    register.version = VERSION.parse().ok();
    register.name = name.parse().ok();
    register.capabilities = Some(settings.capabilities.clone());
    register.channel = Some(Bridge {
        kind: "telegram".parse().expect("a slug"),
        name: name.parse().unwrap_or_else(|_| "telegram".parse().expect("a line")),
        bindings: settings.chats.bindings(),
    });
    settings.relay.describe(&mut register);
    register
}

/// Says what is allowed and yet likely not meant.
fn warn(settings: &Settings) {
    if settings.chats.is_empty() {
        tracing::warn!(
            "no chat is allowed: write to the bot, and the line here that names your chat's number \
             says what to put into AGENT_RELAY_TELEGRAM_CHATS"
        );
    }
    if settings.api.scheme() == "http" && !is_loopback(&settings.api) {
        tracing::warn!("the Bot API server is reached without TLS: whoever listens has the token");
    }
}

fn over(error: impl Into<Failure>) -> Abandoned {
    Abandoned::Over(error.into())
}
