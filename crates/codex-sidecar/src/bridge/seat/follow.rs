//! Following a thread: hearing of it, telling it who it is, finding out what was missed.

use relay_client::core::{time::Timestamp, version};

use super::Seat;
use crate::{
    app_server::{
        CallError, Client,
        protocol::{
            InjectItems, ListItems, ListTurns, Opened, ReadThread, ResumeThread, ThreadStatus,
            TurnStatus, UnsubscribeThread,
        },
    },
    bridge::{clock, mail::History, thread::Progress, turn::Phase},
    permission, primer,
};

/// How many turns and items are looked through at once, and how often.
const PAGE: u32 = 100;
const MOST_PAGES: u32 = 20;
/// The clocks of two processes, and a call under way.
const SLACK_MS: i64 = 60_000;
/// Between one attempt and the next.
const PAUSE_MS: i64 = 300;

impl Seat {
    /// Hears of the thread from now on.
    pub(super) async fn follow(&mut self, client: Client) {
        self.lost_at = None;
        self.client = Some(client.clone());
        match self.subscribe(&client).await {
            Ok(()) => self.not_before = None,
            Err(CallError::Gone) => {}
            Err(error) => {
                tracing::info!(%error, thread = self.agent.thread, "not followed yet");
                self.not_before = Some(Timestamp(clock::now().0 + PAUSE_MS));
            }
        }
    }

    /// Tries again what did not work.
    pub(super) async fn follow_again(&mut self) {
        if let Some(client) = self.client.clone() {
            self.follow(client).await;
        }
    }

    async fn subscribe(&mut self, client: &Client) -> Result<(), CallError> {
        let opened = match self.resume(client).await {
            // Without a turn it has no file, and cannot be followed. The first turn gives it one, and
            // must not be disturbed; before that, what it is told does.
            Err(error) if error.says("no rollout found") && !self.is_active(client).await? => {
                self.introduce(client).await?;
                self.resume(client).await?
            }
            other => other?,
        };
        let status = opened.thread.status.clone();
        let running = match status {
            ThreadStatus::Active { .. } => self.running_turn(client).await?,
            _ => None,
        };
        self.permissions = opened.permissions;
        self.progress = Some(Progress::follow(status, running));
        self.tighten(client).await;
        self.recover(client).await
    }

    async fn resume(&self, client: &Client) -> Result<Opened, CallError> {
        let thread_id = self.agent.thread.clone();
        client.call(&ResumeThread { thread_id, exclude_turns: true }).await
    }

    async fn is_active(&self, client: &Client) -> Result<bool, CallError> {
        let thread_id = self.agent.thread.clone();
        let shown = client.call(&ReadThread { thread_id }).await?;
        Ok(matches!(shown.thread.status, ThreadStatus::Active { .. }))
    }

    async fn running_turn(&self, client: &Client) -> Result<Option<String>, CallError> {
        let thread_id = self.agent.thread.clone();
        let turns =
            client.call(&ListTurns { thread_id, limit: 1, items_view: "notLoaded" }).await?;
        let running = turns.data.into_iter().find(|turn| turn.status == TurnStatus::InProgress);
        Ok(running.map(|turn| turn.id))
    }

    /// Makes the thread as strict as its profile, where it is not.
    async fn tighten(&mut self, client: &Client) {
        let terms = &self.terms;
        let approval = terms.config.approval;
        let update =
            permission::tightened(&self.agent.thread, approval, terms.mode, &self.permissions);
        let Some(update) = update else { return };
        match client.call(&update).await {
            Ok(_) => {
                let permissions = &mut self.permissions;
                if let Some(policy) = update.approval_policy {
                    permissions.approval_policy = policy;
                }
                if let Some(sandbox) = update.sandbox_policy {
                    permissions.sandbox = sandbox;
                }
            }
            Err(error) => {
                tracing::warn!(%error, %approval, "codex does not take the approval mode");
            }
        }
    }

    /// Tells the thread who it is, where it does not know.
    pub(super) async fn introduce_once(&mut self) {
        let Some(client) = self.client.clone() else { return };
        if self.phase() != Phase::Idle || self.journal.told.as_ref() == Some(&self.primer()) {
            return;
        }
        if let Err(error) = self.introduce(&client).await {
            tracing::info!(%error, "the thread is not told who it is yet");
            self.not_before = Some(Timestamp(clock::now().0 + PAUSE_MS));
        }
    }

    async fn introduce(&mut self, client: &Client) -> Result<(), CallError> {
        let text = self.primer();
        client.call(&InjectItems::developer(&self.agent.thread, &text)).await?;
        self.journal.told = Some(text);
        self.save();
        Ok(())
    }

    fn primer(&self) -> String {
        let theirs = self.version.as_deref();
        let mut warnings = self.agent.warnings.clone();
        warnings.extend(theirs.and_then(|theirs| version::warning(version::VERSION, theirs)));
        // What the thread may do by its own settings, Codex tells it.
        let config = &self.terms.config;
        primer::text(&self.agent.id, &config.url, theirs, config.approval, &warnings)
    }

    /// Compares what was sent with what stands in the thread.
    pub(super) async fn recover(&mut self, client: &Client) -> Result<(), CallError> {
        let Some(oldest) = self.journal.mail.oldest() else { return Ok(()) };
        let history = self.history(client, Timestamp(oldest.0 - SLACK_MS)).await?;
        let receipts = self.journal.mail.recover(&history, clock::now());
        self.save();
        self.tell(receipts);
        Ok(())
    }

    async fn history(&self, client: &Client, since: Timestamp) -> Result<History, CallError> {
        let thread_id = self.agent.thread.clone();
        let turns = ListTurns { thread_id, limit: PAGE, items_view: "notLoaded" };
        let turns = client.call(&turns).await?.data;
        let turns: Vec<_> = turns.into_iter().map(|turn| (turn.id, turn.status)).collect();
        let running = self.progress.as_ref().and_then(|p| p.turn().map(str::to_owned));
        let mut history = History { items: Vec::new(), turns, running };
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let thread_id = self.agent.thread.clone();
            let page = ListItems { thread_id, limit: PAGE, sort_direction: "desc", cursor };
            let page = client.call(&page).await?;
            let is_old = |at: Option<i64>| at.is_some_and(|at| at < since.0);
            let old = page.data.last().is_some_and(|last| is_old(last.item.started_at_ms));
            history.items.extend(page.data.into_iter().map(|of| (of.item, of.turn_id)));
            cursor = page.next_cursor;
            if old || cursor.is_none() {
                break;
            }
        }
        Ok(history)
    }

    /// Hears no more of it. The server lets go of a thread that nobody hears of.
    pub(super) async fn unfollow(&self) {
        let Some(client) = &self.client else { return };
        let thread_id = self.agent.thread.clone();
        if let Err(error) = client.call(&UnsubscribeThread { thread_id }).await {
            tracing::info!(%error, "the thread is still followed");
        }
    }
}
