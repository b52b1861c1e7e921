//! What is written in one transaction.

use crate::{
    error::StoreError,
    queue::{Item, Job},
    send::Sending,
};

/// The most commands in one transaction.
pub(crate) const MOST: usize = 256;

/// What waits to be written together.
pub(crate) struct Batch {
    pub(crate) jobs: Vec<Box<dyn Job>>,
    pub(crate) sends: Vec<Sending>,
    /// True where more may join it.
    open: bool,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { jobs: Vec::new(), sends: Vec::new(), open: true }
    }

    /// One command, apart from all others.
    pub(crate) fn of_job(job: Box<dyn Job>) -> Self {
        Self { jobs: vec![job], sends: Vec::new(), open: false }
    }

    /// One message, apart from all others.
    pub(crate) fn of_send(send: Sending) -> Self {
        Self { jobs: Vec::new(), sends: vec![send], open: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len() + self.sends.len()
    }

    /// True where more may join it.
    pub(crate) fn has_room(&self) -> bool {
        self.open && self.len() < MOST
    }

    /// True where it is nothing but plain messages.
    pub(crate) fn is_plain(&self) -> bool {
        self.jobs.is_empty() && self.sends.iter().all(Sending::is_plain)
    }

    /// Takes in what the queue holds; hands back what is no command.
    pub(crate) fn take(&mut self, item: Item) -> Option<Item> {
        match item {
            Item::Send(send) => self.sends.push(*send),
            Item::Run(job) => self.jobs.push(job),
            other => return Some(other),
        }
        None
    }

    /// Answers every caller.
    pub(crate) fn answer(self, failed: Option<&StoreError>) {
        for job in self.jobs {
            job.answer(failed.map(StoreError::again));
        }
        for send in self.sends {
            send.answer(failed.map(StoreError::again));
        }
    }
}
