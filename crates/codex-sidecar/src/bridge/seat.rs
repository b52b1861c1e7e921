//! A seat: one thread as an agent, from its beginning until nobody sits there any more.
//!
//! It hears of the thread from the bridge, of its mail from the relay, and decides after each of
//! them what to do ([`super::turn`]). It calls the app-server one call at a time, so that what it
//! has sent is written down before anything else happens.

mod deliver;
mod follow;

use std::sync::Arc;

use relay_client::{
    Config, Incoming, Member, Session, SessionError,
    core::{agent::Approval, message::Message, time::Timestamp},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    Mode,
    agent::{self, Agent},
    clock,
    journal::{Journal, JournalFile},
    mail::Receipt,
    presence::{self, Mood},
    receipt,
    thread::Progress,
    turn::Phase,
};
use crate::{
    app_server::{Client, Notice, protocol::Permissions},
    permission,
    settings::Settings,
};

/// How long a thread may be without an app-server before its agent is gone.
const GRACE_MS: i64 = 30_000;
/// How long the last receipts may take.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(2);

/// What all seats go by.
pub struct Terms {
    /// The relay, and how its agents are described.
    pub config: Config,
    /// What is Codex's own.
    pub settings: Settings,
    /// Who sits there.
    pub mode: Mode,
}

/// What the bridge tells a seat.
pub enum Word {
    /// The app-server is there, and has the thread.
    Connected(Client),
    /// The app-server is gone.
    Lost,
    /// The app-server says this of the thread.
    Notice(Notice),
    /// Whoever sat there has gone to another thread.
    Left,
    /// Somebody sits there after all.
    Joined,
}

/// Why a seat is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Whoever sat there has gone to another thread. The server may still hold the thread.
    Left,
    /// The server has let go of the thread, or is gone for good.
    Closed,
    /// Another process is this agent.
    Replaced,
    /// The bridge ends.
    Told,
}

/// A thread as an agent.
pub struct Seat {
    terms: Arc<Terms>,
    agent: Agent,
    client: Option<Client>,
    progress: Option<Progress>,
    permissions: Permissions,
    file: JournalFile,
    journal: Journal,
    member: Option<Member>,
    /// The relay's version, as far as it is known.
    version: Option<String>,
    mood: watch::Sender<Mood>,
    receipts: mpsc::UnboundedSender<Receipt>,
    leaving: bool,
    /// When the app-server was lost.
    lost_at: Option<Timestamp>,
    /// Nothing is tried before.
    not_before: Option<Timestamp>,
    /// The turn that was asked to stop.
    stopping: Option<String>,
}

/// What a seat listens to besides the bridge.
pub struct Ears {
    session: Option<Session>,
    settled: mpsc::UnboundedReceiver<Message>,
    tasks: JoinSet<()>,
    /// Handed to the task that tells the receipts, once there is a session.
    to_tell: Option<(mpsc::UnboundedReceiver<Receipt>, mpsc::UnboundedSender<Message>)>,
}

impl Seat {
    /// A seat at that thread.
    pub fn new(terms: Arc<Terms>, agent: Agent, file: JournalFile) -> (Self, Ears) {
        let (receipts, to_tell) = mpsc::unbounded_channel();
        let (settle, settled) = mpsc::unbounded_channel();
        let journal = file.read();
        let mood = Mood::of(None, terms.config.approval);
        let seat = Self {
            terms,
            agent,
            client: None,
            progress: None,
            permissions: Permissions::default(),
            file,
            journal,
            member: None,
            version: None,
            mood: watch::Sender::new(mood),
            receipts,
            leaving: false,
            lost_at: None,
            not_before: None,
            stopping: None,
        };
        let ears = Ears {
            session: None,
            settled,
            tasks: JoinSet::new(),
            to_tell: Some((to_tell, settle)),
        };
        (seat, ears)
    }

    /// Is the agent until the seat is empty.
    pub async fn run(mut self, mut ears: Ears, mut words: mpsc::UnboundedReceiver<Word>) -> End {
        self.agent.write_down(&self.terms.config, None);
        self.version = self.ask_version().await;
        let Some(Word::Connected(client)) = words.recv().await else {
            self.agent.forget();
            return End::Told;
        };
        self.follow(client).await;
        let register = self.agent.registration(&self.terms.config, self.approval());
        let terms = Arc::clone(&self.terms);
        let joined = agent::join(&terms.config, register);
        tokio::pin!(joined);
        let end = loop {
            let wake = self.act().await;
            if let Some(end) = self.is_over() {
                break end;
            }
            tokio::select! {
                word = words.recv() => match word {
                    Some(word) => if let Some(end) = self.hear(word).await {
                        break end;
                    },
                    None => break End::Told,
                },
                session = &mut joined, if self.member.is_none() => match session {
                    Some(session) => self.registered(session, &mut ears),
                    None => break End::Closed,
                },
                incoming = next(&mut ears.session) => match incoming {
                    Ok(incoming) => self.arrived(incoming),
                    Err(SessionError::Replaced(refusal)) => {
                        tracing::warn!(agent.id = %self.agent.id, %refusal, "another process is this agent");
                        break End::Replaced;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no mail for now");
                        ears.session = None;
                    }
                },
                Some(message) = ears.settled.recv() => {
                    self.journal.mail.told(&message);
                    self.save();
                }
                () = clock::reached(wake) => {}
            }
        };
        self.leave(end, ears).await;
        end
    }

    /// What the thread is doing.
    fn phase(&self) -> Phase {
        self.progress.as_ref().map(Progress::phase).unwrap_or_default()
    }

    fn approval(&self) -> Approval {
        match self.progress {
            Some(_) => permission::shown(&self.permissions),
            None => self.terms.config.approval,
        }
    }

    async fn ask_version(&self) -> Option<String> {
        let relay = self.terms.config.relay().ok()?.with_retries(0);
        let patience = std::time::Duration::from_millis(400);
        let stats = tokio::time::timeout(patience, relay.stats()).await.ok()?.ok()?;
        Some(stats.version)
    }

    async fn hear(&mut self, word: Word) -> Option<End> {
        match word {
            Word::Connected(client) => self.follow(client).await,
            Word::Lost => {
                self.client = None;
                self.progress = None;
                self.lost_at = Some(clock::now());
            }
            Word::Notice(Notice::ThreadClosed { .. }) => return Some(End::Closed),
            Word::Notice(notice) => self.note(&notice),
            Word::Left => self.leaving = true,
            Word::Joined => self.leaving = false,
        }
        self.mood.send_if_modified(|told| {
            let mood = Mood::of(self.progress.as_ref(), self.approval());
            std::mem::replace(told, mood) != mood
        });
        None
    }

    fn note(&mut self, notice: &Notice) {
        if let Some(progress) = &mut self.progress {
            progress.note(notice);
        }
        let mail = &mut self.journal.mail;
        let receipts = match notice {
            Notice::ItemStarted { item, turn, .. } => mail.seen(item, turn),
            Notice::ItemCompleted { item, turn, .. } => {
                if item.kind == "contextCompaction" {
                    // What the thread was told is not in the summary.
                    self.journal.told = None;
                }
                mail.seen(item, turn)
            }
            Notice::TurnCompleted { turn, .. } => {
                self.stopping = None;
                mail.ended(&turn.id, turn.status, clock::now())
            }
            Notice::PermissionsChanged { permissions, .. } => {
                self.permissions = permissions.clone();
                Vec::new()
            }
            _ => return,
        };
        self.tell(receipts);
    }

    /// Hands on what the relay has to be told, once it is written down.
    fn tell(&mut self, receipts: Vec<Receipt>) {
        if receipts.is_empty() {
            return;
        }
        self.save();
        for receipt in receipts {
            // The task that tells them ends with the seat.
            let _ = self.receipts.send(receipt);
        }
    }

    fn save(&self) {
        if let Err(error) = self.file.write(&self.journal) {
            tracing::error!(%error, "the journal cannot be written");
        }
    }

    fn arrived(&mut self, incoming: Incoming) {
        let Incoming { message, again, .. } = incoming;
        tracing::debug!(message.id = %message.id, again, "mail");
        self.journal.mail.arrive(message, again, clock::now());
    }

    fn registered(&mut self, session: Session, ears: &mut Ears) {
        let member = session.member();
        tracing::info!(agent.id = %member.id(), thread = self.agent.thread, "registered");
        if *member.id() != self.agent.id {
            self.agent.forget();
            self.agent.id = member.id().clone();
        }
        self.agent.write_down(&self.terms.config, member.token());
        ears.tasks.spawn(presence::keep(member.clone(), self.mood.subscribe()));
        if let Some((receipts, settled)) = ears.to_tell.take() {
            ears.tasks.spawn(receipt::keep(member.clone(), receipts, settled));
        }
        self.tell(self.journal.mail.untold());
        self.member = Some(member);
        ears.session = Some(session);
    }

    /// True to the end: the seat that somebody has left is empty once nothing is going on in it.
    fn is_over(&self) -> Option<End> {
        let quiet = matches!(self.phase(), Phase::Idle | Phase::Unknown);
        if self.leaving && quiet && !self.journal.mail.is_in_flight() {
            return Some(End::Left);
        }
        let lost = self.lost_at.is_some_and(|at| clock::now().0 - at.0 >= GRACE_MS);
        lost.then_some(End::Closed)
    }

    async fn leave(mut self, end: End, mut ears: Ears) {
        self.agent.forget();
        if end == End::Left {
            self.unfollow().await;
        }
        // The receipts that are under way end with their queue.
        let (closed, _) = mpsc::unbounded_channel();
        self.receipts = closed;
        let last = *self.mood.borrow();
        self.mood = watch::Sender::new(last);
        let rest = async { while ears.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, rest).await;
        while let Ok(message) = ears.settled.try_recv() {
            self.journal.mail.told(&message);
        }
        self.save();
        if let Some(session) = ears.session
            && let Err(error) = session.end().await
        {
            tracing::info!(%error, "the relay was not told that we go");
        }
    }
}

async fn next(session: &mut Option<Session>) -> Result<Incoming, SessionError> {
    match session {
        Some(session) => session.next().await,
        None => std::future::pending().await,
    }
}
