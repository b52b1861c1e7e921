//! What a command that talks to a relay has at hand: the relay, who we are, where to print.

use std::{convert::Infallible, time::Duration};

use relay_client::{config::Config, error::ClientError, http::Relay};
use relay_core::{
    api::request::{ActOnClaim, Heartbeat, MarkMessage},
    error::Code,
    id::{AgentId, MessageId},
    text::Slug,
    time::{Clock as _, Timestamp},
};
use relay_store::SystemClock;

use crate::{
    failure::Failure,
    output::{Output, message::View},
    settings::Settings,
    speaker::Speaker,
};

/// How often a call is made again before the person is told.
const RETRIES: u32 = 2;
/// How long a sign of life may hold up the end of a command.
const BEAT: Duration = Duration::from_secs(5);

/// What a command has at hand.
#[derive(Debug)]
pub struct Context {
    /// The relay, spoken to with our token.
    pub relay: Relay,
    /// What the settings say about agents and the relay.
    pub config: Config,
    /// The context that this is the relay of.
    pub context: Option<Slug>,
    /// The agent that `--agent` names.
    pub named: Option<AgentId>,
    /// Who speaks.
    pub speaker: Speaker,
    /// Where to print.
    pub output: Output,
}

impl Context {
    /// Reads the settings and finds out who we are. Nothing is sent yet.
    pub fn open(
        settings: &Settings,
        named: Option<AgentId>,
        output: Output,
    ) -> Result<Self, Failure> {
        let mut config = settings.client()?;
        let identity = Speaker::look(named.clone(), &config)?;
        if let Some(session) = identity.as_ref().and_then(|identity| identity.session.as_ref())
            && !settings.names_relay()
        {
            config = settings.client_of(&session.relay_url).map_err(|e| settings.wrong(e))?;
        }
        let used = settings.known().at(&config.url).map(|(name, _)| name.clone());
        let relay = config.relay().map_err(|error| settings.wrong(error))?.with_retries(RETRIES);
        let speaker = Speaker::choose(identity, &relay, settings)?;
        let relay = match &speaker.token {
            Some(token) => relay.with_token(token).map_err(|error| settings.wrong(error))?,
            None => relay,
        };
        Ok(Self { relay, config, context: used, named, speaker, output })
    }

    /// The agent that speaks.
    pub fn me(&self) -> &AgentId {
        &self.speaker.agent
    }

    /// The present moment, for ages.
    pub fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Whose eyes look at messages, and when.
    pub fn view(&self) -> View {
        View { me: self.me().clone(), now: self.now() }
    }

    /// Claims, finishes or releases as us.
    pub fn acting(&self, generation: Option<i64>) -> ActOnClaim {
        let agent_id = Some(self.me().clone());
        ActOnClaim { agent_id, instance_id: None, epoch: None, generation }
    }

    /// Notes that a message stands in the caller's context. What is for others was looked at, which
    /// is no reading.
    pub async fn mark_read(&self, id: MessageId) -> Result<(), Failure> {
        let mark = MarkMessage {
            agent_id: Some(self.me().clone()),
            read: Some(true),
            handled: None,
            via: "cli".parse().ok(),
            instance_id: None,
            epoch: None,
        };
        match self.relay.mark_message(id, &mark).await {
            Err(error) if error.is(Code::Forbidden) => Ok(()),
            answer => Ok(answer.map(drop)?),
        }
    }

    /// Does something, and says meanwhile that this terminal's agent is alive.
    pub async fn alive_while<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        let (done, ()) = tokio::join!(work, self.heartbeat());
        Ok(done?)
    }

    /// Does something long, and says again and again that this terminal's agent is alive.
    pub async fn alive_during<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            never = self.keep_alive() => match never {},
        }
    }

    async fn keep_alive(&self) -> Infallible {
        loop {
            self.heartbeat().await;
            tokio::time::sleep(self.config.heartbeat).await;
        }
    }

    /// What fails here fails the command only where it fails the work itself.
    async fn heartbeat(&self) {
        if !self.speaker.is_joined() {
            return;
        }
        let alive = Heartbeat::default();
        match tokio::time::timeout(BEAT, self.relay.heartbeat(self.me(), &alive)).await {
            Ok(Err(error)) if error.is(Code::NotFound) => self.output.warn(&format!(
                "the relay does not know `{0}` any more; `agent-relay join {0}` registers it again",
                self.me()
            )),
            Ok(Err(error @ (ClientError::Refused(_) | ClientError::Unauthorized(_)))) => {
                self.output.warn(&format!("`{}` cannot be kept alive: {error}", self.me()));
            }
            _ => {}
        }
    }
}
