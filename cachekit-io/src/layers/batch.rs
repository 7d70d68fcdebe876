//! How a batch passes through a layer: as one call; a further attempt only covers the items that are left.

use super::call::{Attempt, Call};
use super::layered::{Layer, Layered};
use super::removal::Removal;
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, BatchResults, BoxFuture, Fetched,
    Operation,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The state of an item.
enum Item<T> {
    New,
    /// It was requested, and no answer has arrived.
    Asked,
    Answered(Result<T, BackendError>),
}

/// A batch in flight.
struct Items<T, M> {
    operation: Operation,
    state: Mutex<State<T>>,
    /// Whether an item may be requested again. Only checked after a failure.
    may_repeat: M,
}

/// Whether an item may be asked about again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Always,
    /// If the backend did nothing for it.
    IfUnprocessed,
    Never,
}

struct State<T> {
    items: Vec<Item<T>>,
    /// The verdict on the last attempt as a whole.
    verdict: Result<(), BackendError>,
}

impl<T> State<T> {
    /// Whether an item was requested in an attempt that was given up, and may not be repeated.
    fn is_stuck(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Asked))
    }
}

impl<T, M: Fn(usize) -> Repeat> Items<T, M> {
    fn new(operation: Operation, count: usize, may_repeat: M) -> Self {
        let items = (0..count).map(|_| Item::New).collect();
        Self { operation, state: Mutex::new(State { items, verdict: Ok(()) }), may_repeat }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_left(&self, index: usize, item: &Item<T>) -> bool {
        match item {
            Item::New => true,
            Item::Asked => (self.may_repeat)(index) == Repeat::Always,
            Item::Answered(Ok(_)) => false,
            Item::Answered(Err(error)) => self.may_repeat_after(index, error),
        }
    }

    fn may_repeat_after(&self, index: usize, error: &BackendError) -> bool {
        error.is_retryable()
            && match (self.may_repeat)(index) {
                Repeat::Always => true,
                Repeat::IfUnprocessed => error.is_unprocessed(),
                Repeat::Never => false,
            }
    }

    /// Whether another attempt may help any of them.
    fn has_left(&self) -> bool {
        let state = self.state();
        state.items.iter().enumerate().any(|(index, item)| self.is_left(index, item))
    }

    /// Begins an attempt. Returns its items.
    fn ask(&self) -> Vec<usize> {
        let mut state = self.state();
        let mut asked = Vec::new();
        for (index, item) in state.items.iter_mut().enumerate() {
            if self.is_left(index, item) {
                asked.push(index);
                // An error stays until there is a better answer.
                if matches!(item, Item::New) {
                    *item = Item::Asked;
                }
            }
        }
        asked
    }

    /// The verdict on an attempt that has no items left.
    fn as_it_stands(&self) -> Result<(), BackendError> {
        let state = self.state();
        if state.is_stuck() { Err(self.given_up()) } else { state.verdict.clone() }
    }

    fn given_up(&self) -> BackendError {
        let error = BackendError::new(BackendErrorKind::Transient, self.operation);
        error.with_context("given up half-way, and not to be repeated")
    }

    /// Records the results of an attempt, and returns the verdict on it as a whole.
    fn answered(&self, asked: &[usize], brought: BatchResults<T>) -> Result<(), BackendError> {
        let mut verdict: Result<(), BackendError> = Ok(());
        let mut wait = None;
        let mut brought = brought.into_iter();
        let mut state = self.state();
        for &index in asked {
            let answer = brought.next().unwrap_or_else(|| {
                let error = BackendError::new(BackendErrorKind::Transient, self.operation);
                Err(error.with_context("the backend has left out an item of a batch"))
            });
            if let Err(error) = &answer {
                if self.may_repeat_after(index, error) {
                    wait = wait.max(error.retry_after());
                }
                let is_graver = match &verdict {
                    Ok(()) => error.is_retryable() || error.counts_for_breaker(),
                    Err(before) => error.is_retryable() && !before.is_retryable(),
                };
                if is_graver {
                    verdict = Err(error.clone().maybe_processed());
                }
            }
            let item = &mut state.items[index];
            // A layer may have two attempts under way.
            if !matches!(item, Item::Answered(Ok(_))) {
                *item = Item::Answered(answer);
            }
        }
        if let Err(error) = &mut verdict {
            // Of the items that are asked about again, the longest wait; the others make none wait.
            *error = match wait {
                Some(wait) => error.clone().with_retry_after(wait),
                None if error.retry_after().is_some() => {
                    error.clone().with_retry_after(Duration::ZERO)
                }
                None => error.clone(),
            };
        }
        if verdict.is_ok() && state.is_stuck() {
            verdict = Err(self.given_up());
        }
        state.verdict.clone_from(&verdict);
        verdict
    }

    /// The results of all items. Items without one get the result of the layer.
    fn finish(&self, carried: Result<(), BackendError>) -> BatchResults<T> {
        let missing = match carried {
            Err(error) => error,
            Ok(()) => BackendError::new(BackendErrorKind::Transient, self.operation)
                .with_context("no answer came for an item of a batch"),
        };
        let items = std::mem::take(&mut self.state().items);
        let result = |item| match item {
            Item::Answered(result) => result,
            Item::New | Item::Asked => Err(missing.clone()),
        };
        items.into_iter().map(result).collect()
    }
}

impl<L: Layer, B: Backend> Layered<L, B> {
    /// `ask` requests the items with these numbers from the backend.
    fn carry_many<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        count: usize,
        may_repeat: impl Fn(usize) -> Repeat + Send + Sync + 'a,
        ask: impl Fn(&'a dyn Batch, &[usize]) -> BoxFuture<'a, BatchResults<T>> + Send + Sync + 'a,
    ) -> BoxFuture<'a, BatchResults<T>> {
        Box::pin(async move {
            // An empty batch says nothing about the backend.
            if count == 0 {
                return Vec::new();
            }
            let items = Arc::new(Items::new(operation, count, may_repeat));
            let ask = Arc::new(ask);
            let (of_attempt, of_question) = (Arc::clone(&items), Arc::clone(&items));
            let run = move || -> BoxFuture<'a, Result<(), BackendError>> {
                let (items, ask) = (Arc::clone(&of_attempt), Arc::clone(&ask));
                Box::pin(async move {
                    let Some(batch) = self.backend.batch() else {
                        return Err(BackendError::new(BackendErrorKind::Unsupported, operation));
                    };
                    let asked = items.ask();
                    if asked.is_empty() {
                        return items.as_it_stands();
                    }
                    let brought = ask(batch, &asked).await;
                    items.answered(&asked, brought)
                })
            };
            let attempt = Attempt::new(run, move || of_question.has_left());
            let carried = self.layer.carry(Call::keyless(operation), attempt).await;
            items.finish(carried)
        })
    }
}

impl<L: Layer, B: Backend> Batch for Layered<L, B> {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        self.carry_many(
            Operation::GetMany,
            keys.len(),
            |_| Repeat::Always,
            move |batch, asked| {
                let keys: Vec<&str> = asked.iter().map(|&item| keys[item]).collect();
                Box::pin(async move { batch.get_many(&keys).await })
            },
        )
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        let repeatable = OnceLock::new();
        let may_repeat = move |item: usize| repeatable.get_or_init(|| may_repeat(entries))[item];
        self.carry_many(Operation::SetMany, entries.len(), may_repeat, move |batch, asked| {
            let entries: Vec<_> = asked.iter().map(|&item| entries[item].clone()).collect();
            Box::pin(async move { batch.set_many(&entries).await })
        })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        let removals: Arc<[Removal]> = keys.iter().map(|_| Removal::default()).collect();
        self.carry_many(
            Operation::DeleteMany,
            keys.len(),
            |_| Repeat::Always,
            move |batch, asked| {
                let (removals, asked) = (Arc::clone(&removals), asked.to_vec());
                Box::pin(async move {
                    let before: Vec<_> = asked.iter().map(|&item| removals[item].begin()).collect();
                    let keys: Vec<&str> = asked.iter().map(|&item| keys[item]).collect();
                    let found = batch.delete_many(&keys).await;
                    let items = asked.iter().zip(before).zip(found);
                    items
                        .map(|((&item, before), found)| removals[item].end(before, found))
                        .collect()
                })
            },
        )
    }
}

/// Which entries may be written again. Of several with the same key the last one wins: one that failed must not be
/// written after it, done or not. And a write under a lock would take the first attempt's value for another's.
fn may_repeat(entries: &[BatchEntry<'_>]) -> Vec<Repeat> {
    let last: HashMap<_, _> =
        entries.iter().enumerate().map(|(index, entry)| (entry.key, index)).collect();
    let may = |(index, entry): (usize, &BatchEntry<'_>)| match (
        last.get(entry.key) == Some(&index),
        &entry.options.lock,
    ) {
        (false, _) => Repeat::Never,
        (true, Some(_)) => Repeat::IfUnprocessed,
        (true, None) => Repeat::Always,
    };
    entries.iter().enumerate().map(may).collect()
}
