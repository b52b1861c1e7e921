//! The attempts under way to one receiver: so many at once, never two of one task.

use std::{collections::HashSet, future::Future, pin::Pin};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use relay_core::id::{CallbackId, TaskId};
use relay_store::Due;

type Attempt<'a> = Pin<Box<dyn Future<Output = CallbackId> + Send + 'a>>;

/// Attempts under way.
pub struct UnderWay<'a> {
    attempts: FuturesUnordered<Attempt<'a>>,
    of: Vec<(CallbackId, TaskId)>,
    most: usize,
}

impl<'a> UnderWay<'a> {
    /// None yet, and at most so many.
    pub fn new(most: usize) -> Self {
        Self { attempts: FuturesUnordered::new(), of: Vec::with_capacity(most), most }
    }

    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub fn has_room(&self) -> bool {
        self.of.len() < self.most
    }

    /// The callbacks that are sent right now.
    pub fn ids(&self) -> Vec<CallbackId> {
        self.of.iter().map(|(id, _)| *id).collect()
    }

    /// Tells what may be sent now from what must wait, because there is no room or because another
    /// of its task is sent.
    pub fn choose(&self, due: Vec<Due>) -> (Vec<Due>, Vec<Due>) {
        let mut room = self.most - self.of.len();
        let mut tasks: HashSet<TaskId> = self.of.iter().map(|(_, task)| *task).collect();
        due.into_iter().partition(|callback| {
            let may = room > 0 && tasks.insert(callback.task_id);
            room -= usize::from(may);
            may
        })
    }

    /// Adds an attempt.
    pub fn add(
        &mut self,
        id: CallbackId,
        task: TaskId,
        attempt: impl Future<Output = ()> + Send + 'a,
    ) {
        self.of.push((id, task));
        self.attempts.push(Box::pin(async move {
            attempt.await;
            id
        }));
    }

    /// Waits for one of them to end; for ever where there is none.
    pub async fn ended(&mut self) {
        match self.attempts.next().await {
            Some(ended) => self.of.retain(|(id, _)| *id != ended),
            None => std::future::pending().await,
        }
    }

    /// Waits for all of them.
    pub async fn all_ended(mut self) {
        while !self.is_empty() {
            self.ended().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(id: i64, task: i64) -> Due {
        Due { id: CallbackId(id), task_id: TaskId(task), attempts: 0, body: String::new() }
    }

    fn ids(list: &[Due]) -> Vec<i64> {
        list.iter().map(|due| due.id.0).collect()
    }

    #[tokio::test]
    async fn so_many_at_once_and_never_two_of_a_task() {
        let mut under_way = UnderWay::new(3);
        under_way.add(CallbackId(1), TaskId(1), std::future::pending());
        let line = vec![due(2, 1), due(3, 2), due(4, 2), due(5, 3), due(6, 4)];
        let (now, later) = under_way.choose(line);
        assert_eq!((ids(&now), ids(&later)), (vec![3, 5], vec![2, 4, 6]));
        under_way.add(CallbackId(3), TaskId(2), std::future::ready(()));
        under_way.add(CallbackId(5), TaskId(3), std::future::pending());
        assert!(!under_way.has_room());
        under_way.ended().await;
        assert_eq!(under_way.ids(), [CallbackId(1), CallbackId(5)]);
        let (now, later) = under_way.choose(later);
        assert_eq!((ids(&now), ids(&later)), (vec![4], vec![2, 6]));
    }
}
