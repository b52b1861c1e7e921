//! How a thread is doing, as the relay shows it.

use std::time::Duration;

use relay_client::{
    Member, SessionError,
    core::{
        agent::{Approval, Status},
        api::request::UpdateAgent,
    },
};
use tokio::{sync::watch, time::sleep};

use super::{thread::Progress, turn::Phase};
use crate::app_server::protocol::Flag;

const PAUSE: Duration = Duration::from_secs(1);

/// How a thread is doing, and what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mood {
    /// Its status.
    pub status: Status,
    /// More about it.
    pub detail: Option<&'static str>,
    /// What it may do without asking.
    pub approval: Approval,
}

impl Mood {
    /// That of a thread; one without an app-server is about to be again.
    pub fn of(progress: Option<&Progress>, approval: Approval) -> Self {
        let (status, detail) = match progress {
            None => (Status::Busy, Some("Codex is restarting")),
            Some(progress) => match progress.phase() {
                Phase::Idle => (Status::Idle, None),
                Phase::Unknown => (Status::Busy, Some("Codex is loading the session")),
                Phase::Asking if progress.asks() == Some(Flag::WaitingOnUserInput) => {
                    (Status::Waiting, Some("asks a question"))
                }
                Phase::Asking => (Status::Waiting, Some("asks for approval")),
                Phase::Speaking | Phase::Tool | Phase::Between => (Status::Busy, None),
            },
        };
        Self { status, detail, approval }
    }
}

/// Tells each change, and again what did not get through, until the session is over.
pub async fn keep(member: Member, mut moods: watch::Receiver<Mood>) {
    loop {
        let mood = *moods.borrow_and_update();
        match tell(&member, mood).await {
            Ok(()) => {}
            Err(SessionError::Replaced(_)) => return,
            Err(error) => {
                tracing::debug!(%error, "the status is told again");
                sleep(PAUSE).await;
                continue;
            }
        }
        if moods.changed().await.is_err() {
            return;
        }
    }
}

async fn tell(member: &Member, mood: Mood) -> Result<(), SessionError> {
    member.status(mood.status, mood.detail.and_then(|detail| detail.parse().ok())).await?;
    if member.agent().approval != mood.approval {
        let change = UpdateAgent { approval: Some(mood.approval), ..UpdateAgent::default() };
        member.relay().update_agent(member.id(), &change).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app_server::protocol::ThreadStatus;

    #[test]
    fn a_thread_is_idle_or_busy_or_waits_for_somebody() {
        let active = |flags: &[Flag]| ThreadStatus::Active { active_flags: flags.to_vec() };
        for (status, expected) in [
            (ThreadStatus::Idle, Status::Idle),
            (ThreadStatus::SystemError, Status::Idle),
            (active(&[]), Status::Busy),
            (active(&[Flag::Unknown]), Status::Busy),
            (active(&[Flag::WaitingOnApproval]), Status::Waiting),
            (active(&[Flag::WaitingOnUserInput]), Status::Waiting),
            (ThreadStatus::NotLoaded, Status::Busy),
        ] {
            let progress = Progress::follow(status.clone(), Some("u".into()));
            let mood = Mood::of(Some(&progress), Approval::Open);
            assert_eq!(mood.status, expected, "{status:?}");
        }
        assert_eq!(Mood::of(None, Approval::Open).status, Status::Busy);
    }
}
