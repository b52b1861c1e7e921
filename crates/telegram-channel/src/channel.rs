//! The channel itself: the bot on one side, the agent on the other, and the ledger between them.

use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use relay_client::{Member, Relay, SessionError};
use relay_core::{agent::Status, text::printable};
use tokio::sync::watch;

use crate::{
    backoff::{Backoff, Pace},
    bot::{Bot, BotError, Verdict},
    chat::{Chat, ChatId, Chats, Number},
    failure::Failure,
    ledger::Keeper,
    update::{Me, Said},
};

/// How many strangers are remembered as told of in the log.
const STRANGERS: usize = 1000;

/// A notice is not worth a longer wait.
const LONGEST: Duration = Duration::from_mins(1);

/// What all that carry share.
pub struct Channel {
    pub(crate) bot: Bot,
    pub(crate) me: Me,
    pub(crate) member: Member,
    pub(crate) chats: Chats,
    pub(crate) ledger: Keeper,
    pub(crate) stop: Stop,
    pace: Pace,
    strangers: Mutex<HashSet<ChatId>>,
    refusals: Mutex<BTreeMap<ChatId, String>>,
}

/// Why something that is tried until it succeeds has not.
#[derive(Debug, thiserror::Error)]
pub enum Abandoned {
    /// The program is to end.
    #[error("the program is to end")]
    Stopped,
    /// It cannot go on at all.
    #[error("{0}")]
    Over(Failure),
}

/// Says when the program is to end.
#[derive(Clone, Debug)]
pub struct Stop(pub(crate) watch::Receiver<bool>);

impl Stop {
    /// Waits until the program is to end.
    pub async fn wait(&self) {
        let mut stop = self.0.clone();
        // Whoever could say it is gone: that is an end, too.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// True when the program is to end.
    pub fn is_now(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for something, unless the program is to end first.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Abandoned> {
        tokio::select! {
            biased;
            () = self.wait() => Err(Abandoned::Stopped),
            done = work => Ok(done),
        }
    }
}

impl Channel {
    /// A channel between the two.
    pub fn new(
        (bot, me): (Bot, Me),
        member: Member,
        chats: Chats,
        ledger: Keeper,
        (pace, stop): (Pace, Stop),
    ) -> Self {
        Self {
            bot,
            me,
            member,
            chats,
            ledger,
            stop,
            pace,
            strangers: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// Delays for something that is tried until it succeeds.
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.pace)
    }

    /// The relay, spoken to as the agent.
    pub(crate) fn relay(&self) -> Relay {
        self.member.relay()
    }

    /// Asks the relay until it answers. What it refuses for good is returned. A call under way is
    /// not given up when the program is to end: its outcome is worth knowing.
    pub(crate) async fn ask<T, E, F>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<Result<T, SessionError>, Abandoned>
    where
        E: Into<SessionError>,
        F: Future<Output = Result<T, E>>,
    {
        let mut backoff = self.backoff();
        loop {
            let error: SessionError = match ask().await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(error) => error.into(),
            };
            match Later::after(&error) {
                Later::Never => return Ok(Err(error)),
                Later::Over => return Err(Abandoned::Over(error.into())),
                Later::In(asked) => {
                    tracing::warn!(%error, "the relay does not answer; trying again");
                    self.stop.or(tokio::time::sleep(backoff.next(asked))).await?;
                }
            }
        }
    }

    /// Waits before the next attempt of a call to Telegram that failed; ends where none will do.
    pub(crate) async fn pause(
        &self,
        error: &BotError,
        backoff: &mut Backoff,
    ) -> Result<(), Abandoned> {
        let asked = match error.verdict() {
            Verdict::Dismissed => return Err(Abandoned::Over(Failure::dismissed(error))),
            Verdict::NotYet(asked) => asked,
            _ => None,
        };
        let delay = backoff.next(asked);
        tracing::warn!(%error, delay_ms = delay.as_millis() as u64, "trying again");
        self.stop.or(tokio::time::sleep(delay)).await
    }

    /// Tells a chat something that is not from the relay. It arrives at least once, unless the chat
    /// refuses it or has to be left alone for long.
    pub(crate) async fn tell(
        &self,
        chat: ChatId,
        text: &str,
        answers: Option<Number>,
    ) -> Result<(), Abandoned> {
        let text = crate::split::split(text, crate::split::MOST_UNITS)[0].to_owned();
        let mut backoff = self.backoff();
        loop {
            let current = self.ledger.read().await.current(chat);
            let Err(error) = self.bot.send(current, text.clone(), answers).await else {
                return Ok(());
            };
            let verdict = error.verdict();
            // Everybody else who writes would wait, too.
            let long = matches!(verdict, Verdict::NotYet(Some(asked)) if asked > LONGEST);
            if long || verdict == Verdict::Never {
                tracing::warn!(chat, %error, "the chat cannot be told");
                return Ok(());
            }
            if let Verdict::Moved(to) = verdict {
                self.moved(chat, to).await;
            }
            self.pause(&error, &mut backoff).await?;
        }
    }

    /// A chat has another number from now on.
    pub(crate) async fn moved(&self, from: ChatId, to: ChatId) {
        tracing::warn!(
            from,
            to,
            "the group has another number; AGENT_RELAY_TELEGRAM_CHATS may say so"
        );
        self.keep(|ledger| ledger.moved(from, to)).await;
    }

    /// Changes the ledger where going on is better than waiting for the disk.
    pub(crate) async fn keep(&self, change: impl FnOnce(&mut crate::ledger::Ledger)) {
        if let Err(error) = self.ledger.change(change).await {
            tracing::error!(%error, "what was carried cannot be written down");
        }
    }

    /// The settings of a chat that is allowed. A stranger's is told of in the log, once, with what
    /// it takes to allow it.
    pub(crate) async fn allowed(&self, said: &Said) -> Option<&Chat> {
        let original = self.ledger.read().await.original(said.chat);
        let chat = self.chats.get(original);
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if chat.is_none() && strangers.len() < STRANGERS && strangers.insert(said.chat) {
            let (chat, title) = (said.chat, printable(&said.title));
            tracing::warn!(chat, title, "not allowed; add the chat to AGENT_RELAY_TELEGRAM_CHATS");
        }
        chat
    }

    /// Takes note that a chat refuses mail, or takes it again, and shows it with the agent's status.
    pub(crate) async fn note(&self, chat: ChatId, refusal: Option<String>) {
        let detail = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            let before = refusals.get(&chat).cloned();
            if before == refusal {
                return;
            }
            match refusal {
                Some(why) => drop(refusals.insert(chat, why)),
                None => drop(refusals.remove(&chat)),
            }
            let first = refusals.iter().next();
            first.map(|(chat, why)| format!("chat {chat} refuses mail: {why}"))
        };
        let line = detail.map(|text| printable(&text).chars().take(200).collect::<String>());
        let line = line.and_then(|text| text.parse().ok());
        if let Err(error) = self.member.status(Status::Idle, line).await {
            tracing::debug!(%error, "the status is not said");
        }
    }
}

/// When to ask the relay again.
enum Later {
    /// It has said no.
    Never,
    /// This process is not the agent any more.
    Over,
    /// It is away or overloaded; perhaps it said for how long.
    In(Option<Duration>),
}

impl Later {
    fn after(error: &SessionError) -> Self {
        let error = match error {
            SessionError::Replaced(_) => return Self::Over,
            SessionError::TokenFile { .. } => return Self::In(None),
            SessionError::Relay(error) => error,
        };
        match error.refusal() {
            Some(refusal) if matches!(refusal.status, 401 | 408 | 429 | 500..) => {
                Self::In(refusal.retry_after)
            }
            Some(_) => Self::Never,
            None => Self::In(None),
        }
    }
}
