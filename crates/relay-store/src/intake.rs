//! Intake: reports of events become tasks, exactly once each.

use relay_core::{
    caller::Verified,
    intake::Report,
    task::{Source, Task},
};

use crate::{error::StoreError, message::Acting, store::Store};

/// What became of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Reported {
    /// It opened a task.
    Opened(Task),
    /// It was counted: a task with its key is active.
    Counted(Task),
    /// The task with its key is done.
    Resolved(Task),
}

impl Store {
    /// Takes a report. While a task of the same source with the same key is active, it is counted
    /// there; else it opens a task, with its claimable message. A resolved one finishes the active
    /// task; where that is finished already, it answers with the last one.
    ///
    /// Refuses with `not_found` what resolves nothing that was ever there, with `target_not_found` an
    /// unknown id. `by` is who reports, where it is an agent or a person.
    pub async fn report(
        &self,
        _source: Source,
        _by: Option<Acting>,
        _verified: Verified,
        _report: Report,
    ) -> Result<Reported, StoreError> {
        todo!()
    }
}
