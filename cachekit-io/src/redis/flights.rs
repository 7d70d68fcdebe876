//! Work that several callers share.

use super::failure::Failure;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;

type Outcome<T> = watch::Receiver<Option<Result<T, Failure>>>;

/// The work in flight, by its purpose. It continues if its callers leave.
pub(super) struct Flights<K, T> {
    under_way: Mutex<Vec<(K, Outcome<T>)>>,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

/// Work that was joined or started.
pub(super) struct Flight<T> {
    outcome: Outcome<T>,
    pub(super) begun_here: bool,
}

impl<T: Clone> Flight<T> {
    /// Its result; `None` if it ended with its runtime.
    pub(super) async fn outcome(mut self) -> Option<Result<T, Failure>> {
        let outcome = self.outcome.wait_for(Option::is_some).await;
        outcome.ok().and_then(|outcome| outcome.clone())
    }
}

impl<K, T> Flights<K, T>
where
    K: PartialEq + Copy,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the work for `what`, or starts it on this runtime.
    pub(super) fn join<F>(&self, what: K, on: &Handle, work: impl FnOnce() -> F) -> Flight<T>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // Finished work is not joined, nor work that lost its runtime.
        under_way
            .retain(|(_, outcome)| outcome.borrow().is_none() && outcome.has_changed().is_ok());
        if let Some((_, outcome)) = under_way.iter().find(|(other, _)| *other == what) {
            return Flight { outcome: outcome.clone(), begun_here: false };
        }
        let (sender, outcome) = watch::channel(None);
        under_way.push((what, outcome.clone()));
        let work = work();
        on.spawn(async move {
            let result = work.await;
            // There may be no waiter left.
            let _ = sender.send(Some(result));
        });
        Flight { outcome, begun_here: true }
    }
}
