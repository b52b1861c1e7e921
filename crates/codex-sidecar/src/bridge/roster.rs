//! The roster: which threads somebody works in, and where somebody has got up.
//!
//! Codex says when a thread is loaded and when it is let go of, but not when a terminal goes from
//! one to another. A terminal follows one thread at a time, so that whoever joins a thread has left
//! the others: their agents go offline, and the bridge follows them no more, so that the server lets
//! go of them after a minute. Where it does not, somebody else follows that thread: its agent comes
//! back. Without a terminal nobody is expected to sit there, and no thread is left.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use relay_client::core::id::AgentId;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Mode,
    agent::{Agent, start_lock},
    journal::JournalFile,
    seat::{End, Seat, Terms, Word},
};
use crate::app_server::{
    Client, Notice,
    protocol::{ReadThread, Thread, ThreadStatus},
};

/// The server lets go of a thread that nobody follows after 60 seconds.
const LET_GO: Duration = Duration::from_secs(65);
/// What is said of a thread so soon after the bridge has joined it is said because of that.
const ECHO: Duration = Duration::from_secs(3);

/// The threads.
pub struct Roster {
    terms: Arc<Terms>,
    cwd: PathBuf,
    seats: HashMap<String, Taken>,
    /// Threads whose agents have gone because somebody left, and until when the server may hold them.
    left: HashMap<String, Instant>,
    /// Threads that are nobody's: helpers of Codex's own.
    helpers: HashSet<String>,
    tasks: JoinSet<(String, End)>,
}

/// A seat that is taken.
struct Taken {
    agent: AgentId,
    cwd: PathBuf,
    words: mpsc::UnboundedSender<Word>,
    /// When the bridge joined it; none while there is no app-server.
    joined_at: Option<Instant>,
    /// True while somebody sits there, as far as is known.
    wanted: bool,
}

impl Roster {
    /// One without threads.
    pub fn new(terms: Terms, cwd: PathBuf) -> Self {
        Self {
            terms: Arc::new(terms),
            cwd,
            seats: HashMap::new(),
            left: HashMap::new(),
            helpers: HashSet::new(),
            tasks: JoinSet::new(),
        }
    }

    /// An app-server is there, with these threads.
    pub async fn connected(&mut self, client: &Client, loaded: &[String]) {
        // What is not loaded, a terminal will load when it finds the server again. Without one, the
        // seats do so themselves.
        let seats: Vec<_> = self.seats.keys().cloned().collect();
        for thread in seats {
            if self.terms.mode == Mode::Headless || loaded.contains(&thread) {
                self.connect(&thread, client);
            }
        }
        for thread in loaded {
            if !self.seats.contains_key(thread) && !self.left.contains_key(thread) {
                self.meet(client, thread).await;
            }
        }
    }

    /// The app-server is gone.
    pub fn lost(&mut self) {
        self.left.clear();
        for taken in self.seats.values_mut() {
            taken.joined_at = None;
            let _ = taken.words.send(Word::Lost);
        }
    }

    /// Takes note of what the app-server says.
    pub async fn hear(&mut self, client: &Client, notice: Notice) {
        let thread = notice.thread().to_owned();
        match &notice {
            Notice::ThreadStarted(started) => {
                self.joined(client, &thread, Some(started)).await;
            }
            Notice::ThreadJoined { .. } if !self.is_echo(&thread) => {
                self.joined(client, &thread, None).await;
            }
            Notice::StatusChanged { status: ThreadStatus::NotLoaded, .. }
            | Notice::ThreadClosed { .. } => {
                self.left.remove(&thread);
                self.helpers.remove(&thread);
            }
            // One that was loaded from its file is not said to be started.
            Notice::StatusChanged { .. } if !self.sits(&thread) => {
                self.joined(client, &thread, None).await;
            }
            _ => {}
        }
        if let Some(taken) = self.seats.get(&thread) {
            let _ = taken.words.send(Word::Notice(notice));
        }
    }

    /// Waits for a seat to be empty, or for a thread that was left to prove to be somebody's, and
    /// sees to it. Losing it in a `select!` loses nothing.
    pub async fn watch(&mut self, client: &Client) {
        let next = self.left.values().min().copied();
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(Ok((thread, end))) = self.tasks.join_next() => self.emptied(client, thread, end),
            () = due => {
                let now = Instant::now();
                let held: Vec<_> =
                    self.left.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect();
                for thread in held {
                    tracing::info!(thread, "somebody else follows it");
                    self.meet(client, &thread).await;
                    self.left.remove(&thread);
                }
            }
        }
    }

    /// Ends all of them.
    pub async fn end(mut self) {
        self.seats.clear();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Somebody sits at this thread now.
    async fn joined(&mut self, client: &Client, thread: &str, started: Option<&Thread>) {
        if self.helpers.contains(thread) {
            return;
        }
        let read = match started {
            Some(started) => Some(started.clone()),
            None if self.seats.contains_key(thread) => None,
            None => self.look(client, thread).await,
        };
        if read.as_ref().is_some_and(|read| !read.is_users()) {
            self.helpers.insert(thread.to_owned());
            return;
        }
        if self.terms.mode == Mode::Terminal {
            self.leave_all_but(thread);
        }
        self.left.remove(thread);
        match (self.seats.get_mut(thread), read) {
            (Some(taken), _) => {
                taken.wanted = true;
                let _ = taken.words.send(Word::Joined);
                if taken.joined_at.is_none() {
                    self.connect(thread, client);
                }
            }
            (None, Some(read)) => self.sit(client, &read),
            (None, None) => {}
        }
    }

    /// A thread is there, and perhaps somebody sits at it.
    async fn meet(&mut self, client: &Client, thread: &str) {
        if let Some(read) = self.look(client, thread).await {
            if read.is_users() {
                self.sit(client, &read);
            } else {
                self.helpers.insert(thread.to_owned());
            }
        }
    }

    async fn look(&self, client: &Client, thread: &str) -> Option<Thread> {
        let thread_id = thread.to_owned();
        match client.call(&ReadThread { thread_id }).await {
            Ok(shown) => Some(shown.thread),
            Err(error) => {
                tracing::info!(%error, thread, "cannot be looked at");
                None
            }
        }
    }

    fn leave_all_but(&mut self, thread: &str) {
        for (other, taken) in &mut self.seats {
            if other != thread && taken.wanted {
                taken.wanted = false;
                let _ = taken.words.send(Word::Left);
            }
        }
    }

    /// Seats the thread's agent.
    fn sit(&mut self, client: &Client, thread: &Thread) {
        let cwd = if thread.cwd.is_empty() { self.cwd.clone() } else { PathBuf::from(&thread.cwd) };
        if let Err(error) = self.seat(&thread.id, cwd) {
            tracing::error!(%error, thread = thread.id, "the thread cannot be an agent");
        }
        self.connect(&thread.id, client);
    }

    fn seat(&mut self, thread: &str, cwd: PathBuf) -> std::io::Result<()> {
        let _one = start_lock()?;
        let is_taken =
            |id: &AgentId| self.seats.values().any(|taken| taken.wanted && taken.agent == *id);
        let agent = Agent::of_thread(thread, cwd.clone(), &self.terms.config, is_taken)?;
        let file = JournalFile::of_thread(thread).map_err(std::io::Error::other)?;
        agent.write_down(&self.terms.config, None);
        let id = agent.id.clone();
        let (seat, ears) = Seat::new(Arc::clone(&self.terms), agent, file);
        let (words, heard) = mpsc::unbounded_channel();
        let taken = Taken { agent: id, cwd, words, joined_at: None, wanted: true };
        self.seats.insert(thread.to_owned(), taken);
        let thread = thread.to_owned();
        self.tasks.spawn(async move { (thread, seat.run(ears, heard).await) });
        Ok(())
    }

    fn connect(&mut self, thread: &str, client: &Client) {
        if let Some(taken) = self.seats.get_mut(thread) {
            taken.joined_at = Some(Instant::now());
            let _ = taken.words.send(Word::Connected(client.clone()));
        }
    }

    /// A seat is empty. Somebody may have come back meanwhile.
    fn emptied(&mut self, client: &Client, thread: String, end: End) {
        tracing::info!(thread, ?end, "the seat is empty");
        let Some(taken) = self.seats.remove(&thread) else { return };
        if end != End::Left {
            return;
        }
        if !taken.wanted {
            self.left.insert(thread, Instant::now() + LET_GO);
            return;
        }
        let again = Thread {
            id: thread,
            cwd: taken.cwd.to_string_lossy().into_owned(),
            ..Thread::default()
        };
        self.sit(client, &again);
    }

    fn sits(&self, thread: &str) -> bool {
        self.seats.get(thread).is_some_and(|taken| taken.wanted)
    }

    fn is_echo(&self, thread: &str) -> bool {
        let just_joined = |taken: &Taken| taken.joined_at.is_some_and(|at| at.elapsed() < ECHO);
        self.seats.get(thread).is_some_and(|taken| taken.wanted && just_joined(taken))
    }
}
