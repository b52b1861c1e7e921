//! From registering to going offline.

use std::{fs, io, sync::Arc, time::Duration};

use relay_client::{
    Config, Member, Session, SessionError, SessionOptions,
    identity::{self, StateFile, token_file},
    place::write_private,
};
use relay_core::{
    agent::Status,
    api::request::RegisterAgent,
    id::AgentId,
    message::{Message, Urgency},
    time::Timestamp,
    version::VERSION,
};
use tokio::{
    net::{UnixDatagram, UnixListener},
    sync::{Notify, watch},
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, sleep},
};

use super::{mouth::Mouth, prune::prune, receipt, report};
use crate::{
    clock,
    courier::{Courier, Nudge, Sight},
    hook::{END, RELAY, REPLACED},
    mailbox::{Mailbox, Stage, open_lock},
    nudge,
    path::{self, Path},
    place::Place,
    seat::Seat,
    signal::Signals,
    status::Mood,
    wire::{self, BELL, MOUTH},
};

/// How often the process and its own word on its status are looked at.
const TICK: Duration = Duration::from_millis(400);
/// How long an earlier companion, whose session has just ended, may take to go.
const SUCCESSION: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(3);
/// A session that begins has no monitor yet, and no file that is watched.
const BEGINNING: Duration = Duration::from_secs(3);
/// How long the last receipts may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the companion cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or socket of its own.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The settings.
    #[error(transparent)]
    Config(#[from] relay_client::ConfigError),
}

/// Is the agent until its Claude is gone, or the session is over.
pub async fn run(agent: &AgentId, pid: u32) -> Result<(), Failure> {
    let place = Place::of_user()?;
    let signals = Signals::listen()?;
    let mailbox = Mailbox::new(place.mailbox(agent));
    mailbox.create()?;
    let Some(_only) = alone(&mailbox).await? else { return Ok(()) };
    let Some(seat) = Seat::of(&place, pid).filter(|seat| seat.agent == *agent) else {
        return Ok(());
    };
    prune(&place, clock::now());
    std::env::set_current_dir(mailbox.folder())?;
    let _ = fs::remove_file(BELL);
    let bell = UnixDatagram::bind(BELL)?;
    let (mouth, mouths) = Mouth::open()?;
    let config = Config::from_env()?;
    let mut companion = Companion {
        place,
        mailbox,
        seat,
        mouth,
        allowed: Path::allowed(),
        interrupt: config.interrupt,
        courier: Courier::new(path::patience_of_the_socket()),
        mood: watch::Sender::new(None),
        receipts: Arc::new(Notify::new()),
        known: 0,
        // Another companion before this one may have counted, too.
        nudges: clock::now().0.unsigned_abs() / 1_000 % 1_000,
        since: clock::now(),
    };
    let mut ears = Ears { bell, mouths, signals };
    companion.attend(&config, &mut ears).await;
    Ok(())
}

/// One companion per agent: the lock is gone with the process that has it.
async fn alone(mailbox: &Mailbox) -> io::Result<Option<fs::File>> {
    let lock = open_lock(&mailbox.file("companion.lock"))?;
    let step = Duration::from_millis(50);
    for _ in 0..SUCCESSION.as_millis() / step.as_millis() {
        if lock.try_lock().is_ok() {
            return Ok(Some(lock));
        }
        sleep(step).await;
    }
    Ok(None)
}

struct Ears {
    bell: UnixDatagram,
    mouths: UnixListener,
    signals: Signals,
}

impl Ears {
    /// Waits for something to look at; false when the companion is told to end.
    async fn hear(&mut self, tick: &mut Interval, mouth: &Mouth) -> bool {
        let mut byte = [0; 8];
        tokio::select! {
            _ = self.bell.recv(&mut byte) => {}
            _ = tick.tick() => {}
            accepted = self.mouths.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(mouth.clone().take(stream));
                }
            }
            () = self.signals.ended() => return false,
        }
        true
    }
}

struct Companion {
    place: Place,
    mailbox: Mailbox,
    seat: Seat,
    mouth: Mouth,
    allowed: Vec<Path>,
    interrupt: bool,
    courier: Courier,
    mood: watch::Sender<Option<Mood>>,
    receipts: Arc<Notify>,
    /// How many messages have been in the queue so far.
    known: usize,
    /// How many nudges were sent so far, from somewhere.
    nudges: u64,
    /// When it began.
    since: Timestamp,
}

impl Companion {
    async fn attend(&mut self, config: &Config, ears: &mut Ears) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.write_state(&config.url, None);
        let joined = join(config, self.registration(config));
        tokio::pin!(joined);
        let session = loop {
            tokio::select! {
                joined = &mut joined => break joined,
                go_on = ears.hear(&mut tick, &self.mouth) => {
                    if !go_on || self.is_over() {
                        break None;
                    }
                }
            }
        };
        if let Some(session) = session {
            self.be(session, config, ears, &mut tick).await;
        }
        self.forget();
    }

    /// Is the agent, until the end.
    async fn be(
        &mut self,
        mut session: Session,
        config: &Config,
        ears: &mut Ears,
        tick: &mut Interval,
    ) {
        let member = session.member();
        self.write_state(&config.url, member.token());
        let mut tasks = JoinSet::new();
        tasks.spawn(hear_version(member.clone(), self.mailbox.clone()));
        tasks.spawn(report::keep(member.clone(), self.mood.subscribe()));
        let mut settled = member.settled();
        let receipts = (member.clone(), self.mailbox.clone(), Arc::clone(&self.receipts));
        tasks.spawn(receipt::keep(receipts.0, receipts.1, receipts.2));
        tracing::info!(agent.id = %member.id(), "registered");
        loop {
            tokio::select! {
                // In the order in which the relay told it: what has come, then what became of it.
                biased;
                incoming = session.next() => match incoming {
                    Ok(incoming) => self.spool(&incoming.message),
                    Err(SessionError::Replaced(refusal)) => {
                        tracing::warn!(%refusal, "another process is this agent");
                        let _ = write_private(&self.mailbox.file(REPLACED), &refusal.to_string());
                        return;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no mail for now");
                        sleep(PAUSE).await;
                    }
                },
                // What was missed may come again; nothing is lost by that.
                Ok(id) = settled.recv() => self.mailbox.withdraw(id),
                go_on = ears.hear(tick, &self.mouth) => {
                    if !go_on || self.is_over() {
                        break;
                    }
                }
            }
            self.look(config, &member);
        }
        // From here on a new session starts a companion of its own, which waits for the lock.
        let _ = fs::remove_file(BELL);
        tasks.shutdown().await;
        let mut told = receipt::Told::default();
        let last = receipt::tell(&member, &self.mailbox, &mut told);
        let _ = tokio::time::timeout(FAREWELL, last).await;
        if let Err(error) = session.end().await {
            tracing::info!(%error, "the relay was not told that we go");
        }
    }

    fn spool(&mut self, message: &Message) {
        match self.mailbox.put(message) {
            Ok(true) => self.known += 1,
            Ok(false) => {}
            // It stays unread, and comes again to the next session.
            Err(error) => tracing::error!(%error, message.id = %message.id, "cannot be kept"),
        }
    }

    /// Looks at what the hooks have done, and does what follows from it.
    fn look(&mut self, config: &Config, member: &Member) {
        self.receipts.notify_one();
        if let Some(seat) = Seat::of(&self.place, self.seat.pid)
            && seat.session != self.seat.session
        {
            self.seat = seat;
            self.write_state(&config.url, member.token());
        }
        let mood = Mood::newer(Mood::of_hooks(&self.mailbox), Mood::of_claude(self.seat.pid));
        let status = mood.as_ref().map_or(Status::Idle, |mood| mood.status);
        self.mood.send_if_modified(|told| {
            let said = |mood: &Option<Mood>| mood.clone().map(|mood| (mood.status, mood.detail));
            let news = said(told) != said(&mood);
            *told = mood;
            news
        });
        self.carry(status);
    }

    fn carry(&mut self, status: Status) {
        let young = clock::now().since(self.since) < BEGINNING;
        if young && !self.mouth.can_print() {
            return;
        }
        let pending = self.mailbox.pending();
        self.known = self.known.max(pending);
        let urgent = self.interrupt && pending > 0 && {
            let queue = self.mailbox.list(Stage::Queue);
            queue.iter().any(|mail| mail.message.urgency == Urgency::Interrupt)
        };
        let taken = (self.known - pending) as u64;
        let sight = Sight { pending, taken, status, ready: self.ready(), urgent };
        if let Some(nudge) = self.courier.next(clock::now(), &sight) {
            tracing::info!(path = nudge.path.as_str(), pending, "nudge");
            self.nudges += 1;
            self.send(nudge, &nudge::text(pending, self.nudges));
        }
    }

    /// The paths that could carry now.
    fn ready(&self) -> Vec<Path> {
        let ready = |path: &Path| match path {
            Path::Socket => {
                wire::session_socket().is_some() && (self.mouth.has_socket() || !self.is_held())
            }
            Path::Monitor => self.mouth.can_print(),
            Path::File => true,
        };
        self.allowed.iter().copied().filter(ready).collect()
    }

    /// What does not come from a child of the session is held back where nothing is asked; before
    /// the first turn, nobody knows.
    fn is_held(&self) -> bool {
        let mode = fs::read_to_string(self.mailbox.file("mode")).unwrap_or_default();
        mode.is_empty() || mode == "bypassPermissions"
    }

    fn send(&self, nudge: Nudge, text: &str) {
        match nudge.path {
            Path::Socket if self.mouth.has_socket() => self.mouth.tell(text, nudge.now),
            Path::Socket => {
                let told = wire::session_socket()
                    .map(|socket| wire::tell_session(&socket, text, nudge.now));
                if let Some(Err(error)) = told {
                    tracing::info!(%error, "the session's socket does not take it");
                }
            }
            Path::Monitor => self.mouth.print(text),
            Path::File => {
                if let Err(error) = write_private(&self.mailbox.nudge_file(), text) {
                    tracing::warn!(%error, "the watched file cannot be written");
                }
            }
        }
    }

    /// True when the session has said goodbye, the process is gone, or it is another agent now.
    fn is_over(&self) -> bool {
        let seat = Seat::of(&self.place, self.seat.pid);
        self.mailbox.file(END).exists()
            || seat.is_none_or(|seat| seat.agent != self.seat.agent)
            || !self.seat.is_taken()
    }

    /// Writes down for commands in the session who they are.
    fn write_state(&self, url: &str, token: Option<String>) {
        let state = StateFile {
            token,
            session: Some(self.seat.session.clone()),
            pid_started_at: self.seat.pid_started_at,
            cwd: Some(self.seat.cwd.clone()),
            ..StateFile::new(self.seat.agent.clone(), url, "claude", self.seat.pid)
        };
        if let Err(error) = identity::save(&state) {
            tracing::warn!(%error, "commands in this session will not know who they are");
        }
    }

    /// Takes away what says that there is such a session.
    fn forget(&self) {
        for name in [BELL, MOUTH, RELAY] {
            let _ = fs::remove_file(self.mailbox.file(name));
        }
        if Seat::of(&self.place, self.seat.pid).is_some_and(|seat| seat.agent == self.seat.agent)
            && !self.seat.is_taken()
        {
            let _ = fs::remove_file(self.place.seat(self.seat.pid));
        }
        if let Err(error) = identity::remove(&self.seat.agent) {
            tracing::info!(%error, "the state file stays");
        }
    }

    fn registration(&self, config: &Config) -> RegisterAgent {
        let cwd = self.seat.cwd.to_string_lossy().into_owned();
        let project = self.seat.cwd.file_name().and_then(|name| name.to_str());
        let mut register = RegisterAgent {
            provider: "claude".parse().ok(),
            project: project.and_then(|project| project.parse().ok()),
            cwd: cwd.parse().ok(),
            tags: Some("claude".parse().into_iter().collect()),
            version: VERSION.parse().ok(),
            status: Some(Status::Idle),
            ..RegisterAgent::new(self.seat.agent.clone())
        };
        config.describe(&mut register);
        register
    }
}

/// Registers, as soon as there is a relay that lets it; never gives up while the session is there.
async fn join(config: &Config, register: RegisterAgent) -> Option<Session> {
    let token_file = token_file(&register.id).ok()?;
    loop {
        let options = SessionOptions {
            heartbeat: config.heartbeat,
            token: None,
            token_file: Some(token_file.clone()),
            wait_for_relay: true,
        };
        match Session::start(config.relay().ok()?, register.clone(), options).await {
            Ok(session) => return Some(session),
            Err(error) => tracing::warn!(%error, "not registered; trying again"),
        }
        sleep(PAUSE).await;
    }
}

/// Asks the relay for its version, which the primer tells.
async fn hear_version(member: Member, mailbox: Mailbox) {
    if let Ok(stats) = member.relay().stats().await {
        let _ = write_private(&mailbox.file(RELAY), &stats.version);
    }
}
